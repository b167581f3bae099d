import Engine

/// What a store does on a thread of its own, one job at a time; the connection is the job's until its end is taken.
final class BackgroundJob<Value> {
  private let connection: StoreConnection
  private let worker = BackgroundWorker()
  /// Written by the worker before it is done.
  private var outcome: Result<Value, StoreError>?
  /// From `start` until the end is taken.
  private(set) var isUnderWay = false

  init(over connection: StoreConnection) { self.connection = connection }

  /// `then` is called on the worker's thread once `isDone` says so.
  func start(_ body: @escaping () throws(StoreError) -> Value, then: @escaping () -> Void = {}) {
    precondition(!isUnderWay, "one job at a time")
    isUnderWay = true
    outcome = nil
    worker.start(
      { [self] in
        do throws(StoreError) {
          outcome = .success(try body())
        } catch {
          outcome = .failure(error)
        }
      }, then: then)
  }

  var isDone: Bool { worker.isDone }

  /// Waits for the end without taking it; throws what it threw.
  func wait() throws(StoreError) {
    worker.wait()
    if isUnderWay, case .failure(let error) = outcome { throw error }
  }

  /// Waits for the end, and takes it.
  func finish() throws(StoreError) -> Value {
    guard isUnderWay else { throw .refused("nothing is under way") }
    worker.wait()
    isUnderWay = false
    guard let outcome else { throw .refused("what was under way has no outcome") }
    self.outcome = nil
    return try outcome.get()
  }

  /// Ends a job that nobody waits for any more: its connection breaks, and with it the transaction, unless it is committed.
  func settle() {
    guard isUnderWay else { return }
    connection.interrupt()
    worker.wait()
    connection.endInterrupt()
    isUnderWay = false
    outcome = nil
  }
}
