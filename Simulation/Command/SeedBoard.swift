import Glibc

/// Which seeds a process is at, one for each of its threads, for the process that has started it: it still says so when it has ended.
final class SeedBoard: @unchecked Sendable {
  private let seeds: UnsafeMutablePointer<UInt64>
  private let count: Int

  init(threads: Int) {
    count = threads
    let bytes = threads * MemoryLayout<UInt64>.stride
    let memory = mmap(nil, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0)
    guard let memory, memory != MAP_FAILED else { fatalError("no memory for \(threads) seeds") }
    seeds = memory.bindMemory(to: UInt64.self, capacity: threads)
  }
  deinit { munmap(seeds, count * MemoryLayout<UInt64>.stride) }

  /// Each thread has a place of its own; 0 for none.
  func note(_ seed: UInt64, of thread: Int) { seeds[thread] = seed }

  /// In their order.
  var underWay: [UInt64] { (0..<count).map { seeds[$0] }.filter { $0 != 0 }.sorted() }
}
