import Glibc
import Simulation
import Synchronization

/// Many seeds, on one thread or several.
struct Campaign {
  private let options: Options

  /// Failing seeds that are told in full.
  private static let toldFailures = 5

  init(_ options: Options) { self.options = options }

  func run() -> Int32 {
    if options.huntsMutations { return huntMutations() }
    if options.replays { return replay() }
    if !options.schedules.isEmpty { return runSchedules() }
    options.mutation?.apply()
    let begun = monotonicSeconds()
    let outcome = runSeeds()
    let failures = outcome.failures
    let seconds = monotonicSeconds() - begun
    for failure in failures.prefix(Self.toldFailures) {
      print("seed \(failure.seed) fails:")
      for violation in failure.violations { print("  \(violation)") }
      print("  replay it: \(CommandLine.arguments[0]) --seed \(failure.seed)\(mutationOption)")
    }
    let rate = Double(options.count) / max(seconds, 0.001)
    print(
      "\(options.count) seeds from \(options.first): \(failures.count) failed; \(Int(seconds * 10) / 10) s, \(Int(rate)) a second"
    )
    if options.countsFaults { say(outcome) }
    return failures.isEmpty ? 0 : 1
  }

  private var mutationOption: String { options.mutation.map { " --mutation \($0.name)" } ?? "" }

  private struct Failure {
    var seed: UInt64
    var violations: [String]
  }

  private struct Outcome {
    var failures: [Failure] = []
    var faults: [Int] = Array(repeating: 0, count: FaultKind.allCases.count)
    /// Worlds in which it happened at all.
    var worlds: [Int] = Array(repeating: 0, count: FaultKind.allCases.count)

    mutating func add(_ world: World) {
      if !world.violations.isEmpty { failures.append(Failure(seed: world.seed, violations: world.violations)) }
      for (index, fault) in world.faults.enumerated() where fault.count > 0 {
        faults[index] += fault.count
        worlds[index] += 1
      }
    }

    mutating func add(_ other: Outcome) {
      failures += other.failures
      for index in faults.indices {
        faults[index] += other.faults[index]
        worlds[index] += other.worlds[index]
      }
    }
  }

  private func world(_ seed: UInt64, _ mutation: Mutation?, _ stacks: FiberStacks) -> World {
    let world = World(seed: seed, without: mutation?.safeguards ?? [], stacks: stacks)
    world.run()
    return world
  }

  private func runSeeds() -> Outcome {
    let all = Mutex(Outcome())
    let jobs = UInt64(options.jobs)
    Threads.run(options.jobs) { index in
      let stacks = FiberStacks()
      var outcome = Outcome()
      for seed in stride(from: options.first + UInt64(index), to: options.first + options.count, by: Int(jobs)) {
        outcome.add(world(seed, options.mutation, stacks))
      }
      all.withLock { $0.add(outcome) }
    }
    var outcome = all.withLock { $0 }
    outcome.failures.sort { $0.seed < $1.seed }
    return outcome
  }

  private func say(_ outcome: Outcome) {
    print("times    worlds   what")
    for (index, kind) in FaultKind.allCases.enumerated() {
      func wide(_ number: Int) -> String {
        let digits = String(number)
        return digits + String(repeating: " ", count: max(9 - digits.count, 1))
      }
      print("\(wide(outcome.faults[index]))\(wide(outcome.worlds[index]))\(kind)")
    }
  }

  private func runSchedules() -> Int32 {
    options.mutation?.apply()
    var failed = 0
    for schedule in options.schedules {
      let log: ((String) -> Void)? = options.tellsCalls ? { print($0) } : nil
      let violations = schedule.violations(without: options.mutation?.safeguards ?? [], log: log)
      if violations.isEmpty { continue }
      failed += 1
      print("\(schedule.name):")
      for violation in violations { print("  \(violation)") }
    }
    print("\(options.schedules.count) schedules: \(failed) failed")
    return failed == 0 ? 0 : 1
  }

  private func replay() -> Int32 {
    options.mutation?.apply()
    let world = World(seed: options.first, without: options.mutation?.safeguards ?? [], stacks: FiberStacks()) {
      print($0)
    }
    print("seed \(options.first): \(world.profile)")
    if options.tellsCalls { world.tellCalls() }
    world.run()
    for violation in world.violations { print("VIOLATION: \(violation)") }
    return world.violations.isEmpty ? 0 : 1
  }

  /// For each mutation the first seed that notices it.
  private func huntMutations() -> Int32 {
    var missed = 0
    for mutation in options.mutation.map({ [$0] }) ?? Mutation.all {
      if let found = MutationHunt(mutation: mutation, options: options).find() {
        print("\(mutation.name): \(found)")
      } else {
        print("\(mutation.name): not noticed by \(options.count) seeds from \(options.first)")
        missed += 1
      }
      // A hunt is long: each line when it is known.
      fflush(nil)
    }
    return missed == 0 ? 0 : 1
  }

  private func monotonicSeconds() -> Double {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
  }
}
