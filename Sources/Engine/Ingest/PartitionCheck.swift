/// A partition beside what its broker answered: whether it still is the one that was read.
struct PartitionCheck {
  let partition: IngestPartition
  /// As it was when that was asked…
  let cursor: PartitionCursor
  /// … everything before here read.
  let nextOffset: Int64
  let answer: PartitionAnswer

  /// What its cluster and its ends say against it.
  func alarm(clusterID: String, comparesFirstEnd: Bool) -> String? {
    if let known = cursor.clusterID, known != clusterID {
      return "the cluster is \(clusterID), and was \(known): these are other topics; \(wayOut)"
    }
    if nextOffset > answer.high {
      return "\(shorter): it ends at \(answer.high), and \(nextOffset) was read up to; \(wayOut)"
    }
    // Before anything was read there is nothing else to tell the topic by.
    if let end = cursor.firstEnd, nextOffset < end, end > answer.high, comparesFirstEnd {
      return "\(shorter): it ends at \(answer.high), and ended at \(end) at the first start; \(wayOut)"
    }
    return nil
  }

  /// What the records that it is told by say against it; one that is not there says nothing.
  var alarmOfRecords: String? {
    for known in cursor.fingerprints {
      if known.offset >= answer.high {
        return "\(shorter): it ends at \(answer.high), and had a record at \(known.offset); \(wayOut)"
      }
      if let found = answer.records.first(where: { $0.offset == known.offset }), found != known {
        return "the topic was recreated: offset \(known.offset) holds another record than it did; \(wayOut)"
      }
    }
    return nil
  }

  /// Whether what comes next is gone; says nothing of what was read since.
  var isBehindRetention: Bool { partition.nextOffset < answer.low }

  /// The gap, once everything that was read is written.
  var alarmOfRetention: String {
    let next = partition.cursor.nextOffset
    return
      "offsets \(next) to \(answer.low - 1) are gone (\(answer.low - next) of them): retention was faster; \(wayOut)"
  }

  private var wayOut: String {
    let name = partition.partition
    return
      "decide with `pleat skip \(name.topic) \(name.partition) --to OFFSET --reason TEXT` (low watermark \(answer.low), end \(answer.high))"
  }

  private var shorter: String { "the topic was truncated or recreated" }
}

extension PartitionCursor {
  /// Of the records that its topic is told by.
  var fingerprints: [RecordFingerprint] { [journaled, checked].compactMap { $0 } }
}
