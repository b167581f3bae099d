package import Engine
import Kafka
package import Postgres
import Projections

/// What `pleat skip` asks of Kafka first: an offset that is not there would be the next alarm.
package enum SkippedTo {
  /// Where the partition ends.
  package enum End {
    case unknown
    /// The topic has no such partition, or none any more.
    case gone
    case at(Int64)

    package var offset: Int64? {
      switch self {
      case .unknown: nil
      case .gone: 0
      case .at(let offset): offset
      }
    }
  }

  /// Unknown where no Kafka is configured. Throws with 69 where it cannot be asked.
  package static func requireThere(
    _ offset: Int64, of partition: TopicPartition, _ configuration: Configuration
  ) throws(CommandFailure) -> End {
    guard configuration.kafka.bootstrap != nil else { return .unknown }
    let client: KafkaClientConfiguration
    do throws(ConfigurationError) { client = try Cluster.client(configuration) } catch { throw error.failure }
    guard let ends = try Cluster.ends(client, of: partition) else { return .gone }
    if offset < ends.low || offset > ends.high {
      throw CommandFailure(
        .failure,
        "\(partition) holds offsets from \(ends.low) and ends at \(ends.high): it cannot go on at \(offset).")
    }
    return .at(ends.high)
  }
}

/// The two ways on after an alarm; the database records them and fences whoever reads the partition.
package enum Decisions {
  private static let skip = "SELECT next_offset, incarnation FROM pleat.skip($1, $2, $3, $4, $5)"
  private static let resume = "SELECT next_offset, incarnation FROM pleat.resume($1, $2)"

  /// Where the partition goes on, and its incarnation from there.
  package struct Outcome: Hashable, Sendable {
    package var nextOffset: Int64
    package var incarnation: Int32
  }

  /// Returns nil for a partition that was never read and holds nothing: it is not waited for any more.
  /// - Parameter end: where the partition ends; nil where that is not known.
  package static func skip(
    _ connection: Connection, _ partition: TopicPartition, to offset: Int64, reason: String, end: Int64?
  ) throws(CommandFailure) -> Outcome? {
    try decide(
      connection, skip,
      [.text(partition.topic), .int(partition.partition), .bigint(offset), .text(reason), .bigint(end)])
  }

  package static func resume(_ connection: Connection, _ partition: TopicPartition) throws(CommandFailure) -> Outcome {
    guard let outcome = try decide(connection, resume, [.text(partition.topic), .int(partition.partition)]) else {
      throw CommandFailure(.unexpected("the decision had no outcome"))
    }
    return outcome
  }

  /// Whether ingest waits there for a decision.
  package static func standsStill(
    _ connection: Connection, _ partition: TopicPartition
  ) throws(CommandFailure) -> Bool {
    do throws(PostgresError) {
      return try connection.query(
        "SELECT EXISTS (SELECT FROM pleat.partitions WHERE topic = $1 AND partition = $2 AND state <> 'running')",
        [.text(partition.topic), .int(partition.partition)]
      ).map { row in row.bool() ?? false }.first ?? false
    } catch {
      throw CommandFailure(error)
    }
  }

  /// How many people are to be erased in what the partition still has to read; and how many were forgotten there under another key, and
  /// are not.
  package static func forgottenAhead(
    _ connection: Connection, _ partition: TopicPartition
  ) throws(CommandFailure) -> (again: Int64, strangers: Int64) {
    do throws(PostgresError) {
      return try connection.query(
        "SELECT again, strangers FROM pleat.forgotten_ahead($1, $2)",
        [.text(partition.topic), .int(partition.partition)]
      ).map { row in (row.bigint() ?? 0, row.bigint() ?? 0) }.first ?? (0, 0)
    } catch {
      throw CommandFailure(error)
    }
  }

  private static func decide(
    _ connection: Connection, _ sql: String, _ values: [SQLValue]
  ) throws(CommandFailure) -> Outcome? {
    do throws(PostgresError) {
      return try connection.query(sql, values).map { row in
        Outcome(nextOffset: row.bigint() ?? 0, incarnation: row.int() ?? 0)
      }.first
    } catch {
      throw CommandFailure(error)
    }
  }
}
