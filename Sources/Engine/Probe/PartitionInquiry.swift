/// What a partition's broker is asked for a check, and about which state of it.
struct PartitionInquiry {
  /// As the database had it…
  private let cursor: PartitionCursor
  /// … everything before here read.
  private let nextOffset: Int64
  private let reply: Reply<PartitionAnswer>

  init(_ partition: IngestPartition, _ inquiries: Inquiries) {
    (cursor, nextOffset) = (partition.cursor, partition.nextOffset)
    let known = holds(.fingerprints) ? cursor.fingerprints : []
    reply = inquiries.ask(
      PartitionQuestion(partition.partition, offsets: Set(known.map(\.offset)).sorted()))
  }

  /// nil while no answer has come.
  func check(_ partition: IngestPartition) throws(SourceError) -> PartitionCheck? {
    try reply.get().map {
      PartitionCheck(partition: partition, cursor: cursor, nextOffset: nextOffset, answer: $0)
    }
  }

  var isAnswered: Bool { reply.hasCome }
}
