import Foundation
import Synchronization
import TestSupport

/// Produces a world's lines a few at a time, and each again until the broker has acknowledged it.
final class Feeder: @unchecked Sendable {
  private let pleat: Installation
  private let chunks: [Data]
  private let state = Mutex((acknowledged: 0, isStopped: false, lastFailure: ""))
  private let done = DispatchSemaphore(value: 0)

  /// Between two chunks, in microseconds.
  private static let pauseMicroseconds: UInt32 = 50_000

  init(_ pleat: Installation, world: Data, linesAChunk: Int) {
    self.pleat = pleat
    let lines = world.split(separator: UInt8(ascii: "\n"))
    chunks = stride(from: 0, to: lines.count, by: linesAChunk).map { start in
      Data(lines[start..<min(start + linesAChunk, lines.count)].joined(separator: [UInt8(ascii: "\n")]))
    }
    Thread.detachNewThread { self.run() }
  }

  private func run() {
    defer { done.signal() }
    for chunk in chunks {
      var isAcknowledged = false
      while !isAcknowledged {
        if state.withLock({ $0.isStopped }) { return }
        do {
          try pleat.produce(chunk)
          isAcknowledged = true
        } catch {
          state.withLock { $0.lastFailure = "\(error)" }
        }
      }
      state.withLock { $0.acknowledged += 1 }
      usleep(Self.pauseMicroseconds)
    }
  }

  /// For a failure's message.
  var progress: String { "\(state.withLock { $0.acknowledged }) of \(chunks.count) chunks are acknowledged" }

  /// Whether everything is acknowledged.
  var isDone: Bool { state.withLock { $0.acknowledged == chunks.count } }

  /// Once everything is acknowledged, its end again: duplicates, which change nothing, and still are something to commit.
  func repeatEnd() {
    guard isDone, let last = chunks.last else { return }
    do { try pleat.produce(last) } catch { state.withLock { $0.lastFailure = "\(error)" } }
  }

  /// Waits until everything is acknowledged.
  func finish(within seconds: Int) throws {
    if done.wait(timeout: .now() + .seconds(seconds)) == .timedOut {
      let failure = state.withLock { state in
        state.isStopped = true
        return state.lastFailure
      }
      throw TestSupportError("\(progress); \(failure)")
    }
  }
}
