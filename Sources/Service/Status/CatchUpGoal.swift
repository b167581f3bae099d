package import Engine

/// What `status --wait-caught-up` waits for: that everything which Kafka held at one moment is in every projection.
package struct CatchUpGoal {
  private let ends: [TopicPartition: PartitionEnds]
  private let projections: Set<String>
  /// The journal's end once it had all of it.
  private var journalEnd: Int64?

  package init(ends: [TopicPartition: PartitionEnds], projections: some Sequence<String>) {
    (self.ends, self.projections) = (ends, Set(projections))
  }

  /// `status` must have been read after the ends.
  package mutating func isReached(by status: DatabaseStatus) -> Bool {
    let end: Int64
    if let journalEnd {
      end = journalEnd
    } else {
      let positions = Dictionary(uniqueKeysWithValues: status.partitions.map { ($0.partition, $0.position) })
      // A partition that holds nothing needs no cursor.
      let isJournaled = ends.allSatisfy { $0.value.low >= $0.value.high || positions[$0.key] ?? 0 >= $0.value.high }
      let absent = status.absent(from: ends)
      // One that stands still with an alarm may have been read further than its topic goes now.
      let stands = status.partitions.contains { $0.state == "alarm" && !absent.contains($0.partition) }
      if !isJournaled || stands { return false }
      end = status.journalPosition
      journalEnd = end
    }
    let folded = status.awaitedPositions
    // What the database knows and this configuration does not is folded elsewhere, and counts, too.
    return projections.union(folded.keys).allSatisfy { folded[$0] ?? 0 >= end }
  }
}
