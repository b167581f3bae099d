import Events
import Testing

@testable import ReferenceDecoder

/// One record that must be refused, and how.
struct RefusedRecord: Sendable, CustomTestStringConvertible {
  var value: String
  var reason: DeadLetterReason
  var path: String?
  init(_ value: String, _ reason: DeadLetterReason, _ path: String? = nil) {
    (self.value, self.reason, self.path) = (value, reason, path)
  }
  var testDescription: String { "\(reason.name) \(path ?? "–"): \(value.prefix(120))" }
}

private func structured(_ type: String, _ data: String) -> String {
  #"{"specversion":"1.0","id":"i","source":"s","type":"\#(type)","time":"2026-11-01T00:00:00Z","data":\#(data)}"#
}

/// An event of the type whose data differs from a good one in one member.
private func with(_ type: String, _ member: String, _ value: String?) -> String {
  let good: [String: [(String, String)]] = [
    "wizard_step_completed": [("user_id", #""u""#), ("session_id", #""s""#), ("step", "1")],
    "stack_selected": [("user_id", #""u""#), ("technologies", #"["A"]"#)],
    "project_generated": [
      ("project_id", #""p""#), ("user_id", #""u""#), ("technologies", #"["A"]"#), ("project_type", #""api""#),
    ],
    "project_opened": [("project_id", #""p""#), ("user_id", #""u""#)],
    "feedback_submitted": [("project_id", #""p""#), ("user_id", #""u""#), ("success", "true")],
    "team_created": [("team_id", #""t""#), ("name", #""n""#), ("user_id", #""u""#)],
    "team_member_added": [("team_id", #""t""#), ("user_id", #""u""#), ("role", #""admin""#)],
    "team_member_removed": [("team_id", #""t""#), ("user_id", #""u""#)],
    "org_settings_changed": [("org_id", #""o""#)],
    "project_visibility_changed": [("project_id", #""p""#), ("visibility", #""team""#)],
    "prediction_computed": [("project_id", #""p""#), ("model_version", #""v""#), ("probability", "0.5")],
    "model_routed": [
      ("model", #""m""#), ("task_type", #""t""#), ("complexity", #""simple""#), ("strategy", #""cost""#),
      ("response_time_ms", "1"), ("tokens_used", "1"), ("cost_usd", "1"),
    ],
    "cache_hit": [("cache", #""c""#)],
    "cache_miss": [("cache", #""c""#)],
    "error_occurred": [("component", #""c""#), ("severity", #""info""#)],
  ]
  var members = good[type]!.filter { $0.0 != member }
  if let value { members.append((member, value)) }
  return structured(type, "{" + members.map { "\"\($0.0)\":\($0.1)" }.joined(separator: ",") + "}")
}

private func string(_ unit: String, _ count: Int) -> String { "\"" + String(repeating: unit, count: count) + "\"" }
private func nested(_ depth: Int) -> String {
  String(repeating: "[", count: depth) + String(repeating: "]", count: depth)
}

@Suite("Decoding")
struct DecoderTests {
  // MARK: - The value as a whole

  @Test(
    "a value that is no JSON object of the grammar is refused before anything is read in it",
    arguments: [
      RefusedRecord("", .emptyValue),
      RefusedRecord(" \n", .malformedJSON),
      RefusedRecord("{", .malformedJSON),
      RefusedRecord("{}x", .malformedJSON),
      RefusedRecord("{} {}", .malformedJSON),
      RefusedRecord("{}\0", .malformedJSON),
      RefusedRecord("\u{FEFF}{}", .malformedJSON),
      RefusedRecord(#"{"a":1,}"#, .malformedJSON),
      RefusedRecord(#"{,"a":1}"#, .malformedJSON),
      RefusedRecord(#"{"a" 1}"#, .malformedJSON),
      RefusedRecord(#"{"a":}"#, .malformedJSON),
      RefusedRecord(#"{a:1}"#, .malformedJSON),
      RefusedRecord(#"{'a':1}"#, .malformedJSON),
      RefusedRecord(#"{"a":1]"#, .malformedJSON),
      RefusedRecord(#"{"a":[1,]}"#, .malformedJSON),
      RefusedRecord(#"{"a":[1 2]}"#, .malformedJSON),
      RefusedRecord(#"{"a":01}"#, .malformedJSON),
      RefusedRecord(#"{"a":-}"#, .malformedJSON),
      RefusedRecord(#"{"a":+1}"#, .malformedJSON),
      RefusedRecord(#"{"a":1.}"#, .malformedJSON),
      RefusedRecord(#"{"a":.1}"#, .malformedJSON),
      RefusedRecord(#"{"a":1e}"#, .malformedJSON),
      RefusedRecord(#"{"a":1e+}"#, .malformedJSON),
      RefusedRecord(#"{"a":0x1}"#, .malformedJSON),
      RefusedRecord(#"{"a":NaN}"#, .malformedJSON),
      RefusedRecord(#"{"a":nul}"#, .malformedJSON),
      RefusedRecord(#"{"a":nullx}"#, .malformedJSON),
      RefusedRecord(#"{"a":True}"#, .malformedJSON),
      RefusedRecord("{\"a\":\"\n\"}", .malformedJSON),
      RefusedRecord("{\"a\":\"\u{1F}\"}", .malformedJSON),
      RefusedRecord("{\"a\u{0}\":1}", .malformedJSON),
      RefusedRecord("{\"a\":\u{C}1}", .malformedJSON),
      RefusedRecord("{\"a\":\u{A0}1}", .malformedJSON),
      RefusedRecord(#"{"a":"\x"}"#, .malformedJSON),
      RefusedRecord(#"{"a":"\u12g4"}"#, .malformedJSON),
      RefusedRecord(#"{"a":"\u12"}"#, .malformedJSON),
      RefusedRecord(#"{"a":"\"}"#, .malformedJSON),
      RefusedRecord(#"{"a":"x}"#, .malformedJSON),
      RefusedRecord(#"{"a":"\ud800"}"#, .malformedJSON),
      RefusedRecord(#"{"a":"\udc00"}"#, .malformedJSON),
      RefusedRecord(#"{"a":"\ud800\ud800"}"#, .malformedJSON),
      RefusedRecord(#"{"a":"\ud800\n"}"#, .malformedJSON),
      RefusedRecord(#"{"\ud800":1}"#, .malformedJSON),
      RefusedRecord("{\"a\":\(nested(128))}", .malformedJSON),
      RefusedRecord(nested(129), .malformedJSON),
      // The grammar comes first, then repetitions, then what it is.
      RefusedRecord(#"{"a":1,"a":2"#, .malformedJSON),
      RefusedRecord(#"{"a":1,"a":2}"#, .duplicateMember, "/a"),
      RefusedRecord(#"{"a":1,"\u0061":2}"#, .duplicateMember, #"/\u0061"#),
      RefusedRecord(#"{"id":1,"\u0069d":2}"#, .duplicateMember, #"/\u0069d"#),
      RefusedRecord(#"{"":1,"":2}"#, .duplicateMember, "/"),
      RefusedRecord(#"{"\u00e9":1,"é":2}"#, .duplicateMember, "/é"),
      RefusedRecord(#"{"x~/y":[0,{"b":1,"b":2}],"x":1,"x":1}"#, .duplicateMember, "/x~0~1y/1/b"),
      RefusedRecord(#"{"x":1,"x":{"b":1,"b":2}}"#, .duplicateMember, "/x"),
      RefusedRecord(#"[{"a":1,"b":2,"a":3}]"#, .duplicateMember, "/0/a"),
      RefusedRecord(
        "{" + (0..<40).map { "\"k\($0 % 37)\":1" }.joined(separator: ",") + "}", .duplicateMember, "/k0"),
      RefusedRecord("[]", .notAnObject),
      RefusedRecord("null", .notAnObject),
      RefusedRecord("1e999", .notAnObject),
      RefusedRecord(#"" ""#, .notAnObject),
      RefusedRecord(nested(128), .notAnObject),
    ])
  func whole(record: RefusedRecord) { expectRefusal(record) }

  @Test("a tombstone is an empty value")
  func tombstone() { #expect(decodePlain(nil) == .failure(Refusal(.emptyValue))) }

  @Test("bytes that are no UTF-8 are refused wherever they stand, before the grammar is asked")
  func invalidUTF8() {
    for bytes: [UInt8] in [
      [0xFF], [0xC0, 0x80], [0xED, 0xA0, 0x80], [0xF4, 0x90, 0x80, 0x80], [0xC3], [0xE2, 0x82],
    ] {
      #expect(decodePlain(Array("{\"a\":".utf8) + bytes) == .failure(Refusal(.invalidUTF8)))
      #expect(decodePlain(Array("{\"a\":\"".utf8) + bytes + Array("\"}".utf8)) == .failure(Refusal(.invalidUTF8)))
    }
  }

  @Test("a value of 1 MiB is read, one byte more is too large, whatever it holds")
  func size() throws {
    let text = Array(structured("cache_hit", #"{"cache":"c"}"#).utf8)
    let padded = text + Array(repeating: UInt8(ascii: " "), count: 1_048_576 - text.count)
    _ = try decodePlain(padded).get()
    #expect(decodePlain(padded + [0xFF]) == .failure(Refusal(.tooLarge)))
  }

  @Test("the same member name in different objects, and names that only look alike, are fine")
  func distinctNames() throws {
    let data = #"{"cache":"c","a":{"a":{"a":1}},"A":1,"e\u0301":1,"é":1,"id":7}"#
    let event = try decodePlain(Array(structured("cache_hit", data).utf8)).get()
    #expect(event.unknown == Array(#""a":{"a":{"a":1}},"A":1,"e\u0301":1,"é":1,"id":7"#.utf8))
  }

  // MARK: - Envelopes

  @Test(
    "an envelope's first broken rule is the one reported",
    arguments: [
      RefusedRecord("{}", .missingMember, "/type"),
      RefusedRecord(#"{"specversion":null,"type":"x"}"#, .missingMember, "/timestamp"),
      RefusedRecord(#"{"specversion":"1.1"}"#, .unsupportedSpecversion, "/specversion"),
      RefusedRecord(#"{"specversion":1.0}"#, .unsupportedSpecversion, "/specversion"),
      RefusedRecord(#"{"specversion":""}"#, .unsupportedSpecversion, "/specversion"),
      RefusedRecord(#"{"specversion":"1.0 "}"#, .unsupportedSpecversion, "/specversion"),
      RefusedRecord(#"{"specversion":"1.0"}"#, .missingMember, "/id"),
      RefusedRecord(#"{"specversion":"1.0","id":null,"source":1}"#, .missingMember, "/id"),
      RefusedRecord(#"{"specversion":"1.0","id":7,"source":1}"#, .wrongType, "/id"),
      RefusedRecord(#"{"specversion":"1.0","\u0069d":7}"#, .wrongType, #"/\u0069d"#),
      RefusedRecord(#"{"specversion":"1.0","id":"","source":1}"#, .invalidValue, "/id"),
      RefusedRecord(#"{"specversion":"1.0","id":"\u0000"}"#, .invalidValue, "/id"),
      RefusedRecord("{\"specversion\":\"1.0\",\"id\":\"a\u{85}\"}", .invalidValue, "/id"),
      RefusedRecord("{\"specversion\":\"1.0\",\"id\":\"a\u{7F}\"}", .invalidValue, "/id"),
      RefusedRecord(#"{"specversion":"1.0","id":"a\u009f"}"#, .invalidValue, "/id"),
      RefusedRecord("{\"specversion\":\"1.0\",\"id\":\(string("x", 256))}", .tooLong, "/id"),
      RefusedRecord("{\"specversion\":\"1.0\",\"id\":\(string("é", 128))}", .tooLong, "/id"),
      RefusedRecord(#"{"specversion":"1.0","id":"i"}"#, .missingMember, "/source"),
      RefusedRecord(#"{"specversion":"1.0","id":"i","source":[]}"#, .wrongType, "/source"),
      RefusedRecord(#"{"specversion":"1.0","id":"i","source":"s"}"#, .missingMember, "/type"),
      RefusedRecord(#"{"specversion":"1.0","id":"i","source":"s","type":""}"#, .invalidValue, "/type"),
      RefusedRecord(#"{"specversion":"1.0","id":"i","source":"s","type":"t"}"#, .missingMember, "/time"),
      RefusedRecord(#"{"specversion":"1.0","id":"i","source":"s","type":"t","time":1}"#, .wrongType, "/time"),
      RefusedRecord(#"{"specversion":"1.0","id":"i","source":"s","type":"t","time":""}"#, .invalidValue, "/time"),
      RefusedRecord(
        #"{"specversion":"1.0","id":"i","source":"s","type":"t","time":" 2026-11-01T00:00:00Z"}"#, .invalidValue,
        "/time"),
      RefusedRecord(
        #"{"specversion":"1.0","id":"i","source":"s","type":"t","time":"1999-12-31T23:59:59.999999999Z"}"#, .outOfRange,
        "/time"),
      RefusedRecord(
        #"{"specversion":"1.0","id":"i","source":"s","type":"t","time":"2026-11-21T12:05:00.000001Z"}"#, .futureTime,
        "/time"),
      RefusedRecord(
        #"{"specversion":"1.0","id":"i","source":"s","type":"t","time":"2026-11-01T00:00:00Z"}"#, .missingMember,
        "/data"),
      RefusedRecord(
        #"{"specversion":"1.0","id":"i","source":"s","type":"t","time":"2026-11-01T00:00:00Z","data":null}"#,
        .missingMember, "/data"),
      RefusedRecord(
        #"{"specversion":"1.0","id":"i","source":"s","type":"t","time":"2026-11-01T00:00:00Z","data":[]}"#, .wrongType,
        "/data"),
      RefusedRecord(#"{"type":7}"#, .wrongType, "/type"),
      RefusedRecord(#"{"type":"t"}"#, .missingMember, "/timestamp"),
      RefusedRecord(#"{"type":"t","timestamp":true}"#, .wrongType, "/timestamp"),
      RefusedRecord(#"{"type":"t","timestamp":"1793000000000"}"#, .invalidValue, "/timestamp"),
      RefusedRecord(#"{"type":"t","timestamp":-1}"#, .outOfRange, "/timestamp"),
      RefusedRecord(#"{"type":"t","timestamp":946684799999.999}"#, .outOfRange, "/timestamp"),
      RefusedRecord(#"{"type":"t","timestamp":1e400}"#, .outOfRange, "/timestamp"),
      RefusedRecord(#"{"type":"t","timestamp":12345678901234567890}"#, .outOfRange, "/timestamp"),
      RefusedRecord(#"{"type":"t","timestamp":1795262700000.001}"#, .futureTime, "/timestamp"),
      RefusedRecord(#"{"type":"t","timestamp":9e15}"#, .futureTime, "/timestamp"),
      RefusedRecord(#"{"type":"t","timestamp":1793000000000,"id":7}"#, .wrongType, "/id"),
      RefusedRecord(#"{"type":"t","timestamp":1793000000000,"id":""}"#, .invalidValue, "/id"),
      RefusedRecord(#"{"type":"t","timestamp":1793000000000}"#, .missingMember, "/data"),
      RefusedRecord(#"{"type":"t","timestamp":1793000000000,"d\u0061ta":1}"#, .wrongType, #"/d\u0061ta"#),
    ])
  func envelope(record: RefusedRecord) { expectRefusal(record) }

  @Test("a structured event keeps its further attributes, and has its source and id as identity")
  func structuredEvent() throws {
    let value =
      #"{"subject":"x\u0079", "data":{"cache":"c"},"time":"2026-11-01T02:00:00.1234567+02:00","type":"cache_miss","timestamp":1,"#
      + #""source":"s","id":"\u0069", "n" : [ 1 , { "a" : null } ],"specversion":"1.0"}"#
    #expect(
      try decodePlain(Array(value.utf8)).get()
        == PlainEvent(
          envelope: .structured, type: "cache_miss", source: Array("s".utf8), id: Array("i".utf8),
          microseconds: 1_793_491_200_123_456,
          attributes: Array(#""subject":"x\u0079","timestamp":1,"n":[1,{"a":null}]"#.utf8), unknown: nil,
          data: ["cache": .text(Array("c".utf8))]))
  }

  @Test("a bare event has the source `bare`, and without an id no identity")
  func bareEvent() throws {
    var batch = EventBatch()
    let decoder = EventDecoder(identityKey: identityKey)
    let without = Array(#"{"type":"t","timestamp":1793000000000.0009,"id":null,"source":"s","data":{}}"#.utf8)
    let with = Array(#"{"type":"t","timestamp":"2026-11-21T12:05:00.0000009Z","id":"i","data":{"a": 1}}"#.utf8)
    #expect(try decode(without, with: decoder, into: &batch).get().identity == nil)
    let identity = try decode(with, offset: 9, with: decoder, into: &batch).get().identity
    let expected = Array("bare\0i".utf8).withUnsafeBufferPointer { sipHash24Wide(identityKey, $0) }
    #expect(identity == expected)
    #expect(
      batch.plainEvent(at: 0)
        == PlainEvent(
          envelope: .bare, type: "t", source: Array("bare".utf8), id: nil, microseconds: 1_793_000_000_000_000,
          attributes: Array(#""source":"s""#.utf8), unknown: nil))
    #expect(
      batch.plainEvent(at: 1)
        == PlainEvent(
          envelope: .bare, type: "t", source: Array("bare".utf8), id: Array("i".utf8),
          microseconds: 1_795_262_700_000_000, attributes: nil, unknown: Array(#""a":1"#.utf8)))
    #expect(batch.events[1].offset == 9)
  }

  // MARK: - Data

  @Test("of each type, every required member is missed, in the order of the table")
  func missingMembers() {
    for (type, fields) in DecodingReference.fields {
      for field in fields where field.isRequired {
        expectRefusal(RefusedRecord(with(type, field.name, nil), .missingMember, "/data/" + field.name))
        expectRefusal(RefusedRecord(with(type, field.name, "null"), .missingMember, "/data/" + field.name))
      }
      if let first = fields.first(where: \.isRequired) {
        expectRefusal(RefusedRecord(structured(type, "{}"), .missingMember, "/data/" + first.name))
      }
    }
  }

  @Test("of each type, every member of another type than its own is refused, also where it may be absent")
  func wrongTypes() {
    for (type, fields) in DecodingReference.fields {
      for field in fields {
        for value in ["7.5", "[true]", "{}", "true"] {
          let expected = DecodingReference.decode(
            value: Array(with(type, field.name, value).utf8), headers: [], now: clock.microseconds)
          #expect(decodePlain(Array(with(type, field.name, value).utf8)) == expected)
        }
        expectRefusal(
          RefusedRecord(
            with(type, field.name, "[]"), field.name == "technologies" ? .outOfRange : .wrongType,
            "/data/" + field.name))
      }
    }
  }

  @Test(
    "a member of the right type is refused for value, range, length, in that order",
    arguments: [
      RefusedRecord(with("cache_hit", "cache", #"" \t ""#), .invalidValue, "/data/cache"),
      RefusedRecord(with("cache_hit", "cache", #""a\nb""#), .invalidValue, "/data/cache"),
      RefusedRecord(with("cache_hit", "cache", "\"\u{85}\""), .invalidValue, "/data/cache"),
      RefusedRecord(with("cache_hit", "cache", string("x", 101)), .tooLong, "/data/cache"),
      RefusedRecord(with("cache_hit", "cache", string("\\u00e9", 51)), .tooLong, "/data/cache"),
      RefusedRecord(with("cache_hit", "cache", string("x\\u0001", 101)), .invalidValue, "/data/cache"),
      RefusedRecord(with("cache_hit", "project_id", string("x", 256)), .tooLong, "/data/project_id"),
      RefusedRecord(with("cache_hit", "project_id", #""\t""#), .invalidValue, "/data/project_id"),
      RefusedRecord(with("cache_hit", "tokens_saved", "-1"), .outOfRange, "/data/tokens_saved"),
      RefusedRecord(with("cache_hit", "tokens_saved", "-1.5"), .wrongType, "/data/tokens_saved"),
      RefusedRecord(with("cache_hit", "tokens_saved", "1e-400"), .wrongType, "/data/tokens_saved"),
      RefusedRecord(with("cache_hit", "tokens_saved", "1000000000001"), .outOfRange, "/data/tokens_saved"),
      RefusedRecord(with("cache_hit", "tokens_saved", "1e400"), .outOfRange, "/data/tokens_saved"),
      RefusedRecord(with("cache_hit", "tokens_saved", "18446744073709551617"), .outOfRange, "/data/tokens_saved"),
      RefusedRecord(with("cache_hit", "cost_saved_usd", #""""#), .invalidValue, "/data/cost_saved_usd"),
      RefusedRecord(with("cache_hit", "cost_saved_usd", #"" 1""#), .invalidValue, "/data/cost_saved_usd"),
      RefusedRecord(with("cache_hit", "cost_saved_usd", #""+1""#), .invalidValue, "/data/cost_saved_usd"),
      RefusedRecord(with("cache_hit", "cost_saved_usd", #""1.""#), .invalidValue, "/data/cost_saved_usd"),
      RefusedRecord(with("cache_hit", "cost_saved_usd", #""1e2""#), .invalidValue, "/data/cost_saved_usd"),
      RefusedRecord(with("cache_hit", "cost_saved_usd", #""0.0000000001""#), .invalidValue, "/data/cost_saved_usd"),
      RefusedRecord(with("cache_hit", "cost_saved_usd", #""-0.0000000001""#), .invalidValue, "/data/cost_saved_usd"),
      RefusedRecord(with("cache_hit", "cost_saved_usd", "1e-10"), .invalidValue, "/data/cost_saved_usd"),
      RefusedRecord(with("cache_hit", "cost_saved_usd", #""-0.1""#), .outOfRange, "/data/cost_saved_usd"),
      RefusedRecord(with("cache_hit", "cost_saved_usd", "-0.1"), .outOfRange, "/data/cost_saved_usd"),
      RefusedRecord(with("cache_hit", "cost_saved_usd", "1000000.000000001"), .outOfRange, "/data/cost_saved_usd"),
      RefusedRecord(with("cache_hit", "cost_saved_usd", "1e400"), .outOfRange, "/data/cost_saved_usd"),
      RefusedRecord(with("cache_hit", "cost_saved_usd", "true"), .wrongType, "/data/cost_saved_usd"),
      RefusedRecord(with("wizard_step_completed", "step", "0"), .outOfRange, "/data/step"),
      RefusedRecord(with("wizard_step_completed", "step", "-0"), .outOfRange, "/data/step"),
      RefusedRecord(with("wizard_step_completed", "step", "21"), .outOfRange, "/data/step"),
      RefusedRecord(with("wizard_step_completed", "step", "20.5"), .wrongType, "/data/step"),
      RefusedRecord(with("wizard_step_completed", "step", #""1""#), .wrongType, "/data/step"),
      RefusedRecord(with("wizard_step_completed", "duration_ms", "-0.0000001"), .outOfRange, "/data/duration_ms"),
      RefusedRecord(
        with("wizard_step_completed", "duration_ms", "1000000000.0000001"), .outOfRange, "/data/duration_ms"),
      RefusedRecord(with("feedback_submitted", "rating", "6"), .outOfRange, "/data/rating"),
      RefusedRecord(with("feedback_submitted", "rating", "4.5"), .wrongType, "/data/rating"),
      RefusedRecord(with("feedback_submitted", "success", "1"), .wrongType, "/data/success"),
      RefusedRecord(with("feedback_submitted", "comment", "7"), .wrongType, "/data/comment"),
      RefusedRecord(with("prediction_computed", "probability", "1.0000000001"), .outOfRange, "/data/probability"),
      RefusedRecord(with("prediction_computed", "probability", #""0.5""#), .wrongType, "/data/probability"),
      RefusedRecord(with("project_generated", "visibility", #""Public""#), .invalidValue, "/data/visibility"),
      RefusedRecord(with("project_generated", "visibility", string("x", 300)), .invalidValue, "/data/visibility"),
      RefusedRecord(with("team_member_added", "role", #""""#), .invalidValue, "/data/role"),
      RefusedRecord(with("stack_selected", "technologies", #""A""#), .wrongType, "/data/technologies"),
      RefusedRecord(with("stack_selected", "technologies", "[]"), .outOfRange, "/data/technologies"),
      RefusedRecord(
        with("stack_selected", "technologies", "[" + Array(repeating: "7", count: 65).joined(separator: ",") + "]"),
        .outOfRange, "/data/technologies"),
      RefusedRecord(with("stack_selected", "technologies", #"["A",null]"#), .wrongType, "/data/technologies/1"),
      RefusedRecord(with("stack_selected", "technologies", #"["A"," "]"#), .invalidValue, "/data/technologies/1"),
      RefusedRecord(with("stack_selected", "technologies", #"["A",["B"]]"#), .wrongType, "/data/technologies/1"),
      RefusedRecord(with("stack_selected", "technologies", #"[["x",1],7]"#), .wrongType, "/data/technologies/0"),
      RefusedRecord(with("stack_selected", "technologies", #"[{}]"#), .missingMember, "/data/technologies/0/name"),
      RefusedRecord(
        with("stack_selected", "technologies", #"["A",{"x":[1],"n\u0061me":7}]"#), .wrongType,
        #"/data/technologies/1/n\u0061me"#),
      RefusedRecord(
        with("stack_selected", "technologies", #"[{"category":7,"name":" "}]"#), .invalidValue,
        "/data/technologies/0/name"),
      RefusedRecord(
        with("stack_selected", "technologies", #"[{"category":"","name":"A"}]"#), .invalidValue,
        "/data/technologies/0/category"),
    ])
  func data(record: RefusedRecord) { expectRefusal(record) }

  @Test(
    "what is at the limit is read, and numbers are exact",
    arguments: [
      ("cache_hit", "cache", " \\t\\n\\f" + String(repeating: "x", count: 100) + "\\r ", nil as Int64?),
      ("cache_hit", "project_id", String(repeating: "é", count: 127) + "x", nil),
      ("cache_hit", "project_id", #"\ud83d\ude00"#, nil),
      ("cache_hit", "tokens_saved", "1e12", 1_000_000_000_000),
      ("cache_hit", "tokens_saved", "-0.0e5", 0),
      ("cache_hit", "tokens_saved", "0e99999999999999999999999", 0),
      ("cache_hit", "tokens_saved", "700e-2", 7),
      ("cache_hit", "tokens_saved", "3.000", 3),
      ("cache_hit", "cost_saved_usd", "1e6", 1_000_000_000_000_000),
      ("cache_hit", "cost_saved_usd", "0.1", 100_000_000),
      ("cache_hit", "cost_saved_usd", "1e-9", 1),
      ("cache_hit", "cost_saved_usd", #""999999.999999999""#, 999_999_999_999_999),
      ("cache_hit", "cost_saved_usd", #""-0""#, 0),
      ("cache_hit", "cost_saved_usd", #""007.500000000000000""#, 7_500_000_000),
      ("wizard_step_completed", "step", "20.0", 20),
      ("wizard_step_completed", "duration_ms", "1.9999", 1999),
      ("wizard_step_completed", "duration_ms", "1e9", 1_000_000_000_000),
      ("wizard_step_completed", "duration_ms", "1e-400", 0),
      ("prediction_computed", "probability", "1.000", 1_000_000),
      ("prediction_computed", "probability", "0.9999999", 999_999),
      ("prediction_computed", "probability", "-0", 0),
    ])
  func accepted(type: String, member: String, text: String, integer: Int64?) throws {
    let value = integer == nil ? "\"\(text)\"" : text
    let bytes = Array(with(type, member, value).utf8)
    let event = try decodePlain(bytes).get()
    if let integer { #expect(event.data[member] == .integer(integer)) }
    #expect(.success(event) == DecodingReference.decode(value: bytes, headers: [], now: clock.microseconds))
  }

  @Test(
    "a technology keeps what it has besides name and category, and names of its own do not reach the event's members")
  func technologies() throws {
    let data =
      #"{"technologies":["A",{"name":" B\t","category":null,"project_type":"inner","user_id":7}],"user_id":"u","project_type":"api"}"#
    let event = try decodePlain(Array(structured("stack_selected", data).utf8)).get()
    #expect(
      event.data == [
        "user_id": .text(Array("u".utf8)), "project_type": .text(Array("api".utf8)),
        "technologies": .technologies([
          PlainTechnology(name: Array("A".utf8), category: nil, unknown: nil, isObject: false),
          PlainTechnology(
            name: Array("B".utf8), category: nil, unknown: Array(#""project_type":"inner","user_id":7"#.utf8),
            isObject: true),
        ]),
      ])
  }

  @Test("what is not known is kept as it was written, of an unknown type all of it")
  func unknown() throws {
    let number = "-" + String(repeating: "9", count: 5000) + ".0e+99999"
    let data = "{\"user_id\":null,\"n\\u006f\" : \(number), \"o\":{ \"a\" : [ ] , \"s\":\" x \" } }"
    let event = try decodePlain(Array(structured("novel_thing", data).utf8)).get()
    #expect(event.type == "novel_thing")
    #expect(event.unknown == Array("\"user_id\":null,\"n\\u006f\":\(number),\"o\":{\"a\":[],\"s\":\" x \"}".utf8))
    let deep = try decodePlain(Array(structured("x", "{\"a\":\(nested(126))}").utf8)).get()
    #expect(deep.unknown == Array("\"a\":\(nested(126))".utf8))
  }

  @Test("a comment may be anything, also empty, long, and full of control characters")
  func comment() throws {
    let long = String(repeating: "é", count: 5000)
    let event = try decodePlain(Array(with("feedback_submitted", "comment", "\"\\u0000\\n\(long)\"").utf8)).get()
    #expect(event.data["comment"] == .text(Array("\0\n\(long)".utf8)))
    let empty = try decodePlain(Array(with("feedback_submitted", "comment", "\"\"").utf8)).get()
    #expect(empty.data["comment"] == .text([]))
  }

  private func expectRefusal(_ record: RefusedRecord, sourceLocation: SourceLocation = #_sourceLocation) {
    let expected = Refusal(record.reason, at: record.path)
    #expect(
      decodePlain(Array(record.value.utf8)) == .failure(expected), "\(record.value)", sourceLocation: sourceLocation)
    // The slow reference is held to the same table.
    let reference = DecodingReference.decode(value: Array(record.value.utf8), headers: [], now: clock.microseconds)
    #expect(reference == .failure(expected), "\(record.value)", sourceLocation: sourceLocation)
  }
}
