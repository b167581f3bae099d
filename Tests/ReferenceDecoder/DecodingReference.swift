package import Events
import Foundation

/// An event as both decoders must see it: everything by name, strings instead of symbols.
package struct PlainEvent: Equatable {
  package var envelope: Envelope
  package var type: String
  package var source: [UInt8]
  package var id: [UInt8]?
  package var microseconds: Int64
  package var attributes: [UInt8]?
  package var unknown: [UInt8]?
  package var data: [String: PlainValue] = [:]
}

package enum PlainValue: Equatable {
  case text([UInt8])
  case integer(Int64)
  case boolean(Bool)
  case technologies([PlainTechnology])
}

package struct PlainTechnology: Equatable {
  package var name: [UInt8]
  package var category: [UInt8]?
  package var unknown: [UInt8]?
  package var isObject: Bool
}

/// The contract, read slowly: what must become of a record.
package enum DecodingReference {
  enum Kind {
    case identifier, name, text, boolean, duration, fraction, money, technologies
    case choice([String])
    case integer(Int64, Int64)
  }

  struct Field {
    var name: String
    var isRequired: Bool
    var kind: Kind
    init(_ name: String, _ kind: Kind) {
      isRequired = !name.hasSuffix("?")
      self.name = isRequired ? name : String(name.dropLast())
      self.kind = kind
    }
  }

  static let sharing = ["none", "team", "org", "public"]
  static let cacheFields = [
    Field("cache", .name), Field("model?", .name), Field("tokens_saved?", .integer(0, 1_000_000_000_000)),
    Field("cost_saved_usd?", .money), Field("project_id?", .identifier),
  ]
  static let fields: [String: [Field]] = [
    "wizard_step_completed": [
      Field("user_id", .identifier), Field("session_id", .identifier), Field("step", .integer(1, 20)),
      Field("step_name?", .name), Field("duration_ms?", .duration), Field("team_id?", .identifier),
      Field("project_id?", .identifier),
    ],
    "stack_selected": [
      Field("user_id", .identifier), Field("session_id?", .identifier), Field("technologies", .technologies),
      Field("project_type?", .name), Field("team_id?", .identifier),
    ],
    "project_generated": [
      Field("project_id", .identifier), Field("user_id", .identifier), Field("technologies", .technologies),
      Field("project_type", .name), Field("team_id?", .identifier), Field("org_id?", .identifier),
      Field("complexity?", .fraction), Field("template_id?", .identifier), Field("visibility?", .choice(sharing)),
    ],
    "project_opened": [Field("project_id", .identifier), Field("user_id", .identifier)],
    "feedback_submitted": [
      Field("project_id", .identifier), Field("user_id", .identifier), Field("success", .boolean),
      Field("rating?", .integer(1, 5)), Field("comment?", .text),
    ],
    "team_created": [
      Field("team_id", .identifier), Field("name", .name), Field("org_id?", .identifier), Field("user_id", .identifier),
    ],
    "team_member_added": [
      Field("team_id", .identifier), Field("user_id", .identifier),
      Field("role", .choice(["admin", "member", "viewer"])),
    ],
    "team_member_removed": [Field("team_id", .identifier), Field("user_id", .identifier)],
    "org_settings_changed": [
      Field("org_id", .identifier), Field("learning_enabled?", .boolean),
      Field("data_sharing_level?", .choice(sharing)),
    ],
    "project_visibility_changed": [Field("project_id", .identifier), Field("visibility", .choice(sharing))],
    "prediction_computed": [
      Field("project_id", .identifier), Field("model_version", .name), Field("probability", .fraction),
      Field("latency_ms?", .duration),
    ],
    "model_routed": [
      Field("model", .name), Field("task_type", .name),
      Field("complexity", .choice(["simple", "medium", "complex", "very_high"])),
      Field("strategy", .choice(["cost", "balanced", "performance"])), Field("response_time_ms", .duration),
      Field("tokens_used", .integer(0, 1_000_000_000_000)), Field("cost_usd", .money),
      Field("quality_score?", .fraction),
      Field("fallback?", .boolean), Field("user_id?", .identifier), Field("team_id?", .identifier),
      Field("project_id?", .identifier),
    ],
    "cache_hit": cacheFields,
    "cache_miss": cacheFields,
    "error_occurred": [
      Field("component", .name), Field("severity", .choice(["info", "warning", "error", "critical"])),
      Field("code?", .name), Field("message?", .text), Field("project_id?", .identifier),
      Field("user_id?", .identifier),
    ],
  ]

  package static func decode(
    value: [UInt8]?, headers: [(String, [UInt8]?)], now: Int64
  ) -> Result<PlainEvent, Refusal> {
    do throws(Refusal) { return .success(try event(value: value, headers: headers, now: now)) } catch {
      return .failure(error)
    }
  }

  private static func event(
    value: [UInt8]?, headers: [(String, [UInt8]?)], now: Int64
  ) throws(Refusal) -> PlainEvent {
    guard let value, !value.isEmpty else { throw Refusal(.emptyValue) }
    if value.count > 1_048_576 { throw Refusal(.tooLarge) }
    if headers.reduce(0, { $0 + $1.0.utf8.count + ($1.1?.count ?? 0) }) > 1_048_576 { throw Refusal(.tooLarge) }
    if String(validating: value, as: UTF8.self) == nil { throw Refusal(.invalidUTF8) }
    var parser = PlainJSONParser(value)
    guard let json = try? parser.parse() else { throw Refusal(.malformedJSON) }
    if let path = parser.firstRepetition { throw Refusal(.duplicateMember, at: path) }
    for (i, header) in headers.enumerated() where headers[..<i].contains(where: { $0.0 == header.0 }) {
      throw Refusal(.duplicateMember, at: header.0)
    }
    guard case .object(let members) = json else { throw Refusal(.notAnObject) }

    var event: PlainEvent
    var data = members
    var dataPath = ""
    if headers.contains(where: { $0.0 == "ce_specversion" && $0.1 != nil }) {
      event = try binary(headers, now: now)
    } else {
      let isStructured = find("specversion", members) != nil
      event = isStructured ? try structured(members, now: now) : try bare(members, now: now)
      guard let member = find("data", members) else { throw Refusal(.missingMember, at: path("data", members, "")) }
      guard case .object(let inner) = member.value else { throw Refusal(.wrongType, at: path("data", members, "")) }
      let known =
        isStructured
        ? ["specversion", "id", "source", "type", "time", "data"] : ["specversion", "type", "timestamp", "id", "data"]
      event.attributes = rest(members, known: known)
      data = inner
      dataPath = "/" + escaped(member.raw)
    }
    for field in fields[event.type] ?? [] {
      guard let member = find(field.name, data) else {
        if field.isRequired { throw Refusal(.missingMember, at: path(field.name, data, dataPath)) }
        continue
      }
      event.data[field.name] = try check(member.value, field.kind, at: dataPath + "/" + escaped(member.raw))
    }
    event.unknown = rest(data, known: fields[event.type, default: []].map(\.name))
    return event
  }

  private static func structured(_ members: [PlainMember], now: Int64) throws(Refusal) -> PlainEvent {
    guard let version = find("specversion", members), case .string(_, let text) = version.value,
      text == Array("1.0".utf8)
    else { throw Refusal(.unsupportedSpecversion, at: path("specversion", members, "")) }
    let id = try identifier("id", members)
    let source = try identifier("source", members)
    let type = try identifier("type", members)
    guard let member = find("time", members) else { throw Refusal(.missingMember, at: path("time", members, "")) }
    let timePath = path("time", members, "")
    guard case .string(_, let text) = member.value else { throw Refusal(.wrongType, at: timePath) }
    let time = try checked(rfc3339(text), now: now, at: timePath)
    return PlainEvent(
      envelope: .structured, type: String(decoding: type, as: UTF8.self), source: source, id: id, microseconds: time)
  }

  private static func bare(_ members: [PlainMember], now: Int64) throws(Refusal) -> PlainEvent {
    let type = try identifier("type", members)
    let timePath = path("timestamp", members, "")
    let time: Int64
    switch find("timestamp", members)?.value {
    case nil: throw Refusal(.missingMember, at: timePath)
    case .string(_, let text): time = try checked(rfc3339(text), now: now, at: timePath)
    case .number(let text):
      guard let value = PlainNumber(String(decoding: text, as: UTF8.self)).units(digits: 3, limit: .max) else {
        throw Refusal(.outOfRange, at: timePath)
      }
      time = try checked(value, now: now, at: timePath)
    default: throw Refusal(.wrongType, at: timePath)
    }
    let id = find("id", members) == nil ? nil : try identifier("id", members)
    return PlainEvent(
      envelope: .bare, type: String(decoding: type, as: UTF8.self), source: Array("bare".utf8), id: id,
      microseconds: time)
  }

  private static func binary(_ headers: [(String, [UInt8]?)], now: Int64) throws(Refusal) -> PlainEvent {
    func header(_ name: String) throws(Refusal) -> [UInt8] {
      guard let value = headers.first(where: { $0.0 == name })?.1 else { throw Refusal(.missingMember, at: name) }
      if String(validating: value, as: UTF8.self) == nil { throw Refusal(.invalidUTF8, at: name) }
      return value
    }
    guard headers.first(where: { $0.0 == "ce_specversion" })?.1 == Array("1.0".utf8) else {
      throw Refusal(.unsupportedSpecversion, at: "ce_specversion")
    }
    let id = try checkedString(try header("ce_id"), limit: 255, at: "ce_id")
    let source = try checkedString(try header("ce_source"), limit: 255, at: "ce_source")
    let type = try checkedString(try header("ce_type"), limit: 255, at: "ce_type")
    let time = try checked(rfc3339(try header("ce_time")), now: now, at: "ce_time")
    var attributes: [String] = []
    for (name, value) in headers {
      guard let value else { continue }
      let known = ["ce_specversion", "ce_id", "ce_source", "ce_type", "ce_time"].contains(name)
      guard name == "content-type" || (name.hasPrefix("ce_") && !known) else { continue }
      guard let text = String(validating: value, as: UTF8.self) else { throw Refusal(.invalidUTF8, at: name) }
      let attribute = name == "content-type" ? "datacontenttype" : String(name.dropFirst(3))
      attributes.append("\(quoted(attribute)):\(quoted(text))")
    }
    return PlainEvent(
      envelope: .binary, type: String(decoding: type, as: UTF8.self), source: source, id: id, microseconds: time,
      attributes: attributes.isEmpty ? nil : Array(attributes.joined(separator: ",").utf8))
  }

  private static func quoted(_ text: String) -> String {
    var out = "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"", "\\": out += "\\\(scalar)"
      case _ where scalar.value < 0x20: out += String(format: "\\u%04x", scalar.value)
      default: out.unicodeScalars.append(scalar)
      }
    }
    return out + "\""
  }

  /// The member, if it is there and not null.
  private static func find(_ name: String, _ members: [PlainMember]) -> PlainMember? {
    members.first {
      if case .null = $0.value { return false }
      return $0.name == Array(name.utf8)
    }
  }

  private static func path(_ name: String, _ members: [PlainMember], _ parent: String) -> String {
    let raw = members.first { $0.name == Array(name.utf8) }?.raw ?? Array(name.utf8)
    return parent + "/" + escaped(raw)
  }

  private static func rest(_ members: [PlainMember], known: [String]) -> [UInt8]? {
    let unknown = members.filter { member in !known.contains { Array($0.utf8) == member.name } }
    return unknown.isEmpty ? nil : PlainMember.compact(unknown)
  }

  private static func identifier(_ name: String, _ members: [PlainMember]) throws(Refusal) -> [UInt8] {
    guard let member = find(name, members) else { throw Refusal(.missingMember, at: path(name, members, "")) }
    guard case .text(let text) = try check(member.value, .identifier, at: path(name, members, "")) else { fatalError() }
    return text
  }

  private static func checkedString(_ text: [UInt8], limit: Int, at path: String) throws(Refusal) -> [UInt8] {
    let isControlled = String(decoding: text, as: UTF8.self).unicodeScalars.contains {
      $0.value < 0x20 || (0x7F...0x9F).contains($0.value)
    }
    if text.isEmpty || isControlled { throw Refusal(.invalidValue, at: path) }
    if text.count > limit { throw Refusal(.tooLong, at: path) }
    return text
  }

  private static func check(_ value: PlainJSON, _ kind: Kind, at path: String) throws(Refusal) -> PlainValue {
    switch (kind, value) {
    case (.identifier, .string(_, let text)): return .text(try checkedString(text, limit: 255, at: path))
    case (.name, .string(_, let text)): return .text(try checkedName(text, at: path))
    case (.text, .string(_, let text)): return .text(text)
    case (.choice(let names), .string(_, let text)):
      guard let choice = names.firstIndex(where: { Array($0.utf8) == text }) else {
        throw Refusal(.invalidValue, at: path)
      }
      return .integer(Int64(choice))
    case (.boolean, .boolean(let value)): return .boolean(value)
    case (.integer(let low, let high), .number(let text)):
      let number = PlainNumber(String(decoding: text, as: UTF8.self))
      if !number.fraction.isEmpty { throw Refusal(.wrongType, at: path) }
      guard let value = number.units(digits: 0, limit: high), value >= low else { throw Refusal(.outOfRange, at: path) }
      return .integer(value)
    case (.duration, .number(let text)):
      return try quantity(text, digits: 3, limit: 1_000_000_000_000, at: path)
    case (.fraction, .number(let text)): return try quantity(text, digits: 6, limit: 1_000_000, at: path)
    case (.money, .number(let text)): return try money(text, at: path)
    case (.money, .string(_, let text)):
      guard String(decoding: text, as: UTF8.self).wholeMatch(of: /-?[0-9]+(\.[0-9]+)?/) != nil else {
        throw Refusal(.invalidValue, at: path)
      }
      return try money(text, at: path)
    case (.technologies, .array(let entries)):
      guard (1...64).contains(entries.count) else { throw Refusal(.outOfRange, at: path) }
      var technologies: [PlainTechnology] = []
      for (i, entry) in entries.enumerated() { technologies.append(try technology(entry, at: "\(path)/\(i)")) }
      return .technologies(technologies)
    default: throw Refusal(.wrongType, at: path)
    }
  }

  private static func technology(_ entry: PlainJSON, at path: String) throws(Refusal) -> PlainTechnology {
    switch entry {
    case .string(_, let text):
      return PlainTechnology(name: try checkedName(text, at: path), category: nil, unknown: nil, isObject: false)
    case .object(let members):
      func name(_ member: String) throws(Refusal) -> [UInt8]? {
        guard let found = find(member, members) else { return nil }
        let memberPath = path + "/" + escaped(found.raw)
        guard case .string(_, let text) = found.value else { throw Refusal(.wrongType, at: memberPath) }
        return try checkedName(text, at: memberPath)
      }
      guard let own = try name("name") else {
        throw Refusal(.missingMember, at: self.path("name", members, path))
      }
      return PlainTechnology(
        name: own, category: try name("category"), unknown: rest(members, known: ["name", "category"]), isObject: true)
    default: throw Refusal(.wrongType, at: path)
    }
  }

  private static func checkedName(_ text: [UInt8], at path: String) throws(Refusal) -> [UInt8] {
    let space: Set<UInt8> = [9, 10, 11, 12, 13, 32]
    let front = Array(text.drop { space.contains($0) })
    let trimmed = Array(front.reversed().drop { space.contains($0) }.reversed())
    return try checkedString(trimmed, limit: 100, at: path)
  }

  private static func quantity(_ text: [UInt8], digits: Int, limit: Int64, at path: String) throws(Refusal)
    -> PlainValue
  {
    let number = PlainNumber(String(decoding: text, as: UTF8.self))
    guard let units = number.units(digits: digits, limit: limit) else { throw Refusal(.outOfRange, at: path) }
    return .integer(units)
  }

  private static func money(_ text: [UInt8], at path: String) throws(Refusal) -> PlainValue {
    if PlainNumber(String(decoding: text, as: UTF8.self)).fraction.count > 9 { throw Refusal(.invalidValue, at: path) }
    return try quantity(text, digits: 9, limit: 1_000_000_000_000_000, at: path)
  }

  private static func checked(_ time: Int64?, now: Int64, at path: String) throws(Refusal) -> Int64 {
    guard let time else { throw Refusal(.invalidValue, at: path) }
    if time < 946_684_800_000_000 { throw Refusal(.outOfRange, at: path) }
    if Int128(time) > Int128(now) + 300_000_000 { throw Refusal(.futureTime, at: path) }
    return time
  }

  /// By Foundation's calendar.
  package static func rfc3339(_ text: [UInt8]) -> Int64? {
    let pattern = /(\d{4})-(\d\d)-(\d\d)[Tt](\d\d):(\d\d):(\d\d)(\.(\d+))?([Zz]|([+\-])(\d\d):(\d\d))/
      .asciiOnlyDigits()
    guard let m = String(decoding: text, as: UTF8.self).wholeMatch(of: pattern) else { return nil }
    let (year, month, day) = (Int(m.1)!, Int(m.2)!, Int(m.3)!)
    let (hour, minute, second) = (Int(m.4)!, Int(m.5)!, Int(m.6)!)
    if hour > 23 || minute > 59 || second > 59 { return nil }
    var calendar = Calendar(identifier: .gregorian)
    calendar.timeZone = TimeZone(secondsFromGMT: 0)!
    // Foundation's Gregorian calendar changes to the Julian one before 1582: the same days come again after 400 years.
    let cycles = year < 1600 ? (1999 - year) / 400 : 0
    let components = DateComponents(year: year + 400 * cycles, month: month, day: day)
    guard components.isValidDate(in: calendar), let date = calendar.date(from: components) else { return nil }
    var offset = 0
    if let sign = m.10, let hours = m.11, let minutes = m.12 {
      guard Int(hours)! < 24, Int(minutes)! < 60 else { return nil }
      offset = (Int(hours)! * 60 + Int(minutes)!) * 60 * (sign == "-" ? -1 : 1)
    }
    let days = Int64((date.timeIntervalSince1970 / 86_400).rounded()) - Int64(cycles) * 146_097
    let seconds = days * 86_400 + Int64(hour * 3600 + minute * 60 + second - offset)
    let fraction = (m.8.map(String.init) ?? "").padding(toLength: 6, withPad: "0", startingAt: 0)
    return seconds * 1_000_000 + Int64(fraction)!
  }
}
