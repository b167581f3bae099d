import Testing

@testable import Engine
@testable import Events
@testable import Postgres

@Suite("A journal that is read ahead")
struct JournalReadAheadTests {
  private static let eventsOfSegment: Int64 = 3

  /// A segment of events whose types are long enough that two dozen segments are more than is read at once.
  private func draft(_ index: Int64, _ random: inout some RandomNumberGenerator) -> SegmentDraft {
    var batch = EventBatch()
    let source = batch.strings.intern("s")
    let type = batch.strings.intern((0..<12_500).map { _ in String(random.next(), radix: 16) }.joined())
    let from = index * Self.eventsOfSegment
    for offset in from..<from + Self.eventsOfSegment {
      batch.events.append(
        Event(
          type: .other, envelope: .bare, row: 0, typeName: type, source: source, id: .none,
          time: Timestamp(microseconds: 1_700_000_000_000_000 + offset), offset: offset, attributes: .none,
          unknown: .none))
    }
    let encoded = batch.encoded()
    return SegmentDraft(
      partition: partition, incarnation: 0, count: Int32(Self.eventsOfSegment), firstOffset: from,
      nextOffset: from + Self.eventsOfSegment, leastTime: batch.events[0].time, greatestTime: batch.events[2].time,
      payload: encoded.payload, payloadDigest: SHA256.digest(of: encoded.payload), identities: encoded.identities,
      identitiesDigest: SHA256.digest(of: encoded.identities))
  }

  /// An empty journal.
  private func begun() throws -> (TestDatabase, PostgresJournalStore) {
    let database = try TestDatabase()
    let journal = try database.journal()
    try journal.begin(database.instance(holding: ["partition/events/0"]))
    return (database, journal)
  }

  @Test("gives every batch once and in order, from the middle of one on, and what came behind the end meanwhile")
  func batches() throws {
    let (database, journal) = try begun()
    var random = SystemRandomNumberGenerator()
    func append(_ segments: Range<Int64>) throws {
      let (from, to) = (segments.lowerBound * Self.eventsOfSegment, segments.upperBound * Self.eventsOfSegment)
      _ = try journal.append([move(epoch: 1, from: from, to: to)], segments.map { draft($0, &random) })
    }
    for first in stride(from: Int64(0), to: 60, by: 20) { try append(first..<first + 20) }
    let bytes = try #require(try database.value("SELECT sum(length(payload)) FROM pleat.journal").flatMap { Int($0) })
    #expect(bytes > 4 << 20, "three reads at least")

    let reader = JournalReadAhead(try database.projection())
    var position: Int64 = 1
    var firsts: [Int64] = []
    func readAll() throws {
      while let batch = try reader.batch(after: position) {
        firsts.append(batch.firstPosition)
        position = batch.lastPosition
      }
    }
    // The first event is folded already.
    try readAll()
    #expect(position == 180 && firsts == (0..<60).map { $0 * Self.eventsOfSegment + 1 })
    // A batch that is folded in parts is given again.
    #expect(try reader.batch(after: position) == nil)
    try append(60..<62)
    #expect(try reader.batch(after: 180)?.firstPosition == 181)
    #expect(try reader.batch(after: 182)?.firstPosition == 181)
    position = 182
    try readAll()
    #expect(position == 186 && firsts.suffix(2) == [181, 184])
  }

  @Test("refuses a journal whose beginning is gone")
  func gap() throws {
    let (database, journal) = try begun()
    var random = SystemRandomNumberGenerator()
    _ = try journal.append([move(epoch: 1, from: 0, to: 6)], [draft(0, &random), draft(1, &random)])
    try database.connect().execute("DELETE FROM pleat.journal WHERE first_position = 1")
    let reader = JournalReadAhead(try database.projection())
    #expect(throws: StoreError.self) { try reader.batch(after: 0) }
    #expect(try reader.batch(after: 3)?.firstPosition == 4)
  }
}
