import Dispatch
import Testing

@testable import Postgres

@Suite("A thread for one job at a time")
struct BackgroundWorkerTests {
  @Test("who is told that a job has ended finds it ended")
  func done() {
    let worker = BackgroundWorker()
    for _ in 0..<200 {
      let told = DispatchSemaphore(value: 0)
      var ranBefore = false
      var wasDone = false
      worker.start(
        { ranBefore = true },
        then: {
          wasDone = worker.isDone
          told.signal()
        })
      told.wait()
      #expect(ranBefore && wasDone)
    }
  }
}
