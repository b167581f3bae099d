package import Engine
package import Events

/// Where everything stands, by the database alone.
package struct DatabaseStatus: Sendable {
  package struct Partition: Hashable, Sendable {
    package var partition: TopicPartition
    /// The next offset to be read.
    package var position: Int64
    /// The high watermark as ingest last saw it.
    package var endOffset: Int64?
    /// The instance that reads it now.
    package var owner: String?
    package var state: String
    package var reason: String?
    package var duplicates: Int64
    package var deadLetters: Int64

    package init(
      partition: TopicPartition, position: Int64, endOffset: Int64?, owner: String?, state: String, reason: String?,
      duplicates: Int64, deadLetters: Int64
    ) {
      (self.partition, self.position, self.endOffset, self.owner) = (partition, position, endOffset, owner)
      (self.state, self.reason, self.duplicates, self.deadLetters) = (state, reason, duplicates, deadLetters)
    }
  }

  /// A projection's live generation, as `freshness` shows it.
  package struct Projection: Hashable, Sendable {
    package var name: String
    package var generation: Int32
    package var position: Int64
    package var watermark: Timestamp?
    package var behindPositions: Int64
    package var behindSeconds: Double?
    package var updatedAt: Timestamp?
    package var state: String
    package var reason: String?
    /// Given up: nothing waits for it.
    package var isRetired: Bool

    package init(
      name: String, generation: Int32, position: Int64, watermark: Timestamp?, behindPositions: Int64,
      behindSeconds: Double?, updatedAt: Timestamp?, state: String, reason: String?, isRetired: Bool = false
    ) {
      (self.name, self.generation, self.position, self.watermark) = (name, generation, position, watermark)
      (self.behindPositions, self.behindSeconds) = (behindPositions, behindSeconds)
      (self.updatedAt, self.state, self.reason, self.isRetired) = (updatedAt, state, reason, isRetired)
    }
  }

  package struct Relay: Hashable, Sendable {
    package var state: String
    /// `exactly_once` or `at_least_once`; empty before its first start.
    package var delivery: String
    /// Derived events that wait for it.
    package var behind: Int64
    /// Why it stands still.
    package var reason: String?
    package init(state: String, delivery: String, behind: Int64, reason: String? = nil) {
      (self.state, self.delivery, self.behind, self.reason) = (state, delivery, behind, reason)
    }
  }

  /// A transaction that keeps dead versions of updated rows for so long.
  package struct Snapshot: Hashable, Sendable {
    /// nil for a prepared one.
    package var pid: Int32?
    package var login: String
    package var application: String
    package var seconds: Double

    package init(pid: Int32?, login: String, application: String, seconds: Double) {
      (self.pid, self.login, self.application, self.seconds) = (pid, login, application, seconds)
    }
  }

  /// Older than a minute, the oldest first.
  package var oldSnapshots: [Snapshot] = []
  /// Ends at the first start that are not read yet: no derived event is published before they are.
  package var awaitedEnds: [TopicPartition: Int64] = [:]
  /// Journaled a second, in the last minute or, where that was very much, in the last seconds.
  package var eventsPerSecond = 0.0
  /// Tables that the journal has, and objects of which the server can hold locks.
  package var journalTables: (count: Int64, lockable: Int64) = (0, .max)
  /// The journal's last position.
  package var journalPosition: Int64
  package var watermark: Timestamp?
  package var partitions: [Partition]
  package var projections: [Projection]
  package var relay: Relay

  package init(
    journalPosition: Int64, watermark: Timestamp?, partitions: [Partition], projections: [Projection], relay: Relay
  ) {
    (self.journalPosition, self.watermark, self.partitions) = (journalPosition, watermark, partitions)
    (self.projections, self.relay) = (projections, relay)
  }

  /// Where the projections stand that anybody waits for.
  var awaitedPositions: [String: Int64] {
    Dictionary(uniqueKeysWithValues: projections.lazy.filter { !$0.isRetired }.map { ($0.name, $0.position) })
  }

  /// Partitions of which there are no ends: their topic does not have them any more, or nobody is told to read it; one that somebody
  /// reads came after these ends.
  func absent(from ends: [TopicPartition: PartitionEnds]) -> Set<TopicPartition> {
    Set(partitions.filter { $0.owner == nil && ends[$0.partition] == nil }.map(\.partition))
  }
}
