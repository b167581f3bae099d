import Glibc
import Simulation
import Synchronization

/// Looks for the first seed in whose world a mutation is noticed, else for a schedule.
///
/// Each search is a process of its own: what some mutations do ends the process, and that is noticed, too.
struct MutationHunt {
  let mutation: Mutation
  let options: Options

  /// In words; nil where nothing notices it.
  func find() -> String? {
    mutation.apply()
    defer { mutation.takeBack() }
    return firstSeed() ?? firstSchedule()
  }

  private func firstSeed() -> String? {
    let board = SeedBoard(threads: options.jobs)
    switch ChildProcess.run({ search(board) }) {
    case .said(let text): return text.isEmpty ? nil : text
    case .signal(let number):
      // One of those that it was at; all before them were searched.
      for seed in board.underWay {
        switch ChildProcess.run({ live(seed, FiberStacks()).map { tell(seed, $0) } ?? "" }) {
        case .said(let text): if !text.isEmpty { return text }
        case .signal(let number): return tell(seed, ended(by: number))
        }
      }
      return "seeds \(board.underWay), at once: \(ended(by: number))"
    }
  }

  private func tell(_ seed: UInt64, _ what: String) -> String { "seed \(seed): \(what)" }
  private func ended(by number: Int32) -> String { "the process is ended: \(String(cString: strsignal(number)))" }

  private func live(_ seed: UInt64, _ stacks: FiberStacks) -> String? {
    let world = World(seed: seed, without: mutation.safeguards, stacks: stacks)
    world.run()
    return world.violations.first
  }

  private func search(_ board: SeedBoard) -> String {
    struct Hunt {
      var next: UInt64
      var found: (seed: UInt64, what: String)?
    }
    let hunt = Mutex(Hunt(next: options.first))
    let end = options.first + options.count
    Threads.run(options.jobs) { thread in
      let stacks = FiberStacks()
      while true {
        let seed = hunt.withLock { hunt -> UInt64? in
          guard hunt.next < min(end, hunt.found?.seed ?? end) else { return nil }
          hunt.next += 1
          board.note(hunt.next - 1, of: thread)
          return hunt.next - 1
        }
        guard let seed else { return }
        // What is noticed stays on the board: another thread may end the process before it is told.
        guard let what = live(seed, stacks) else { continue }
        hunt.withLock { if seed < $0.found?.seed ?? .max { $0.found = (seed, what) } }
        return
      }
    }
    return hunt.withLock { $0.found.map { tell($0.seed, $0.what) } ?? "" }
  }

  private func firstSchedule() -> String? {
    for schedule in Schedule.all {
      let end = ChildProcess.run { schedule.violations(without: mutation.safeguards).first ?? "" }
      switch end {
      case .said(let text): if !text.isEmpty { return "the schedule \(schedule.name): \(text)" }
      case .signal(let number): return "the schedule \(schedule.name): \(ended(by: number))"
      }
    }
    return nil
  }
}
