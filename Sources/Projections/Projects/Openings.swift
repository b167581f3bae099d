/// How often a project was opened on each day, in the order of the first openings.
struct Openings {
  struct Day {
    var day: Int32
    var count: Int64
  }
  /// Most projects have no second day, and need no array.
  private var first: Day?
  private var more: [Day] = []

  mutating func add(_ day: Int32, _ count: Int64 = 1) {
    if first == nil {
      first = Day(day: day, count: count)
    } else if first!.day == day {
      first!.count += count
    } else if let index = more.firstIndex(where: { $0.day == day }) {
      more[index].count += count
    } else {
      more.append(Day(day: day, count: count))
    }
  }

  var dayCount: Int { first == nil ? 0 : 1 + more.count }

  func eachDay(_ body: (Day) -> Void) {
    if let first { body(first) }
    for day in more { body(day) }
  }

  var heapBytes: Int { more.isEmpty ? 0 : 32 + more.capacity * MemoryLayout<Day>.stride }
}

extension RowReader {
  /// Days and counts by turns, a `bytea` in LEB128; null for none.
  mutating func openings() -> Openings {
    var openings = Openings()
    guard let numbers = varints() else { return openings }
    guard numbers.count % 2 == 0 else {
      FoldFault.note("a project's stored openings end with a day that has no number")
      return openings
    }
    for index in stride(from: 0, to: numbers.count, by: 2) {
      openings.add(Int32(clamping: numbers[index]), numbers[index + 1])
    }
    return openings
  }
}

extension RowWriter {
  mutating func openings(_ openings: Openings) {
    if openings.dayCount == 0 { return null() }
    let start = beginField()
    openings.eachDay {
      varint(Int64($0.day))
      varint($0.count)
    }
    endField(start)
  }
}
