import Synchronization

/// The input partitions that ingest has found, for the keeper of leases.
package final class PartitionDirectory: Sendable {
  private let partitions = Mutex<[TopicPartition]>([])
  package init() {}
  package var all: [TopicPartition] { partitions.withLock { $0 } }
  func set(_ found: [TopicPartition]) -> Bool {
    partitions.withLock {
      if $0 == found { return false }
      $0 = found
      return true
    }
  }
}
