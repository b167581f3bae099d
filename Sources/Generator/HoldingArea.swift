/// Records that arrive later than they were made: late, overtaken, or sent again.
struct HoldingArea {
  private var records: [GeneratedRecord] = []
  private var free: [Int32] = []
  private var agenda: Agenda

  static let capacity = 16_384

  init() { agenda = Agenda(capacity: Self.capacity) }

  var count: Int { agenda.count }
  var isFull: Bool { agenda.isFull }

  func isDue(at milliseconds: Int64) -> Bool {
    guard let earliest = agenda.earliest else { return false }
    return earliest <= milliseconds
  }

  mutating func add(_ record: GeneratedRecord, release milliseconds: Int64) {
    let slot: Int32
    if let reused = free.popLast() {
      slot = reused
      records[Int(slot)] = record
    } else {
      slot = Int32(records.count)
      records.append(record)
    }
    agenda.add(slot, due: milliseconds)
  }

  mutating func popEarliest() -> GeneratedRecord? {
    guard let slot = agenda.popEarliest() else { return nil }
    free.append(slot)
    let record = records[Int(slot)]
    records[Int(slot)] = GeneratedRecord()
    return record
  }
}
