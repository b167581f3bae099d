import Glibc
import Simulation
import Synchronization

/// Many seeds, on one thread or several.
struct Campaign {
  private let options: Options

  /// Failing seeds that are told in full.
  private static let toldFailures = 5
  /// Worlds have stacks of their own; what is around them needs little.
  private static let threadStackBytes = 4 << 20

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
    onThreads(options.jobs) { index in
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
      mutation.apply()
      if let (seed, what) = firstSeed(mutation) {
        print("\(mutation.name): seed \(seed): \(what)")
      } else if let (schedule, what) = firstSchedule(mutation) {
        print("\(mutation.name): the schedule \(schedule): \(what)")
      } else {
        print("\(mutation.name): not noticed by \(options.count) seeds from \(options.first)")
        missed += 1
      }
      // A hunt is long: each line when it is known.
      fflush(nil)
      mutation.takeBack()
    }
    return missed == 0 ? 0 : 1
  }

  private func firstSchedule(_ mutation: Mutation) -> (String, String)? {
    for schedule in Schedule.all {
      if let what = schedule.violations(without: mutation.safeguards).first { return (schedule.name, what) }
    }
    return nil
  }

  private func firstSeed(_ mutation: Mutation) -> (UInt64, String)? {
    struct Hunt {
      var next: UInt64
      var found: (seed: UInt64, what: String)?
    }
    let hunt = Mutex(Hunt(next: options.first))
    let end = options.first + options.count
    onThreads(options.jobs) { _ in
      let stacks = FiberStacks()
      while true {
        let seed = hunt.withLock { hunt -> UInt64? in
          guard hunt.next < min(end, hunt.found?.seed ?? end) else { return nil }
          hunt.next += 1
          return hunt.next - 1
        }
        guard let seed else { return }
        guard let what = world(seed, mutation, stacks).violations.first else { continue }
        hunt.withLock { if seed < $0.found?.seed ?? .max { $0.found = (seed, what) } }
      }
    }
    return hunt.withLock { $0.found }
  }

  private func onThreads(_ count: Int, _ body: @escaping (Int) -> Void) {
    final class Box: @unchecked Sendable {
      let run: () -> Void
      init(_ run: @escaping () -> Void) { self.run = run }
    }
    var attributes = pthread_attr_t()
    pthread_attr_init(&attributes)
    pthread_attr_setstacksize(&attributes, Self.threadStackBytes)
    var threads: [pthread_t] = []
    for index in 0..<count {
      var thread = pthread_t()
      let box = Unmanaged.passRetained(Box { body(index) })
      let status = pthread_create(
        &thread, &attributes,
        { argument in
          guard let argument else { return nil }
          Unmanaged<Box>.fromOpaque(argument).takeRetainedValue().run()
          return nil
        }, box.toOpaque())
      precondition(status == 0, "no thread: \(String(cString: strerror(status)))")
      threads.append(thread)
    }
    for thread in threads { pthread_join(thread, nil) }
    pthread_attr_destroy(&attributes)
  }

  private func monotonicSeconds() -> Double {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
  }
}
