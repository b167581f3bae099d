import Events
import Foundation
import Randomness
import Testing

@testable import ReferenceDecoder

/// Events of every type, members in order and out of it, and what is put in their places.
private enum Corpus {
  static let data: [(type: String, data: String)] = [
    (
      "wizard_step_completed",
      #"{"user_id":"u-1","session_id":"s-1","step":3,"step_name":"stack","duration_ms":1250.5,"team_id":"t-1"}"#
    ),
    ("stack_selected", #"{"user_id":"u-1","technologies":["Swift",{"name":" Kafka ","category":"queue","x":[1, 2]}]}"#),
    (
      "project_generated",
      #"{"project_id":"p","user_id":"u","technologies":["A","B"],"project_type":"api","team_id":"t","org_id":"o","complexity":0.25,"template_id":"x","visibility":"org"}"#
    ),
    ("project_opened", #"{ "user_id" : "u" , "project_id" : "p" , "team_id" : "t" }"#),
    (
      "feedback_submitted", #"{"project_id":"p","user_id":"u","success":true,"rating":5.0,"comment":"a \"b\"\n\u00e9"}"#
    ),
    ("team_created", #"{"team_id":"t","name":" Team \u00e9 ","org_id":null,"user_id":"u"}"#),
    ("team_member_added", #"{"team_id":"t","user_id":"u","role":"viewer"}"#),
    ("team_member_removed", #"{"team_id":"t","user_id":"u"}"#),
    ("org_settings_changed", #"{"org_id":"o","learning_enabled":false,"data_sharing_level":"none"}"#),
    ("project_visibility_changed", #"{"project_id":"p","visibility":"public"}"#),
    ("prediction_computed", #"{"project_id":"p","model_version":"v1","probability":0.123456789,"latency_ms":12}"#),
    (
      "model_routed",
      #"{"model":"m","task_type":"t","complexity":"very_high","strategy":"cost","response_time_ms":7.25,"tokens_used":12,"cost_usd":"0.000000001","quality_score":1,"fallback":false,"user_id":"u"}"#
    ),
    ("cache_hit", #"{"cache":"c","model":"m","tokens_saved":1e3,"cost_saved_usd":0.0125,"project_id":"p"}"#),
    ("cache_miss", #"{"cache":"c","extra":{"deep":[{"er":null}, "x"]}}"#),
    (
      "error_occurred",
      #"{"component":"c","severity":"critical","code":"E1","message":"","project_id":"p","user_id":"u"}"#
    ),
    ("something_else", #"{"a":1e999,"b":{"c":[true,false,null]}}"#),
  ]

  static let values: [String] = [
    "null", "true", "false", "0", "-0", "-0.0", "1", "1.0", "3.5", "-1", "20", "21", "5", "6", "1e400", "-1e400",
    "1e-400",
    "0e99999999999999999999", "1e99999999999999999999", "12345678901234567890", "1000000000", "1000000000.0001",
    "999999999.9999", "1000000000000", "1000000000001", "1000000", "1000000.000000001", "0.0000000001", "0.1234567890",
    "0.1234567891", "1.0000001", "0.9999999", "10e-1", "30e-1", "100000000000000000000e-20", "01", "1.", ".5", "+1",
    "1e",
    "-", "NaN", "[]", "{}", #"["x"]"#, #"[null]"#, #"[{"name":"n"}]"#, #"[{"name":null}]"#, #"[{"category":"c"}]"#,
    #"[{"name":"n","category":7}]"#, #"[{"name":"n","team_id":"z","user_id":"z"}]"#, #""""#, #"" ""#, #""x""#,
    #""\u0000""#,
    #""a\tb""#, #""\tx\n""#, #""\u000b\fx""#, #""\u007f""#, #""\u0085""#, "\"\u{7F}\"", "\"a\u{9F}\"", "\"\u{A0}x\"",
    #""\ud83d\ude00""#, #""\ud83d""#, #""\ude00""#, #""\ud83dx\ude00""#, #""\u00e9""#, "\"é\"", #""public""#,
    #""none""#,
    #"" team""#, #""admin""#, #""simple""#, #""cost""#, #""error""#, #""0.5""#, #""-0""#, #""-1""#, #""007.50""#,
    #""1.""#, #"".5""#, #""1e3""#, #""\u0031.5""#, #""0.1234567890""#, #""0.1234567891""#, #""1000000""#,
    #""1000000.000000001""#, #""99999999999999999999999""#, #""1.0""#,
    "\"" + String(repeating: "x", count: 100) + "\"", "\"" + String(repeating: "x", count: 101) + "\"",
    "\"" + String(repeating: "é", count: 127) + "x\"", "\"" + String(repeating: "é", count: 128) + "\"",
    "\" " + String(repeating: "y", count: 100) + " \"", "\"" + String(repeating: "\\u00e9", count: 51) + "\"",
    "[" + String(repeating: "\"a\",", count: 63) + "\"a\"]", "[" + String(repeating: "\"a\",", count: 64) + "\"a\"]",
    String(repeating: "[", count: 126) + String(repeating: "]", count: 126),
    String(repeating: "[", count: 127) + String(repeating: "]", count: 127),
    String(repeating: "{\"a\":", count: 126) + "1" + String(repeating: "}", count: 126),
    #"{"a":1,"a":2}"#, #"{"a":1,"\u0061":2}"#, #"{"a~/b":{"x":1,"x":2}}"#, #"{"name":1,"n\u0061me":2}"#,
  ]

  static let times: [String] = [
    #""2026-11-01T00:00:00Z""#,
    #""2026-11-21t12:05:00.0000009z""#, #""2026-11-21T12:05:00.000001Z""#, #""2000-01-01T00:00:00+00:01""#,
    #""1999-12-31T23:59:59.999999Z""#, #""2026-02-29T00:00:00Z""#, #""2024-02-29T23:59:59.9999999-23:59""#,
    #""2026-11-01T24:00:00Z""#, #""2026-11-01T00:00:60Z""#, #""2026-11-01 00:00:00Z""#, #""2026-11-01T00:00:00""#,
    #""2026-11-01T00:00:00.Z""#, #""2026-11-01T00:00:00+24:00""#, #""0000-01-01T00:00:00Z""#, "1790000000000",
    "1790000000000.0009", "946684800000", "946684799999.999", "1795262700000", "1795262700000.001", "9e18", "1e16",
  ]

  static let names: [String] = [
    "id", "source", "type", "time", "timestamp", "data", "specversion", "user_id", "session_id", "project_id",
    "team_id",
    "name", "category", "step", "technologies", "visibility", "complexity", "unknown", #"\u0069d"#, #"us\u0065r_id"#,
    #"d\u0061ta"#, #"a\/b"#, "a~b", "",
  ]

  static let fragments: [[UInt8]] = [
    Array("\"".utf8), Array("\\".utf8), Array("{".utf8), Array("}".utf8), Array("[".utf8), Array("]".utf8),
    Array(",".utf8),
    Array(":".utf8), Array(" ".utf8), Array("\t".utf8), Array("\n".utf8), [0], [0x0C], [0x1F], [0x7F], [0x80], [0xC2],
    [0xC2, 0x85], [0xC2, 0xA0], [0xED, 0xA0, 0x80], [0xF4, 0x90, 0x80, 0x80], [0xEF, 0xBB, 0xBF], [0xE2, 0x80, 0xA8],
    Array("\\u0000".utf8), Array("\\ud800".utf8), Array("\\udc00".utf8), Array("\\u12".utf8), Array("\\x".utf8),
    Array("e5".utf8), Array(".0".utf8), Array("-".utf8), Array("0".utf8), Array("null".utf8), Array("//".utf8),
  ]
}

/// A JSON text as members of an envelope and of its data, so that whole members can be changed.
private struct Draft {
  var envelope: [(String, String)]
  /// nil where `data` was replaced.
  var data: [(String, String)]?
  var headers: [(String, [UInt8]?)] = []

  var text: String {
    func object(_ members: [(String, String)]) -> String {
      "{" + members.map { "\"\($0.0)\":\($0.1)" }.joined(separator: ",") + "}"
    }
    guard let data else { return object(envelope) }
    if envelope.isEmpty { return object(data) }
    return object(envelope + [("data", object(data))])
  }
}

@Suite("Decoding, against a slow reading of the contract")
struct DecoderDifferentialTests {
  /// Of each seed; `SOAK_DECODER_ROUNDS` asks for more.
  private static let rounds =
    ProcessInfo.processInfo.environment["SOAK_DECODER_ROUNDS"].flatMap { Int($0) } ?? 1500

  private func members(_ json: String) throws -> [(String, String)] {
    var parser = PlainJSONParser(Array(json.utf8))
    guard case .object(let members) = try parser.parse() else { return [] }
    return members.map {
      (String(decoding: $0.raw, as: UTF8.self), String(decoding: $0.value.compact, as: UTF8.self))
    }
  }

  private func draft(_ random: inout SeededRandom) throws -> Draft {
    let sample = Corpus.data.randomElement(using: &random)!
    let type = "\"\(sample.type)\""
    let data = try members(sample.data)
    let isUsual = Int.random(in: 0..<20, using: &random) > 0
    let time = isUsual ? #""2026-11-01T10:00:00.123456789+02:00""# : Corpus.times.randomElement(using: &random)!
    switch Int.random(in: 0..<4, using: &random) {
    case 0:
      let headers: [(String, String)] = [
        ("ce_specversion", "1.0"), ("ce_id", "i-1"), ("ce_source", "/s"), ("ce_type", sample.type),
        ("ce_time", "2026-11-01T00:00:00Z"), ("ce_subject", "a\"b"), ("traceparent", "00"), ("content-type", "x/y"),
      ]
      return Draft(envelope: [], data: data, headers: headers.map { ($0.0, Array($0.1.utf8)) })
    case 1:
      return Draft(
        envelope: [("type", type), ("timestamp", "1793000000000"), ("id", "\"b-1\""), ("x", "1")], data: data)
    default:
      return Draft(
        envelope: [
          ("specversion", "\"1.0\""), ("id", "\"i-1\""), ("source", "\"/s\""), ("type", type),
          ("time", time), ("subject", "\"z\""),
        ], data: data)
    }
  }

  private func change(_ draft: inout Draft, _ random: inout SeededRandom) {
    func change(_ members: inout [(String, String)]) {
      var value = Corpus.values.randomElement(using: &random)!
      let name = Corpus.names.randomElement(using: &random)!
      let i = members.indices.randomElement(using: &random)
      if let i, members[i].0.hasPrefix("time"), Bool.random(using: &random) {
        value = Corpus.times.randomElement(using: &random)!
      }
      switch Int.random(in: 0..<8, using: &random) {
      case 0: members.insert((name, value), at: members.indices.randomElement(using: &random) ?? 0)
      case 1: if let i { members.remove(at: i) }
      case 2: if let i { members[i].0 = name }
      case 3: members.shuffle(using: &random)
      default: if let i { members[i].1 = value }
      }
    }
    switch Int.random(in: 0..<10, using: &random) {
    case 0: draft.data = draft.data.map { _ in [] }
    case 1..<4 where !draft.envelope.isEmpty: change(&draft.envelope)
    case 1..<4 where !draft.headers.isEmpty:
      let i = draft.headers.indices.randomElement(using: &random)!
      switch Int.random(in: 0..<6, using: &random) {
      case 0: draft.headers.remove(at: i)
      case 1: draft.headers.append(draft.headers[i])
      case 2: draft.headers[i].1 = nil
      case 3: draft.headers[i].1 = Corpus.fragments.randomElement(using: &random)!
      case 4: draft.headers[i].1 = Array("x".utf8) + Corpus.fragments.randomElement(using: &random)!
      default:
        let value = Corpus.values.randomElement(using: &random)!
        draft.headers[i].1 = Array(value.utf8.filter { $0 != UInt8(ascii: "\"") })
      }
    default: if draft.data != nil { change(&draft.data!) }
    }
  }

  private func damage(_ bytes: inout [UInt8], _ random: inout SeededRandom) {
    let i = Int.random(in: 0...bytes.count, using: &random)
    let j = min(bytes.count, i + Int.random(in: 1...12, using: &random))
    switch Int.random(in: 0..<6, using: &random) {
    case 0: bytes.removeSubrange(i..<j)
    case 1: bytes.insert(contentsOf: bytes[i..<j], at: i)
    case 2: if i < bytes.count { bytes[i] = UInt8.random(in: 0...255, using: &random) }
    case 3: bytes.removeLast(bytes.count - i)
    default: bytes.insert(contentsOf: Corpus.fragments.randomElement(using: &random)!, at: i)
    }
  }

  @Test(
    "thousands of changed events decode, or are refused, exactly as the contract reads",
    arguments: 1...4 as ClosedRange<UInt64>)
  func agreement(seed: UInt64) throws {
    var random = SeededRandom(seed: seed)
    let decoder = EventDecoder(identityKey: identityKey)
    var batch = EventBatch()
    var accepted = 0
    var reasons: Set<DeadLetterReason> = []
    for round in 0..<Self.rounds {
      var draft = try draft(&random)
      for _ in 0..<Int.random(in: 0...3, using: &random) { change(&draft, &random) }
      var bytes = Array(draft.text.utf8)
      switch Int.random(in: 0..<40, using: &random) {
      case 0: bytes = Array(Corpus.values.randomElement(using: &random)!.utf8)
      case 1..<10: damage(&bytes, &random)
      default: break
      }
      let expected = DecodingReference.decode(value: bytes, headers: draft.headers, now: clock.microseconds)
      let before = batch.extent
      let result = decode(bytes, headers: draft.headers, with: decoder, into: &batch)
      let actual = result.map { _ in batch.plainEvent(at: batch.count - 1) }
      try #require(
        actual == expected,
        "seed \(seed), round \(round): \(String(decoding: bytes, as: UTF8.self)), headers \(draft.headers)"
      )
      switch actual {
      case .success: accepted += 1
      case .failure(let refusal):
        reasons.insert(refusal.reason)
        try #require(batch.extent == before, "seed \(seed), round \(round): a refused record left something behind")
      }
    }
    #expect(accepted > 300)
    #expect(reasons.union([.emptyValue, .tooLarge]) == Set(DeadLetterReason.allCases))
  }
}
