import Engine
import Events

/// The applications upstream: they write events, send again what was not acknowledged, use transactions, and sometimes write what is
/// no event.
final class Producers {
  private let world: World
  private var sent: [TopicPartition: [(id: String, value: [UInt8])]] = [:]
  private var count = 0
  /// The events' own time, in seconds.
  private var time: Int64

  init(_ world: World) {
    self.world = world
    // Long ago, so that no skewed clock takes an event for one of the future.
    let days: Int64 = 40
    time = World.beginning / 1_000_000 - days * 86_400
  }

  func start() {
    let (world, profile) = (self.world, self.world.profile)
    // Some were there before.
    let before = world.scheduler.random.int(0...profile.events / 2)
    for _ in 0..<before { write() }
    world.scheduler.spawn("producers") { [self] in
      let pause = profile.seconds * 0.9 / Double(max(profile.events - before, 1))
      for _ in before..<profile.events {
        if world.scheduler.isEnding { return }
        // In bursts.
        if world.scheduler.random.chance(0.3) {
          world.scheduler.sleep(world.scheduler.random.nanoseconds(0...pause * 6))
        }
        write()
      }
    }
  }

  private func write() {
    let partition = world.scheduler.random.pick(world.inputs)
    if world.broker.log(partition) == nil { return }
    if world.scheduler.random.chance(world.profile.leaps) {
      world.broker.leap(partition, by: Int64(world.scheduler.random.pick([3, 40_000, 99_990, 130_000])))
    }
    guard world.scheduler.random.chance(world.profile.transactional) else {
      record(partition, 0)
      return
    }
    let transaction = world.broker.beginTransaction()
    for _ in 0..<world.scheduler.random.int(1...3) { record(partition, transaction) }
    let ending: Broker.Ending = world.scheduler.random.chance(0.7) ? .committed : .aborted
    // Some hang, and hide what comes after.
    let length = world.scheduler.random.chance(0.1) ? 3.0 : 0.05
    world.scheduler.spawn("transaction", after: world.scheduler.random.nanoseconds(0...length)) { [world] in
      world.broker.end(transaction, ending)
    }
  }

  private func record(_ partition: TopicPartition, _ transaction: Int) {
    count += 1
    if world.scheduler.random.chance(world.profile.bad) {
      let value = Array("{\"number\":\(count)".utf8)
      world.broker.append(partition, key: [], value: value, id: nil, transaction: transaction)
      return
    }
    // The reply was lost, or somebody sends twice.
    if world.scheduler.random.chance(world.profile.repeated), let again = sent[partition]?.suffix(20), !again.isEmpty {
      let event = world.scheduler.random.pick(Array(again))
      world.broker.append(partition, key: [], value: event.value, id: event.id, transaction: transaction)
      return
    }
    let id = "e\(count)"
    if world.scheduler.random.chance(0.5) { time += Int64(world.scheduler.random.int(0...7_000)) }
    let event = time - (world.scheduler.random.chance(0.2) ? Int64(world.scheduler.random.int(0...9_000)) : 0)
    let value = Self.json(
      id, source: world.scheduler.random.int(0...6), at: event, fansOut: world.scheduler.random.chance(0.03))
    sent[partition, default: []].append((id, value))
    world.broker.append(partition, key: Array(id.utf8), value: value, id: id, transaction: transaction)
  }

  private static func json(_ id: String, source: Int, at seconds: Int64, fansOut: Bool) -> [UInt8] {
    let time = RFC3339.format(Timestamp(microseconds: seconds * 1_000_000))
    let (type, data) =
      fansOut ? ("org_settings_changed", "{\"org_id\":\"o\",\"learning_enabled\":true}") : ("x", "{\"n\":1}")
    return Array(
      """
      {"specversion":"1.0","id":"\(id)","source":"s\(source)","type":"\(type)","time":"\(time)","data":\(data)}
      """.utf8)
  }
}
