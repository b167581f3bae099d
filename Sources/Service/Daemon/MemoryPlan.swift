import CSystemd

/// How the memory that the configuration allows is shared out.
///
/// About half of it belongs to nobody here: the program, librdkafka's queues, and what a flush holds while it is written.
package struct MemoryPlan: Hashable, Sendable {
  /// Of the journal's end in memory.
  package var tailBytes: Int
  /// Of each projection's rows that are not dirty.
  package var cacheBytes: Int

  package init(megabytes: Int, projections: Int) {
    let bytes = megabytes << 20
    tailBytes = bytes * 15 / 100
    cacheBytes = bytes * 35 / 100 / max(projections, 1)
  }

  /// Keeps the allocator from keeping what was freed: few arenas for many threads, and large blocks given back.
  package static func tuneAllocator() {
    mallopt(M_ARENA_MAX, 2)
    mallopt(M_TRIM_THRESHOLD, 4 << 20)
    mallopt(M_MMAP_THRESHOLD, 1 << 20)
  }
}
