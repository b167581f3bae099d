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
    options.mutation?.apply()
    let begun = monotonicSeconds()
    let failures = options.jobs == 1 ? runSeeds(0, of: 1) : runOnThreads()
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
    return failures.isEmpty ? 0 : 1
  }

  private var mutationOption: String { options.mutation.map { " --mutation \($0.name)" } ?? "" }

  private struct Failure {
    var seed: UInt64
    var violations: [String]
  }

  /// Every `of`th seed from the `index`th on.
  private func runSeeds(_ index: UInt64, of step: UInt64) -> [Failure] {
    let stacks = FiberStacks()
    var failures: [Failure] = []
    for seed in stride(from: options.first + index, to: options.first + options.count, by: Int(step)) {
      let world = World(seed: seed, without: options.mutation?.safeguard, stacks: stacks)
      world.run()
      if !world.violations.isEmpty { failures.append(Failure(seed: seed, violations: world.violations)) }
    }
    return failures
  }

  private func runOnThreads() -> [Failure] {
    let all = Mutex<[Failure]>([])
    let jobs = UInt64(options.jobs)
    onThreads(options.jobs) { index in
      let failures = runSeeds(UInt64(index), of: jobs)
      all.withLock { $0 += failures }
    }
    return all.withLock { $0 }.sorted { $0.seed < $1.seed }
  }

  private func replay() -> Int32 {
    options.mutation?.apply()
    let world = World(seed: options.first, without: options.mutation?.safeguard, stacks: FiberStacks()) { print($0) }
    print("seed \(options.first): \(world.profile)")
    world.run()
    for violation in world.violations { print("VIOLATION: \(violation)") }
    return world.violations.isEmpty ? 0 : 1
  }

  /// For each mutation the first seed that notices it.
  private func huntMutations() -> Int32 {
    var missed = 0
    for mutation in Mutation.all where options.mutation.map({ $0.name == mutation.name }) ?? true {
      mutation.apply()
      let stacks = FiberStacks()
      var found: UInt64?
      var what = ""
      for seed in options.first..<options.first + options.count where found == nil {
        let world = World(seed: seed, without: mutation.safeguard, stacks: stacks)
        world.run()
        guard let first = world.violations.first else { continue }
        (found, what) = (seed, first)
      }
      if let found {
        print("\(mutation.name): seed \(found): \(what)")
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
