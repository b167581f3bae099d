/// What is to happen later: a heap by time (milliseconds), ties in the order they were added. Its capacity is fixed.
struct Agenda {
  private struct Entry {
    var due: Int64
    var sequence: UInt64
    var item: Int32
  }

  private var entries: [Entry] = []
  private var sequence: UInt64 = 0
  let capacity: Int

  init(capacity: Int) { self.capacity = capacity }

  var count: Int { entries.count }
  var isFull: Bool { entries.count >= capacity }
  var earliest: Int64? { entries.first?.due }

  /// The caller sees to it that the agenda is not full.
  mutating func add(_ item: Int32, due: Int64) {
    precondition(!isFull, "an agenda has a fixed capacity")
    sequence += 1
    let entry = Entry(due: due, sequence: sequence, item: item)
    entries.append(entry)
    var child = entries.count - 1
    while child > 0 {
      let parent = (child - 1) / 2
      if !Self.precedes(entry, entries[parent]) { break }
      entries[child] = entries[parent]
      child = parent
    }
    entries[child] = entry
  }

  mutating func popEarliest() -> Int32? {
    guard let first = entries.first else { return nil }
    let last = entries.removeLast()
    if entries.isEmpty { return first.item }
    var parent = 0
    while true {
      var child = parent * 2 + 1
      if child >= entries.count { break }
      if child + 1 < entries.count, Self.precedes(entries[child + 1], entries[child]) { child += 1 }
      if !Self.precedes(entries[child], last) { break }
      entries[parent] = entries[child]
      parent = child
    }
    entries[parent] = last
    return first.item
  }

  private static func precedes(_ a: Entry, _ b: Entry) -> Bool {
    a.due != b.due ? a.due < b.due : a.sequence < b.sequence
  }
}
