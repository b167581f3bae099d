import CSystemd

/// How the memory that the configuration allows is shared out.
///
/// Most of it belongs to nobody here: the program, librdkafka's queues, the windows of duplicates, what a flush holds while it is
/// written. With these shares 16 partitions stay under 300 MB.
package struct MemoryPlan: Hashable, Sendable {
  /// Of the journal's end in memory.
  package var tailBytes: Int
  /// Of all projections' rows that may stay in memory behind a commit.
  private var cacheBytes: Int
  /// Of all projections' rows that were changed or read since the last commit, beside those.
  private var dirtyBytes: Int
  private var shares: [String: Int]

  /// Projects are many, models are few, sessions go; of the rest nobody knows.
  private static let weights = ["projects": 8, "models": 1, "activity": 1]

  package init(megabytes: Int, projections: [String]) {
    let bytes = megabytes << 20
    tailBytes = bytes * 6 / 100
    cacheBytes = bytes * 13 / 100
    dirtyBytes = bytes * 17 / 100
    shares = Dictionary(uniqueKeysWithValues: projections.map { ($0, Self.weights[$0] ?? 1) })
  }

  /// What a projection may keep of its rows behind a commit.
  package func cacheBytes(of projection: String) -> Int { share(of: projection, in: cacheBytes) }

  /// What a projection may have besides, before it writes rows and drops them.
  package func dirtyBytes(of projection: String) -> Int { share(of: projection, in: dirtyBytes) }

  private func share(of projection: String, in bytes: Int) -> Int {
    bytes * (shares[projection] ?? 0) / max(shares.values.reduce(0, +), 1)
  }

  /// Keeps the allocator from keeping what was freed: few arenas for many threads, and large blocks given back.
  package static func tuneAllocator() {
    mallopt(M_ARENA_MAX, 4)
    mallopt(M_TRIM_THRESHOLD, 4 << 20)
    mallopt(M_MMAP_THRESHOLD, 1 << 20)
  }
}
