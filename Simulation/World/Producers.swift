import Engine
import Events

/// The applications upstream: they write events, send again what was not acknowledged, use transactions, and sometimes write what is
/// no event.
final class Producers {
  private unowned(unsafe) let world: World
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
      world.count(.leap)
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
    let isHanging = world.scheduler.random.chance(0.1)
    if isHanging { world.count(.hangingTransaction) }
    let length = isHanging ? 3.0 : 0.05
    world.scheduler.spawn("transaction", after: world.scheduler.random.nanoseconds(0...length)) { [world] in
      world.broker.end(transaction, ending)
    }
  }

  private func record(_ partition: TopicPartition, _ transaction: Int) {
    count += 1
    // The reply was lost, or somebody sends twice.
    if world.scheduler.random.chance(world.profile.repeated), let again = sent[partition]?.suffix(20), !again.isEmpty {
      world.count(.resend)
      let event = world.scheduler.random.pick(Array(again))
      world.broker.append(partition, key: [], value: event.value, id: event.id, transaction: transaction)
      return
    }
    let isBad = world.scheduler.random.chance(world.profile.bad)
    if isBad { world.count(.badRecord) }
    let person = world.scheduler.random.chance(world.profile.people) ? world.scheduler.random.pick(World.people) : nil
    if isBad, world.scheduler.random.chance(0.4) {
      let value = Array("{\"number\":\(count),\"by\":\"\(person ?? "")\"".utf8)
      world.broker.append(partition, key: [], value: value, id: nil, isBad: true, transaction: transaction)
      return
    }
    // Nothing but the id would tell ingest of whom it is.
    let fansOut = world.scheduler.random.chance(0.03)
    var id = "e\(count)"
    // Some write people into their ids.
    if !fansOut, let person, world.scheduler.random.chance(0.3) { id += "-" + person }
    if world.scheduler.random.chance(world.profile.pace) { time += Int64(world.scheduler.random.int(0...7_000)) }
    let event = time - (world.scheduler.random.chance(0.2) ? Int64(world.scheduler.random.int(0...9_000)) : 0)
    var value = json(id, at: event, of: person, fansOut: fansOut)
    sent[partition, default: []].append((id, value))
    // What a higher version reads: it lacks its last brace, and may be sent again as it should be.
    if isBad { value.removeLast() }
    world.broker.append(
      partition, key: Array(id.utf8), value: value, id: id, isBad: isBad, transaction: transaction)
  }

  /// One event that is written out in a schedule, so much later than the one before.
  func write(to partition: TopicPartition, of person: String?, id: String?, secondsLater: Int64, source: Int? = nil) {
    count += 1
    time += secondsLater
    let id = id ?? "e\(count)"
    let value = json(id, at: time, of: person, source: source)
    sent[partition, default: []].append((id, value))
    world.broker.append(partition, key: [], value: value, id: id)
  }

  /// What was written under an id, again: whole, or without its last brace.
  func resend(_ id: String, to partition: TopicPartition, isBad: Bool = false) {
    guard var value = sent[partition]?.last(where: { $0.id == id })?.value else { return }
    if isBad { value.removeLast() }
    world.broker.append(partition, key: [], value: value, id: id, isBad: isBad)
  }

  /// An event that comes first as what lacks its last brace; returns its id.
  @discardableResult
  func writeBad(to partition: TopicPartition, of person: String?) -> String {
    count += 1
    time += 3_600
    let id = "e\(count)"
    sent[partition, default: []].append((id, json(id, at: time, of: person)))
    resend(id, to: partition, isBad: true)
    return id
  }

  private func json(
    _ id: String, at seconds: Int64, of person: String?, fansOut: Bool = false, source: Int? = nil
  ) -> [UInt8] {
    let time = Timestamp(microseconds: seconds * 1_000_000).rfc3339
    let source = source ?? world.scheduler.random.int(0...6)
    var (type, data) = ("x", "{\"n\":1}")
    if fansOut {
      (type, data) = ("org_settings_changed", "{\"org_id\":\"o\",\"learning_enabled\":true}")
    } else if let person {
      let comment = world.scheduler.random.chance(0.5) ? ",\"comment\":\"by \(person)\"" : ""
      (type, data) = (
        "feedback_submitted", "{\"project_id\":\"p\",\"user_id\":\"\(person)\",\"success\":true\(comment)}"
      )
    }
    return Array(
      """
      {"specversion":"1.0","id":"\(id)","source":"s\(source)","type":"\(type)","time":"\(time)","data":\(data)}
      """.utf8)
  }
}
