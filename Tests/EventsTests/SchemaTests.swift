import Foundation
import JSONSchema
import ReferenceDecoder
import Testing

@testable import Events

/// Decoder and schemas say the same contract: neither may take what the other refuses, and neither may know a member
/// that the other does not.
@Suite("The schemas")
struct SchemaTests {
  static let types = EventType.sent
  static let derived = [
    "popular_stack_trending", "success_rate_changed", "new_pattern_detected", "technology_trend_changed",
    "model_performance_changed",
  ]
  /// The schemas of what comes in.
  static let incoming =
    types.map { "\(name($0)).json" } + ["envelope_structured.json", "envelope_binary.json", "envelope_bare.json"]
  /// So late that what is after it is after the year 9999.
  private static let now = Timestamp(
    microseconds: 253_402_300_799_999_000 - EventDecoder.clockToleranceMicroseconds)

  private let validator: SchemaValidator
  private let candidates: SchemaCandidates
  private let decoder = EventDecoder(identityKey: HashKey(k0: 1, k1: 2))

  init() throws {
    validator = try SchemaValidator()
    candidates = SchemaCandidates(validator: validator)
  }

  private static func name(_ type: EventType) -> String { type.name.map { "\($0)" } ?? "" }

  private func refusal(_ value: SchemaJSON, headers: [(String, String)] = []) -> Refusal? {
    var batch = EventBatch()
    return refusal(Array(value.text.utf8), headers, into: &batch)
  }

  private func refusal(_ bytes: [UInt8], _ headers: [(String, String)], into batch: inout EventBatch) -> Refusal? {
    // One block for the headers' bytes, so that they stay where they are during the call.
    var block: [UInt8] = []
    var ranges: [(Range<Int>, Range<Int>)] = []
    for (name, value) in headers {
      let start = block.count
      block += Array(name.utf8)
      let middle = block.count
      block += Array(value.utf8)
      ranges.append((start..<middle, middle..<block.count))
    }
    return block.withUnsafeBytes { block in
      let views = ranges.map {
        (
          name: UnsafeRawBufferPointer(rebasing: block[$0.0]),
          value: Optional(UnsafeRawBufferPointer(rebasing: block[$0.1]))
        )
      }
      return bytes.withUnsafeBytes { bytes in
        do throws(Refusal) {
          _ = try decoder.decode(
            RecordContent(value: bytes, headers: views, offset: 0), now: Self.now, into: &batch)
          return nil
        } catch {
          return error
        }
      }
    }
  }

  private func structured(_ type: String, _ data: SchemaJSON) -> SchemaJSON {
    .object([
      ("specversion", .string("1.0")), ("id", .string("1")), ("source", .string("/s")), ("type", .string(type)),
      ("time", .string("2026-01-01T00:00:00Z")), ("data", data),
    ])
  }

  private func members(_ file: String) throws -> [(name: String, schema: SchemaValidator.Place)] {
    let properties = try #require(try validator.file(file)["properties"])
    return properties.members.map { ($0.name, SchemaValidator.Place(schema: $0.value, file: file)) }
  }

  private func required(_ file: String) throws -> [String] {
    try #require(try validator.file(file)["required"]).elements.compactMap(\.stringValue)
  }

  /// Every required member with the first value that its schema takes, and where `full` every other one, too.
  private func sample(_ file: String, full: Bool) throws -> SchemaJSON {
    let required = try required(file)
    var sample = SchemaJSON.object([])
    for (name, place) in try members(file) where full || required.contains(name) {
      let taken = try candidates.values(for: place).first { try $0 != .null && validator.accepts($0, place) }
      let value: SchemaJSON = try #require(taken, "no candidate for \(name) of \(file)")
      sample[name] = value
    }
    return sample
  }

  @Test("the decoder takes of a member's values what its schema takes, and nothing else", arguments: types)
  func sameVerdict(type: EventType) throws {
    let name = Self.name(type)
    let file = "\(name).json"
    for full in [false, true] {
      let sample = try sample(file, full: full)
      #expect(refusal(structured(name, sample)) == nil)
      for (member, place) in try members(file) {
        var verdicts: Set<Bool> = []
        for value in try candidates.values(for: place) {
          var data = sample
          data[member] = value
          let accepted = try validator.accepts(data, file: file)
          verdicts.insert(accepted)
          let refusal = refusal(structured(name, data))
          #expect(
            (refusal == nil) == accepted, "\(name).\(member) = \(value.text.prefix(80)): \(String(describing: refusal))"
          )
          if full { continue }
          let whole = try validator.accepts(structured(name, data), file: "envelope_structured.json")
          #expect(whole == accepted)
        }
        #expect(verdicts == [true, false], "the candidates for \(name).\(member) show nothing")
      }
    }
  }

  @Test("the decoder misses a member where the schema requires it, and nowhere else", arguments: types)
  func sameRequirements(type: EventType) throws {
    let name = Self.name(type)
    let file = "\(name).json"
    let full = try sample(file, full: true)
    for (member, _) in try members(file) {
      var data = full
      data[member] = nil
      let accepted = try validator.accepts(data, file: file)
      let isRequired = try required(file).contains(member)
      #expect(accepted != isRequired)
      let expected = isRequired ? Refusal(.missingMember, at: "/data/\(member)") : nil
      #expect(refusal(structured(name, data)) == expected)
    }
  }

  @Test("decoder and schema know the same members", arguments: types)
  func sameMembers(type: EventType) throws {
    let set = KnownMembers().of(type)
    let known = Member.allCases.filter { set.contains($0) }.map { "\($0.text)" }
    let described = try members("\(Self.name(type)).json").map(\.name)
    #expect(Set(known) == Set(described))
  }

  @Test("an event as the journal shows it still keeps its schema", arguments: types)
  func rendered(type: EventType) throws {
    let name = Self.name(type)
    let file = "\(name).json"
    var batch = EventBatch()
    let sample = try sample(file, full: true)
    #expect(refusal(Array(structured(name, sample).text.utf8), [], into: &batch) == nil)
    let line = EventJSON.line(0, of: batch, position: 1, topic: "t", partition: 0)
    let data = try #require(try SchemaJSON(parsing: Array(line.utf8))["data"])
    #expect(Set(data.members.map(\.name)) == Set(sample.members.map(\.name)))
    #expect(try validator.accepts(data, file: file))
  }

  @Test("decoder and schemas agree about the envelopes", arguments: ["envelope_structured.json", "envelope_bare.json"])
  func envelopes(file: String) throws {
    var sample =
      file == "envelope_bare.json"
      ? SchemaJSON.object([("type", .string("x")), ("timestamp", .number("1767225600000")), ("data", .object([]))])
      : structured("x", .object([]))
    sample["more"] = .number("1")
    #expect(try validator.accepts(sample, file: file))
    for (member, place) in try members(file) where member != "specversion" {
      for value in try candidates.values(for: place) {
        var event = sample
        event[member] = value
        let accepted = try validator.accepts(event, file: file)
        let refusal = refusal(event)
        #expect((refusal == nil) == accepted, "\(member) = \(value.text.prefix(80)): \(String(describing: refusal))")
      }
      var event = sample
      event[member] = nil
      let accepted = try validator.accepts(event, file: file)
      #expect((refusal(event) == nil) == accepted, "\(file) without \(member)")
    }
  }

  @Test("decoder and schema agree about the headers of the binary envelope")
  func binaryEnvelope() throws {
    let file = "envelope_binary.json"
    let sample = [
      ("ce_specversion", "1.0"), ("ce_id", "1"), ("ce_source", "/s"), ("ce_type", "x"),
      ("ce_time", "2026-01-01T00:00:00Z"),
    ]
    func object(_ headers: [(String, String)]) -> SchemaJSON { .object(headers.map { ($0.0, .string($0.1)) }) }
    func check(_ headers: [(String, String)]) throws {
      let accepted = try validator.accepts(object(headers), file: file)
      let refusal = refusal(.object([]), headers: headers)
      #expect((refusal == nil) == accepted, "\(headers): \(String(describing: refusal))")
    }
    try check(sample)
    for (member, place) in try members(file) {
      for text in try candidates.values(for: place).compactMap(\.stringValue) {
        try check(sample.filter { $0.0 != member } + [(member, text)])
      }
      // Without ce_specversion it is another envelope.
      if member != "ce_specversion" { try check(sample.filter { $0.0 != member }) }
    }
  }

  @Test("what is too long in bytes but not in characters is refused by the decoder alone")
  func bytes() throws {
    let long = String(repeating: "ä", count: 200)
    var data = try sample("project_opened.json", full: true)
    data["user_id"] = .string(long)
    #expect(try validator.accepts(data, file: "project_opened.json"))
    #expect(refusal(structured("project_opened", data)) == Refusal(.tooLong, at: "/data/user_id"))
    data["user_id"] = .string(String(repeating: "ä", count: 127))
    #expect(refusal(structured("project_opened", data)) == nil)
  }

  @Test("a validator whose $ also matches before a final newline takes nothing more", arguments: incoming)
  func finalNewline(file: String) throws {
    let lenient = try SchemaValidator(endsBeforeNewline: true)
    for (member, place) in try members(file) {
      for value in try candidates.values(for: place) {
        let accepted = try validator.accepts(value, place)
        let leniently = try lenient.accepts(value, place)
        #expect(leniently == accepted, "\(member) of \(file) = \(value.text.prefix(80))")
      }
    }
  }

  @Test("every example keeps its schema, and every schema of an event has one")
  func examples() throws {
    for (file, schema) in validator.files where file != "definitions.json" {
      let examples = try #require(schema["examples"], "\(file) has no example").elements
      #expect(!examples.isEmpty)
      for example in examples { #expect(try validator.accepts(example, file: file), "the example of \(file)") }
    }
    for type in Self.types {
      let example = try #require(try validator.file("\(Self.name(type)).json")["examples"]).elements[0]
      #expect(refusal(structured(Self.name(type), example)) == nil)
    }
  }

  @Test("there is a schema for each event, in and out, and no other; the AsyncAPI document names them all")
  func complete() throws {
    let events = Self.types.map { Self.name($0) } + Self.derived
    let envelopes = ["definitions", "envelope_structured", "envelope_binary", "envelope_bare"]
    #expect(Set(validator.files.keys) == Set((events + envelopes).map { "\($0).json" }))
    let document = try String(contentsOf: SchemaValidator.directory.appending(path: "asyncapi.yaml"), encoding: .utf8)
    for match in document.matches(of: /\.\/([a-z_]+\.json)/) { #expect(validator.files[String(match.output.1)] != nil) }
    for event in events {
      #expect(document.contains("./\(event).json"))
      #expect(document.contains("\(event): { $ref: '#/components/messages/\(event)' }"))
    }
    for envelope in ["envelope_structured.json", "envelope_bare.json"] {
      let listed = try #require(try validator.file(envelope)["allOf"]).elements.compactMap {
        $0["if"]?["properties"]?["type"]?["const"]?.stringValue
      }
      #expect(Set(listed) == Set(Self.types.map { Self.name($0) }))
    }
  }

  @Test("every derived event has what all of them have", arguments: derived)
  func derivedEvents(name: String) throws {
    let schema = try validator.file("\(name).json")
    #expect(schema["properties"]?["type"]?["const"]?.stringValue == name)
    let data = try #require(schema["properties"]?["data"])
    let members = try #require(data["properties"]).members.map(\.name)
    #expect(Set(members).isSuperset(of: ["position", "as_of", "sample_size"]))
    #expect(Set(try #require(data["required"]).elements.compactMap(\.stringValue)) == Set(members))
    let example = try #require(schema["examples"]).elements[0]
    for member in members {
      var broken = example
      var data = try #require(broken["data"])
      data[member] = nil
      broken["data"] = data
      #expect(!(try validator.accepts(broken, file: "\(name).json")), "without \(member)")
    }
  }

  @Test(
    "the subject of a derived event takes every character that a name may hold, and no other",
    arguments: [
      ("popular_stack_trending", "stack/[\"A\",\"B\u{2028}\"]"), ("new_pattern_detected", "pair/[\"A\",\"B\u{2028}\"]"),
      ("model_performance_changed", "model/[\"m\u{2028}\",null]"), ("success_rate_changed", "technology/A\u{2028}"),
      ("success_rate_changed", "team/\u{2028}t"), ("technology_trend_changed", "technology/A\u{2028}B"),
    ])
  func subjects(name: String, subject: String) throws {
    var event = try #require(try validator.file("\(name).json")["examples"]).elements[0]
    event["subject"] = .string(subject)
    #expect(try validator.accepts(event, file: "\(name).json"))
    event["subject"] = .string(subject.replacing("\u{2028}", with: "\u{9F}"))
    #expect(!(try validator.accepts(event, file: "\(name).json")))
  }
}
