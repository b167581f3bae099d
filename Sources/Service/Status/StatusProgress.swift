/// How far everything is, to tell rates from two moments.
package struct StatusProgress: Sendable {
  package var read: Int64
  package var journaled: Int64
  package var folded: [String: Int64]

  /// `1200 records/s read, 1200 events/s journaled; folded: models 1200/s, projects 1100/s`.
  package func rates(since before: Self, nanoseconds: Int64) -> String {
    func rate(_ now: Int64, _ then: Int64) -> Int64 {
      Int64((Double(now - then) * 1e9 / Double(max(nanoseconds, 1))).rounded())
    }
    let folded = folded.sorted { $0.key < $1.key }.map { name, position in
      "\(name) \(rate(position, before.folded[name] ?? position))/s"
    }
    return "\(rate(read, before.read)) records/s read, \(rate(journaled, before.journaled)) events/s journaled"
      + (folded.isEmpty ? "" : "; folded: \(folded.joined(separator: ", "))")
  }
}

extension StatusReport {
  package var progress: StatusProgress {
    StatusProgress(
      read: status.partitions.reduce(0) { $0 + $1.position }, journaled: status.journalPosition,
      folded: Dictionary(status.projections.map { ($0.name, $0.position) }) { $1 })
  }
}
