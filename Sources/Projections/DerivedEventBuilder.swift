import Events

/// Builds a derived event: CloudEvents 1.0, structured, with an id that follows from what it says and not from where it stood.
struct DerivedEventBuilder {
  private let topic: OutputTopic
  private let type: StaticString
  private let source: String
  /// JSON text of `subject`, so escaped once.
  private let subject: String
  private let measure: String?
  private let turn: Turn
  private var data: [UInt8] = [UInt8(ascii: "{")]

  /// - Parameter measure: what tells events of one type, subject and time apart, where there are several.
  init(
    _ type: StaticString, on topic: OutputTopic, from projection: String, about subject: String, measure: String? = nil,
    at turn: Turn
  ) {
    (self.type, self.topic, self.subject, self.measure, self.turn) = (type, topic, subject, measure, turn)
    source = "/pleat/" + projection
  }

  private mutating func member(_ name: StaticString) {
    if data.count > 1 { data.append(UInt8(ascii: ",")) }
    CanonicalJSON.append(string: name.description, to: &data)
    data.append(UInt8(ascii: ":"))
  }

  mutating func add(_ name: StaticString, json: [UInt8]) {
    member(name)
    data += json
  }

  mutating func add(_ name: StaticString, _ text: String?) {
    member(name)
    if let text { CanonicalJSON.append(string: text, to: &data) } else { data += Self.null }
  }

  mutating func add(_ name: StaticString, _ integer: Int64) {
    member(name)
    CanonicalJSON.append(integer: integer, to: &data)
  }

  mutating func add(_ name: StaticString, _ number: Double?) {
    member(name)
    if let number { CanonicalJSON.append(number: number, to: &data) } else { data += Self.null }
  }

  private static let null = Array("null".utf8)

  /// Ends `data` with what every derived event says.
  mutating func finish(sampleSize: Int64) -> DerivedEvent {
    let time = turn.hour.rfc3339
    add("position", turn.position)
    add("as_of", time)
    add("sample_size", sampleSize)
    data.append(UInt8(ascii: "}"))

    let id = UUIDv5.string(of: Self.array([type.description, subject, time, measure]))
    var event = Self.object([
      ("specversion", "1.0"), ("id", id), ("source", source), ("type", type.description), ("subject", subject),
      ("time", time), ("datacontenttype", "application/json"),
    ])
    event.removeLast()
    event += ",\"data\":" + String(decoding: data, as: UTF8.self) + "}"
    return DerivedEvent(topic: topic, subject: subject, id: id, asOf: turn.hour, json: event)
  }

  private static func object(_ members: [(name: String, value: String)]) -> String {
    var json: [UInt8] = [UInt8(ascii: "{")]
    for (index, member) in members.enumerated() {
      if index > 0 { json.append(UInt8(ascii: ",")) }
      CanonicalJSON.append(string: member.name, to: &json)
      json.append(UInt8(ascii: ":"))
      CanonicalJSON.append(string: member.value, to: &json)
    }
    json.append(UInt8(ascii: "}"))
    return String(decoding: json, as: UTF8.self)
  }

  /// A JSON array of strings and nulls, in the form of RFC 8785.
  static func array(_ elements: [String?]) -> String {
    var json: [UInt8] = [UInt8(ascii: "[")]
    for (index, element) in elements.enumerated() {
      if index > 0 { json.append(UInt8(ascii: ",")) }
      if let element { CanonicalJSON.append(string: element, to: &json) } else { json += null }
    }
    json.append(UInt8(ascii: "]"))
    return String(decoding: json, as: UTF8.self)
  }
}

extension [DerivedEvent] {
  /// By the bytes of their subjects; those of one subject stay in their order.
  func sortedBySubject() -> [DerivedEvent] {
    enumerated().sorted {
      // By bytes both ways: strings that differ only in their normal form are equal to Swift.
      if $0.element.subject.utf8.lexicographicallyPrecedes($1.element.subject.utf8) { return true }
      if $1.element.subject.utf8.lexicographicallyPrecedes($0.element.subject.utf8) { return false }
      return $0.offset < $1.offset
    }
    .map(\.element)
  }
}
