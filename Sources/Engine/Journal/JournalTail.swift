package import Events
import Synchronization

/// A segment in memory, where it stands in the journal.
package final class JournalBatch: Sendable {
  package let firstPosition: Int64
  /// The chain value before it; nil where that is gone.
  package let previousChain: [UInt8]?
  /// The chain value after it.
  package let chain: [UInt8]
  package let partition: TopicPartition
  package let events: EventBatch
  /// About what it takes in memory.
  package let byteCount: Int

  package init(
    firstPosition: Int64, previousChain: [UInt8]?, chain: [UInt8], partition: TopicPartition, events: EventBatch,
    byteCount: Int
  ) {
    (self.firstPosition, self.previousChain, self.chain) = (firstPosition, previousChain, chain)
    (self.partition, self.events, self.byteCount) = (partition, events, byteCount)
  }

  package var lastPosition: Int64 { firstPosition + Int64(events.count) - 1 }
}

/// What ingest has just committed, for the projections of the same process: the end of the journal in memory.
///
/// Bounded in bytes: ingest waits (`mustWait`) for readers that move, and not for those that stand still: they read the journal.
package final class JournalTail: Sendable {
  private struct Reader {
    var position: Int64
    var movedAt: Int64
  }

  private struct State {
    var batches: [JournalBatch] = []
    var bytes = 0
    var readers: [String: Reader] = [:]
    var remoteAppends = 0
    var moreFollows = false

    mutating func trim(to capacity: Int) {
      var dropped = 0
      while bytes > capacity, dropped < batches.count - 1 {
        bytes -= batches[dropped].byteCount
        dropped += 1
      }
      batches.removeFirst(dropped)
    }
  }

  private let state = Mutex(State())
  private let capacity: Int
  private let wake: @Sendable () -> Void

  /// A reader that has not moved for so long is not waited for.
  private static let patienceNanoseconds: Int64 = 2_000_000_000

  /// `wake` is called, from the thread that publishes, when there is something new.
  package init(capacity: Int, wake: @escaping @Sendable () -> Void) { (self.capacity, self.wake) = (capacity, wake) }

  /// Adds committed batches, in order. `moreFollows` says whether ingest is behind by more than a flush, so that the next comes at
  /// once.
  package func publish(_ batches: [JournalBatch], moreFollows: Bool = false) {
    state.withLock { state in
      state.moreFollows = moreFollows
      for batch in batches {
        state.batches.append(batch)
        state.bytes += batch.byteCount
      }
      state.trim(to: capacity)
    }
    wake()
  }

  /// Ingest has nothing on its way any more, whatever it said with the last batches.
  package func noteQuiet() {
    state.withLock { $0.moreFollows = false }
    wake()
  }

  /// What ingest said with the last batches it published, or since.
  package var moreFollows: Bool { state.withLock { $0.moreFollows } }

  /// Another instance has appended, as the database says.
  package func noteRemoteAppend() {
    state.withLock { $0.remoteAppends += 1 }
    wake()
  }

  package var remoteAppends: Int { state.withLock { $0.remoteAppends } }

  /// Whether the readers that move are so far behind that more would be dropped before they came to it.
  package func mustWait(at now: Instant) -> Bool {
    state.withLock { state in
      guard state.bytes >= capacity / 2 else { return false }
      let slowest = state.readers.values
        .filter { now.monotonicNanoseconds - $0.movedAt < Self.patienceNanoseconds }
        .map(\.position).min()
      guard let slowest else { return false }
      var ahead = 0
      var index = state.batches.count - 1
      while index >= 0, state.batches[index].lastPosition > slowest {
        ahead += state.batches[index].byteCount
        index -= 1
      }
      return ahead >= capacity / 2
    }
  }

  /// The batch that holds `position + 1`, if it is in memory. Says that the reader has come to `position`.
  package func next(after position: Int64, reader: String, at now: Instant) -> JournalBatch? {
    state.withLock { state in
      if let known = state.readers[reader], known.position == position {
        // It has not moved: it keeps the time of its last move.
      } else {
        state.readers[reader] = Reader(position: position, movedAt: now.monotonicNanoseconds)
      }
      var low = 0
      var high = state.batches.count
      while low < high {
        let middle = (low + high) / 2
        if state.batches[middle].lastPosition <= position { low = middle + 1 } else { high = middle }
      }
      guard low < state.batches.count, state.batches[low].firstPosition <= position + 1 else { return nil }
      return state.batches[low]
    }
  }

  /// The first position in memory behind `position`, if there is one: what lies before it must be read from the journal.
  package func firstPosition(behind position: Int64) -> Int64? {
    state.withLock { state in
      state.batches.first { $0.firstPosition > position }?.firstPosition
    }
  }

  package func leave(reader: String) { state.withLock { $0.readers[reader] = nil } }

  /// Forgets everything: what is in memory may not be what the journal has.
  package func clear() {
    state.withLock {
      $0.batches = []
      $0.bytes = 0
      $0.moreFollows = false
    }
  }
}
