package import Engine
package import Postgres
import Projections

/// Reads segments of the journal in order, a page at a time, so that no snapshot stays open while somebody reads the output.
package enum JournalReader {
  package struct Segment {
    package var firstPosition: Int64
    package var partition: TopicPartition
    package var payload: [UInt8]
    package var identities: [UInt8]
  }

  private static let segments = """
    SELECT first_position, event_count, topic, partition, payload, identities FROM pleat.journal
    WHERE first_position >= coalesce((SELECT max(first_position) FROM pleat.journal WHERE first_position <= $1), 0)
      AND first_position + event_count > $1 AND first_position <= $2
    ORDER BY first_position LIMIT $3
    """
  private static let start = "SELECT first_position FROM pleat.journal_start"
  private static let head = "SELECT position FROM pleat.journal_head"

  /// Some megabytes, where segments are as large as flushes are by default.
  private static let pageSize: Int64 = 16

  /// The first position that retention has kept.
  package static func start(_ connection: Connection) throws(CommandFailure) -> Int64 {
    do throws(PostgresError) {
      return try connection.query(start).map { row in row.bigint() ?? 1 }.first ?? 1
    } catch {
      throw CommandFailure(error)
    }
  }

  /// The position of the last event; 0 for none.
  package static func end(_ connection: Connection) throws(CommandFailure) -> Int64 {
    do throws(PostgresError) {
      return try connection.query(head).map { row in row.bigint() ?? 0 }.first ?? 0
    } catch {
      throw CommandFailure(error)
    }
  }

  /// Every segment that holds a position from `first` to `last`.
  package static func read(
    _ connection: Connection, from first: Int64, to last: Int64, _ body: (Segment) throws(CommandFailure) -> Void
  ) throws(CommandFailure) {
    var next = first
    while next <= last {
      let page: [(segment: Segment, count: Int32)]
      do throws(PostgresError) {
        page = try connection.query(segments, [.bigint(next), .bigint(last), .bigint(pageSize)]).map { row in
          let firstPosition = row.bigint() ?? 0
          let count = row.int() ?? 0
          let segment = Segment(
            firstPosition: firstPosition, partition: TopicPartition(row.text() ?? "", row.int() ?? 0),
            payload: row.bytea() ?? [], identities: row.bytea() ?? [])
          return (segment, count)
        }
      } catch {
        throw CommandFailure(error)
      }
      for (segment, count) in page {
        try body(segment)
        next = segment.firstPosition + Int64(count)
      }
      if page.isEmpty { return }
    }
  }
}
