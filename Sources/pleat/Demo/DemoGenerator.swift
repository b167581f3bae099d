import Engine
import Events
import Generator
import Glibc
import Kafka
import Service
import Synchronization

/// Sends the generated world to the broker at a steady rate, from a thread of its own: first the days up to now, then now.
final class DemoGenerator: Sendable {
  private let topic: String
  private let rate: Int
  private let sentCount = Atomic<Int64>(0)
  /// Set from outside while the daemon is too far behind: the embedded broker forgets what does not fit.
  private let isHeld = Atomic<Bool>(false)
  private let isStopping = Atomic<Bool>(false)
  private let hasEnded = Atomic<Bool>(false)
  private let failure = Mutex<String?>(nil)
  private let waker = Waker()
  private let ended = Waker()
  /// The thread's own.
  private struct Work: @unchecked Sendable {
    var world: World
    let producer: KafkaProducer
  }
  private let work: Mutex<Work>

  private static let ticksPerSecond = 50

  /// `history`: how many events lie before now.
  init(
    _ client: KafkaClientConfiguration, topic: String, rate: Int, seed: UInt64, days: Int, history: Int
  ) throws(CommandFailure) {
    (self.topic, self.rate) = (topic, rate)
    let world: World
    do throws(WorldSettingsError) {
      world = try World(
        WorldSettings(events: history, seed: seed, days: days, end: SystemClock.now().wall, headers: true))
    } catch {
      throw CommandFailure(.failure, "\(error.message).")
    }
    do throws(KafkaConfigurationError) {
      let producer = try KafkaProducer(client, idempotent: false, log: { _, _ in })
      work = Mutex(Work(world: world, producer: producer))
    } catch {
      throw CommandFailure(.failure, "\(error).")
    }
  }

  var sent: Int64 { sentCount.load(ordering: .relaxed) }
  /// Why it stopped by itself.
  var problem: String? { failure.withLock { $0 } }

  func hold(_ isHeld: Bool) { self.isHeld.store(isHeld, ordering: .relaxed) }

  func start() { DetachedThread.start("generate") { [self] in run() } }

  /// Ends it, and waits for that a few seconds at most.
  func stop() {
    isStopping.store(true, ordering: .releasing)
    waker.wake()
    let deadline = SystemClock.monotonicNanoseconds() + 5 * SystemClock.nanosecondsPerSecond
    while !hasEnded.load(ordering: .acquiring), SystemClock.monotonicNanoseconds() < deadline {
      ended.wait(until: deadline)
    }
  }

  private func run() {
    work.withLock { work in
      do throws(KafkaError) {
        try send(&work)
      } catch {
        failure.withLock { $0 = "\(error)" }
      }
      work.producer.close()
    }
    hasEnded.store(true, ordering: .releasing)
    ended.wake()
  }

  private func send(_ work: inout Work) throws(KafkaError) {
    let tick = SystemClock.nanosecondsPerSecond / Int64(Self.ticksPerSecond)
    var next = SystemClock.monotonicNanoseconds()
    /// Events owed, in parts of one tick's.
    var owed = 0
    while !isStopping.load(ordering: .acquiring) {
      next += tick
      owed += rate
      let count = isHeld.load(ordering: .relaxed) ? 0 : owed / Self.ticksPerSecond
      owed -= count * Self.ticksPerSecond
      // What was held back is not made up for: the rate stays steady.
      owed = min(owed, rate)
      for _ in 0..<count {
        if !work.world.next() { work.world.next(at: SystemClock.now().wall) }
        try send(work.world.record, work.producer)
      }
      sentCount.wrappingAdd(Int64(count), ordering: .relaxed)
      let now = SystemClock.monotonicNanoseconds()
      if next < now - SystemClock.nanosecondsPerSecond { next = now }
      waker.wait(until: next)
    }
  }

  private func send(_ record: GeneratedRecord, _ producer: KafkaProducer) throws(KafkaError) {
    var failed: KafkaError?
    record.key.withUnsafeBytes { key in
      record.value.withUnsafeBytes { value in
        do throws(KafkaError) {
          try producer.send(
            topic: topic, key: key, value: value,
            headers: record.headers.map { (name: "\($0.name)", value: $0.value) })
        } catch {
          failed = error
        }
      }
    }
    if let failed { throw failed }
  }
}
