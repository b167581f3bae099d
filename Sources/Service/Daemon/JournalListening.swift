package import Engine
package import Postgres
import Synchronization

/// A thread that waits for the database's word that something was appended, whoever did it.
package final class JournalListening: Sendable {
  private let listener: JournalListener
  private let waitMilliseconds: Int32
  private let reporter: any Reporter
  private let onAppend: @Sendable () -> Void
  private let isStopping = Atomic<Bool>(false)
  private let pause = Waker()

  private static let retryNanoseconds: Int64 = 1_000_000_000

  package init(
    _ listener: JournalListener, waitMilliseconds: Int32, reporter: any Reporter,
    onAppend: @escaping @Sendable () -> Void
  ) {
    (self.listener, self.waitMilliseconds) = (listener, waitMilliseconds)
    (self.reporter, self.onAppend) = (reporter, onAppend)
  }

  package func start() { DetachedThread.start("listen") { [self] in run() } }

  package func stop() {
    isStopping.store(true, ordering: .releasing)
    listener.stop()
    pause.wake()
  }

  private func run() {
    var isDown = false
    while !isStopping.load(ordering: .acquiring) {
      do throws(PostgresError) {
        switch try listener.wait(milliseconds: waitMilliseconds) {
        case .appended: onAppend()
        case .timedOut: break
        case .stopped: return
        }
        isDown = false
      } catch {
        // Projections also look by themselves, only later.
        if !isDown { reporter.report(.info, "appends of other instances are noticed late: \(error)") }
        isDown = true
        pause.wait(until: SystemClock.monotonicNanoseconds() + Self.retryNanoseconds)
      }
    }
  }
}
