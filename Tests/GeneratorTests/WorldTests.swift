import Events
import Foundation
import Testing

@testable import Generator

/// One record of a world, read by something that has nothing to do with the generator.
struct ReadEvent {
  var key: String
  var value: String
  var object: [String: Any]
  var type: String
  var id: String?
  var time: Double
  var data: [String: Any]
  var headers: [String: String]

  init(_ record: GeneratedRecord) throws {
    key = String(decoding: record.key, as: UTF8.self)
    value = String(decoding: record.value, as: UTF8.self)
    object = try #require(try JSONSerialization.jsonObject(with: Data(record.value)) as? [String: Any])
    headers = Dictionary(
      uniqueKeysWithValues: record.headers.map { ("\($0.name)", String(decoding: $0.value, as: UTF8.self)) })
    func seconds(_ text: String) throws -> Double {
      Double(try #require(RFC3339.parse(text)).microseconds) / 1e6
    }
    if headers.isEmpty {
      type = try #require(object["type"] as? String)
      id = object["id"] as? String
      data = try #require(object["data"] as? [String: Any])
      if let text = (object["time"] ?? object["timestamp"]) as? String {
        time = try seconds(text)
      } else {
        time = try #require(object["timestamp"] as? Double) / 1000
      }
    } else {
      type = try #require(headers["ce_type"])
      id = headers["ce_id"]
      data = object
      time = try seconds(try #require(headers["ce_time"]))
    }
  }
}

@Suite("A generated world")
struct WorldTests {
  static let end = Timestamp(microseconds: 1_767_225_600_000_000)

  static func records(_ settings: WorldSettings) throws -> [GeneratedRecord] {
    var world = try World(settings)
    var records: [GeneratedRecord] = []
    while world.next() { records.append(world.record) }
    return records
  }

  static func events(_ settings: WorldSettings) throws -> [ReadEvent] {
    try records(settings).map { try ReadEvent($0) }
  }

  @Test("the same settings give the same bytes, another seed, end or number others")
  func deterministic() throws {
    func bytes(_ settings: WorldSettings) throws -> [[UInt8]] {
      try Self.records(settings).map { $0.key + [9] + $0.value }
    }
    let first = try bytes(WorldSettings(events: 3000))
    let again = try bytes(WorldSettings(events: 3000))
    #expect(again == first)
    let later = Timestamp(microseconds: 1_767_225_601_000_000)
    for other in [
      WorldSettings(events: 3000, seed: 2), WorldSettings(events: 3001), WorldSettings(events: 3000, days: 31),
      WorldSettings(events: 3000, end: later),
    ] {
      let bytes = try bytes(other)
      #expect(bytes != first)
    }
  }

  @Test(
    "there are as many records as asked for, within the days asked for",
    arguments: [(1, 1), (2, 30), (777, 1), (5000, 400)])
  func countAndSpan(count: Int, days: Int) throws {
    let records = try Self.records(WorldSettings(events: count, days: days))
    #expect(records.count == count)
    let start = Self.end.microseconds - Int64(days) * Timestamp.microsecondsPerDay
    #expect(records.allSatisfy { $0.time.microseconds >= start && $0.time <= Self.end })
  }

  @Test("the event time that a record states is that in its envelope")
  func statedTime() throws {
    for record in try Self.records(WorldSettings(events: 3000, headers: true)) {
      let stated = try ReadEvent(record).time
      #expect(Int64((stated * 1e6).rounded()) == record.time.microseconds)
    }
  }

  @Test("all listed types, an unlisted one and all envelopes appear in the default world")
  func variety() throws {
    let events = try Self.events(WorldSettings(headers: true))
    let types = Set(events.map(\.type))
    for type in EventType.sent {
      if let name = type.name { #expect(types.contains("\(name)")) }
    }
    #expect(types.contains("template_published"))
    let binary = events.filter { !$0.headers.isEmpty }.count
    let bare = events.filter { $0.headers.isEmpty && $0.object["specversion"] == nil }
    #expect(binary > 50 && binary < 300)
    #expect(bare.count > 50 && bare.count < 500)
    #expect(bare.contains { $0.id == nil })
    #expect(bare.contains { $0.object["timestamp"] is String } && bare.contains { $0.object["timestamp"] is Int })
  }

  @Test("without headers only the envelope of some events differs")
  func headersAside() throws {
    let with = try Self.events(WorldSettings(events: 4000, headers: true))
    let without = try Self.events(WorldSettings(events: 4000, headers: false))
    #expect(!without.contains { !$0.headers.isEmpty })
    for (a, b) in zip(with, without) {
      #expect(a.key == b.key && a.id == b.id && a.type == b.type && a.time == b.time)
      #expect(a.headers.isEmpty ? a.value == b.value : b.value.hasSuffix("\"data\":\(a.value)}"))
    }
  }

  @Test("a repeated event is the same record again, and meets its original soon")
  func repetitions() throws {
    var seen: [String: (index: Int, key: String, value: String)] = [:]
    var repeated = 0
    for (index, event) in try Self.events(WorldSettings(events: 20_000)).enumerated() {
      guard let id = event.id else { continue }
      if let original = seen[id] {
        repeated += 1
        #expect(original.key == event.key && original.value == event.value)
        #expect(index - original.index < 50_000)
      }
      seen[id] = seen[id] ?? (index, event.key, event.value)
    }
    #expect(repeated > 40 && repeated < 400)
  }

  @Test("some events come late: most by little, some by more than an hour, and a few by more than half a day")
  func lateness() throws {
    var newest = 0.0
    var late: [Double] = []
    for event in try Self.events(WorldSettings(events: 50_000)) {
      if event.time < newest { late.append(newest - event.time) }
      newest = max(newest, event.time)
    }
    #expect(late.count > 300 && late.count < 2500)
    #expect(late.filter { $0 < 600 }.count > late.count / 2)
    #expect(late.contains { $0 > 3600 })
    #expect(late.contains { $0 > 43_200 })
  }

  @Test("the steps of a session come in order of event time, each once")
  func sessions() throws {
    var steps: [String: [(time: Double, step: Int)]] = [:]
    var ids: Set<String> = []
    for event in try Self.events(WorldSettings(events: 20_000)) where event.type == "wizard_step_completed" {
      if let id = event.id, !ids.insert(id).inserted { continue }
      if event.id == nil { continue }
      let session = try #require(event.data["session_id"] as? String)
      steps[session, default: []].append((event.time, try #require(event.data["step"] as? Int)))
    }
    #expect(steps.count > 500)
    for session in steps.values {
      let ordered = session.sorted { ($0.time, $0.step) < ($1.time, $1.step) }.map(\.step)
      #expect(ordered == ordered.sorted() && Set(ordered).count == ordered.count)
    }
  }

  @Test("nobody acts for a team before it is founded and they are in it, by event time")
  func membership() throws {
    var ids: Set<String> = []
    let events = try Self.events(WorldSettings(events: 20_000)).filter { $0.id.map { ids.insert($0).inserted } ?? true }
      .sorted { $0.time < $1.time }
    var members: [String: Set<String>] = [:]
    var strangers = 0
    var acts = 0
    for event in events {
      guard let team = event.data["team_id"] as? String, let person = event.data["user_id"] as? String else { continue }
      switch event.type {
      case "team_created": members[team] = [person]
      case "team_member_added": members[team]?.insert(person)
      case "team_member_removed", "model_routed": break
      default:
        acts += 1
        if members[team]?.contains(person) != true { strangers += 1 }
      }
    }
    #expect(acts > 3000)
    #expect(strangers == 0)
  }

  @Test("more happens by day than by night, and on working days than at the weekend")
  func rhythm() throws {
    var byHour = [Int](repeating: 0, count: 24)
    var byDay = [Int](repeating: 0, count: 7)
    for record in try Self.records(WorldSettings(events: 20_000, days: 28)) {
      byHour[Int(record.time.hour) % 24] += 1
      byDay[(Int(record.time.day) + 3) % 7] += 1
    }
    #expect(byHour[15] > 2 * byHour[3])
    #expect(2 * byDay[5] < byDay[2] && 2 * byDay[6] < byDay[2])
  }

  @Test("a live stream has the times it is given, and goes on after the span")
  func live() throws {
    var world = try World(WorldSettings(events: 500))
    while world.next() {}
    let hasMore = world.next()
    #expect(!hasMore)
    var onTime = 0
    var ids: Set<String> = []
    for i in 0..<5000 {
      let now = Timestamp(microseconds: Self.end.microseconds + Int64(i) * 20_000)
      world.next(at: now)
      let event = try ReadEvent(world.record)
      if let id = event.id { ids.insert(id) }
      #expect(world.record.time.microseconds <= now.microseconds + 1000)
      if now.microseconds - world.record.time.microseconds < 1000 { onTime += 1 }
    }
    #expect(onTime > 4800)
    #expect(ids.count > 4800)
  }

  @Test(
    "settings from which no valid world follows are refused",
    arguments: [
      (WorldSettings(events: 0), WorldSettingsError.noEvents), (WorldSettings(days: 0), .days),
      (WorldSettings(days: 36_501), .days),
      (WorldSettings(days: 30, end: Timestamp(microseconds: 946_684_800_000_000)), .tooEarly),
      (WorldSettings(end: Timestamp(microseconds: 253_402_300_800_000_000)), .tooLate),
    ])
  func refused(settings: WorldSettings, error: WorldSettingsError) {
    #expect(throws: error) { _ = try World(settings) }
  }
}
