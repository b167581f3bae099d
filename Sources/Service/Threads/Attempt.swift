import Synchronization

/// One call on a thread of its own, so that who waits for it may do something else, or leave it behind.
///
/// What the call touches belongs to it until its value is there.
package final class Attempt<Value: Sendable>: Sendable {
  private let done = Waker()
  private let result = Mutex<Value?>(nil)

  package init(_ name: String, _ body: @escaping () -> Value) {
    DetachedThread.start(name) { [self] in
      let value = body()
      result.withLock { $0 = value }
      done.wake()
    }
  }

  /// Waits for at most so long; nil while it is under way.
  package func value(within nanoseconds: Int64) -> Value? {
    if let value = result.withLock({ $0 }) { return value }
    done.wait(until: SystemClock.monotonicNanoseconds() + nanoseconds)
    return result.withLock { $0 }
  }
}
