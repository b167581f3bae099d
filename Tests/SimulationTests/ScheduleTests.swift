import Simulation
import Testing

/// Step by step, each by its name; `docs/faults.md` says what does the same to the real thing.
@Suite("Hard schedules")
struct ScheduleTests {
  @Test("nothing is lost, nothing is twice, and everything catches up", arguments: Schedule.all)
  func schedule(_ schedule: Schedule) {
    #expect(schedule.violations() == [])
  }
}
