/// A partition beside what its topic is now: whether it still is the one that was read.
struct PartitionCheck {
  let partition: IngestPartition
  let low: Int64
  let high: Int64

  private var cursor: PartitionCursor { partition.cursor }

  private var wayOut: String {
    let name = partition.partition
    return
      "decide with `pleat skip \(name.topic) \(name.partition) --to OFFSET --reason TEXT` (low watermark \(low), end \(high))"
  }

  private var known: [RecordFingerprint] { [cursor.journaled, cursor.checked].compactMap { $0 } }

  /// Where the records stand that the topic is told by, as far as it reaches.
  var places: [LogStretch] {
    var offsets = known.map(\.offset).filter { $0 < high }
    if offsets.count == 2, offsets[0] == offsets[1] { offsets.removeLast() }
    return offsets.map { LogStretch(partition.partition, at: $0) }
  }

  /// What cluster and ends say against it.
  func alarm(clusterID: String?, comparesFirstEnd: Bool) -> String? {
    if let known = cursor.clusterID, let clusterID, known != clusterID {
      return "the cluster is \(clusterID), and was \(known): these are other topics; \(wayOut)"
    }
    if partition.nextOffset > high {
      return "\(shorter): it ends at \(high), and \(partition.nextOffset) was read up to; \(wayOut)"
    }
    // Before anything was read there is nothing else to tell the topic by.
    if let end = cursor.firstEnd, partition.nextOffset < end, end > high, comparesFirstEnd {
      return "\(shorter): it ends at \(high), and ended at \(end) at the first start; \(wayOut)"
    }
    return nil
  }

  /// What the records that it is told by say against it; no record says nothing.
  func alarm(_ records: [LogStretch: RecordFingerprint?]) -> String? {
    for known in known {
      if known.offset >= high {
        return "\(shorter): it ends at \(high), and had a record at \(known.offset); \(wayOut)"
      }
      if let found = records[LogStretch(partition.partition, at: known.offset)] ?? nil, found != known {
        return "the topic was recreated: offset \(known.offset) holds another record than it did; \(wayOut)"
      }
    }
    return nil
  }

  var alarmOfRetention: String? {
    if partition.nextOffset >= low { return nil }
    return
      "offsets \(partition.nextOffset) to \(low - 1) are gone (\(low - partition.nextOffset) of them): retention was faster; \(wayOut)"
  }

  private var shorter: String { "the topic was truncated or recreated" }
}
