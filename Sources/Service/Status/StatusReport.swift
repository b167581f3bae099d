import Engine
import Events

/// What `pleat status` says: the database's view, with the ends of the topics as Kafka has them now where it was asked.
package struct StatusReport {
  package let instance: String
  package let status: DatabaseStatus
  /// nil where Kafka was not asked.
  package let ends: TopicEnds?
  /// Every projection that should run.
  package let projections: Set<String>
  /// Whether what was waited for has come, whatever followed it; nil where nothing was.
  package let goalIsReached: Bool?

  package init(
    instance: String, status: DatabaseStatus, ends: TopicEnds?, projections: some Sequence<String>,
    goalIsReached: Bool? = nil
  ) {
    (self.instance, self.status, self.ends, self.projections) = (instance, status, ends, Set(projections))
    self.goalIsReached = goalIsReached
  }

  /// Its own, and those of its indices.
  private static let locksOfTable: Int64 = 4
  /// Of the server's locks one query over the journal may take a quarter.
  private static let journalPart: Int64 = 4

  private struct Row {
    var partition: TopicPartition
    var known: DatabaseStatus.Partition?
    var end: Int64?
    /// Where ingest will begin, or has come to.
    var position: Int64
    var lag: Int64? { end.map { max(0, $0 - position) } }
  }

  /// Partitions that were read, and those of the topics that were not yet.
  private var rows: [Row] {
    let known = Dictionary(uniqueKeysWithValues: status.partitions.map { ($0.partition, $0) })
    let all = Set(known.keys).union(ends.map { Set($0.known.keys) } ?? []).sorted()
    return all.map { partition in
      let end = ends?.known[partition]
      return Row(
        partition: partition, known: known[partition], end: end?.high ?? known[partition]?.endOffset,
        position: known[partition]?.position ?? end?.low ?? 0)
    }
  }

  /// Never where Kafka, or one of its brokers, did not say what it holds by now.
  package var isCaughtUp: Bool {
    if let goalIsReached { return goalIsReached }
    guard let ends, ends.failures.isEmpty else { return false }
    let positions = status.awaitedPositions
    let absent = status.absent(from: ends.known)
    return rows.allSatisfy { absent.contains($0.partition) || $0.known?.state != "alarm" && $0.lag == 0 }
      && projections.union(positions.keys).allSatisfy { positions[$0] ?? 0 >= status.journalPosition }
  }

  /// What is no part of the contract's object, a sentence each.
  package var warnings: [String] {
    gone.map { partition in "\(partition) is gone: its topic was made anew, and has fewer partitions now." } + unread
      + unfolded + snapshots + locks
  }

  /// A query over the journal locks each table with its three indices, several sessions do at once, and others need locks too.
  private var locks: [String] {
    let (count, lockable) = status.journalTables
    guard count > lockable / Self.journalPart / Self.locksOfTable else { return [] }
    return [
      "the journal has \(count) tables, and the server's locks are enough for some \(lockable / Self.locksOfTable) at once: raise "
        + "max_locks_per_transaction in postgresql.conf and restart PostgreSQL, or let retention.journal_days drop old ones; without "
        + "locks nothing is read from the journal (out of shared memory)."
    ]
  }

  /// Where there is something to fold.
  private var unfolded: [String] {
    let missing = projections.subtracting(status.projections.map(\.name)).sorted()
    guard !missing.isEmpty, status.journalPosition > 0 else { return [] }
    return [
      "no instance has folded \(missing.joined(separator: ", ")) yet; if none is meant to, set projections.only to the others, for this "
        + "command too."
    ]
  }

  private var unread: [String] {
    guard let ends, ends.failures.isEmpty else { return [] }
    let read = Set(status.partitions.filter { $0.owner != nil }.map(\.partition))
    let begun = Set(status.partitions.map(\.partition))
    let topics = Set(ends.known.keys.map(\.topic))
    return status.awaitedEnds.sorted { $0.key < $1.key }.filter { ends.known[$0.key] == nil && !read.contains($0.key) }
      .map { partition, end in
        let skip = "`pleat skip \(partition.topic) \(partition.partition) --to \(end) --reason TEXT`."
        let what =
          "no derived event is published before \(partition) is read to offset \(end), where it ended at the first start, and "
        if topics.contains(partition.topic) { return what + "its topic has no such partition any more: \(skip)" }
        return what + "nobody is told to read it: name its topic in kafka.topics again"
          + (begun.contains(partition) ? ", or \(skip)" : ".")
      }
  }

  /// Partitions that their topic does not have any more.
  private var gone: [TopicPartition] {
    guard let ends, ends.failures.isEmpty else { return [] }
    let topics = Set(ends.known.keys.map(\.topic))
    return status.absent(from: ends.known).filter { topics.contains($0.topic) }.sorted()
  }

  private var snapshots: [String] {
    status.oldSnapshots.map { snapshot in
      let who = snapshot.pid.map { "backend \($0)" } ?? "a transaction"
      return "\(who) of \(snapshot.login) (\(snapshot.application)) has held a snapshot for "
        + "\(ProgressLine.duration(snapshot.seconds)): dead versions of updated rows pile up meanwhile, and folding slows down; "
        + "end it, or let it commit."
    }
  }

  private func reason(of row: Row) -> String? {
    row.known?.reason.map { "\(row.partition), \(row.known?.state ?? ""): \($0)" }
  }

  private var reasonOfRelay: String? { status.relay.reason.map { "relay, \(status.relay.state): \($0)" } }

  /// Why partitions and the relay stand still, where they do: the contract's object has it of projections alone.
  package var reasons: [String] { rows.compactMap { reason(of: $0) } + [reasonOfRelay].compactMap { $0 } }

  package var json: JSONValue {
    .object([
      "instance": .string(instance), "version": .string(pleatVersion), "caught_up": .bool(isCaughtUp),
      "watermark": .time(status.watermark),
      "partitions": .array(
        rows.map { row in
          .object([
            "topic": .string(row.partition.topic), "partition": .integer(Int64(row.partition.partition)),
            "position": .integer(row.position), "end_offset": .optional(row.end), "lag": .optional(row.lag),
            "owner": .optional(row.known?.owner), "state": .string(row.known?.state ?? "stopped"),
            "duplicates": .integer(row.known?.duplicates ?? 0), "dead_letters": .integer(row.known?.deadLetters ?? 0),
          ])
        }),
      "projections": .array(
        status.projections.map { projection in
          .object([
            "projection": .string(projection.name), "generation": .integer(Int64(projection.generation)),
            "position": .integer(projection.position), "watermark": .time(projection.watermark),
            "behind_positions": .integer(projection.behindPositions),
            "behind_seconds": projection.behindSeconds.map { .number($0) } ?? .null,
            "updated_at": .time(projection.updatedAt), "state": .string(projection.state),
            "reason": .optional(projection.reason),
          ])
        }),
      "relay": .object([
        "state": .string(status.relay.state),
        "delivery": .optional(status.relay.delivery.isEmpty ? nil : status.relay.delivery),
        "behind": .integer(status.relay.behind),
      ]),
    ])
  }

  package var text: String {
    let place: String
    if let ends, !(ends.known.isEmpty && !ends.failures.isEmpty) {
      place = isCaughtUp ? "caught up" : ends.failures.isEmpty ? "behind" : "what Kafka holds is known in part"
    } else {
      place = "what Kafka holds is not known"
    }
    var text = "\(instance), pleat \(pleatVersion): \(place)"
    text += ", watermark \(status.watermark.map(\.rfc3339) ?? "none yet"), journal at \(status.journalPosition)"
    text += ", \(Int64(status.eventsPerSecond.rounded())) events a second of late\n\n"
    var partitions = TextTable([
      ("PARTITION", .left), ("POSITION", .right), ("END", .right), ("LAG", .right), ("OWNER", .left), ("STATE", .left),
      ("DUPLICATES", .right), ("DEAD LETTERS", .right),
    ])
    for row in rows {
      partitions.add([
        "\(row.partition)", "\(row.position)", row.end.map { "\($0)" } ?? "?", row.lag.map { "\($0)" } ?? "?",
        row.known?.owner ?? "-", row.known?.state ?? "stopped", "\(row.known?.duplicates ?? 0)",
        "\(row.known?.deadLetters ?? 0)",
      ])
    }
    text += rows.isEmpty ? "No partition has been read yet.\n" : partitions.text
    var projections = TextTable([
      ("PROJECTION", .left), ("GENERATION", .right), ("POSITION", .right), ("BEHIND", .right), ("WATERMARK", .left),
      ("STATE", .left),
    ])
    for projection in status.projections {
      projections.add([
        projection.name, "\(projection.generation)", "\(projection.position)", "\(projection.behindPositions)",
        projection.watermark?.rfc3339 ?? "-", projection.state,
      ])
    }
    text += status.projections.isEmpty ? "\nNo projection has been folded yet.\n" : "\n" + projections.text
    text += "\nRelay: \(status.relay.state)"
    if !status.relay.delivery.isEmpty {
      text += ", \(status.relay.delivery == "exactly_once" ? "exactly once" : "at least once")"
    }
    text += ", \(status.relay.behind) waiting\n"
    for row in rows {
      if let reason = reason(of: row) { text += "\n\(reason)\n" }
    }
    for projection in status.projections {
      if let reason = projection.reason { text += "\n\(projection.name), \(projection.state): \(reason)\n" }
    }
    if let reason = reasonOfRelay { text += "\n\(reason)\n" }
    for failure in ends?.failures ?? [] { text += "\n\(failure.message)\n" }
    for warning in warnings { text += "\nWarning: \(warning)\n" }
    return text
  }
}
