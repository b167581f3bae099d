import Foundation
import Synchronization

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

  /// Whether everything is acknowledged.
  var isDone: Bool { state.withLock { $0.acknowledged == chunks.count } }

  /// Waits until everything is acknowledged.
  func finish(within seconds: Int) throws {
    if done.wait(timeout: .now() + .seconds(seconds)) == .timedOut {
      let (acknowledged, _, failure) = state.withLock { $0 }
      state.withLock { $0.isStopped = true }
      throw Wait.TimedOut(description: "\(acknowledged) of \(chunks.count) chunks acknowledged; \(failure)")
    }
  }
}
