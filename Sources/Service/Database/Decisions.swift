package import Engine
package import Postgres
import Projections

/// The two ways on after an alarm; the database records them and fences whoever reads the partition.
package enum Decisions {
  private static let skip = "SELECT next_offset, incarnation FROM pleat.skip($1, $2, $3, $4)"
  private static let resume = "SELECT next_offset, incarnation FROM pleat.resume($1, $2)"

  /// Where the partition goes on, and its incarnation from there.
  package struct Outcome: Hashable, Sendable {
    package var nextOffset: Int64
    package var incarnation: Int32
  }

  package static func skip(
    _ connection: Connection, _ partition: TopicPartition, to offset: Int64, reason: String
  ) throws(CommandFailure) -> Outcome {
    try decide(
      connection, skip, [.text(partition.topic), .int(partition.partition), .bigint(offset), .text(reason)])
  }

  package static func resume(_ connection: Connection, _ partition: TopicPartition) throws(CommandFailure) -> Outcome {
    try decide(connection, resume, [.text(partition.topic), .int(partition.partition)])
  }

  private static func decide(
    _ connection: Connection, _ sql: String, _ values: [SQLValue]
  ) throws(CommandFailure) -> Outcome {
    do throws(PostgresError) {
      let rows = try connection.query(sql, values).map { row in
        Outcome(nextOffset: row.bigint() ?? 0, incarnation: row.int() ?? 0)
      }
      guard let outcome = rows.first else { throw .unexpected("the decision had no outcome") }
      return outcome
    } catch {
      throw CommandFailure(error)
    }
  }
}
