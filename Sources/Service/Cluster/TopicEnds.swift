package import Engine

/// What the brokers say of partitions' ends.
package struct TopicEnds: Sendable {
  package var known: [TopicPartition: PartitionEnds] = [:]
  /// Why others are not known.
  package var failures: [CommandFailure] = []

  package init(known: [TopicPartition: PartitionEnds] = [:], failures: [CommandFailure] = []) {
    (self.known, self.failures) = (known, failures)
  }

  /// Of all of them, or the first failure.
  package func all() throws(CommandFailure) -> [TopicPartition: PartitionEnds] {
    if let failure = failures.first { throw failure }
    return known
  }
}
