import Events
import Testing

@testable import ReferenceDecoder

@Suite("Decoding binary CloudEvents")
struct DecoderHeaderTests {
  private static let good: [(String, String)] = [
    ("ce_specversion", "1.0"), ("ce_id", "i"), ("ce_source", "s"), ("ce_type", "cache_hit"),
    ("ce_time", "2026-11-01T00:00:00Z"),
  ]
  private let value = Array(#"{"cache":"c"}"#.utf8)

  private func headers(_ name: String, _ value: [UInt8]?) -> [(String, [UInt8]?)] {
    Self.good.filter { $0.0 != name }.map { ($0.0, Array($0.1.utf8)) } + [(name, value)]
  }

  @Test("the headers are the envelope, and further attributes are kept as JSON")
  func binaryEvent() throws {
    let event = try decodePlain(
      value,
      headers: headers("ce_subject", Array("a\"\\\u{1}é".utf8)) + [("content-type", Array("x/y".utf8)), ("b3", [0xFF])]
    ).get()
    #expect(
      event
        == PlainEvent(
          envelope: .binary, type: "cache_hit", source: Array("s".utf8), id: Array("i".utf8),
          microseconds: 1_793_491_200_000_000,
          attributes: Array(#""subject":"a\"\\\u0001é","datacontenttype":"x/y""#.utf8), unknown: nil,
          data: ["cache": .text(Array("c".utf8))]))
  }

  @Test("headers of 1 MiB together are read, with one byte more the record is too large, whatever it holds")
  func size() throws {
    let known = headers("ce_x", nil)
    let left = 1_048_576 - known.reduce(0) { $0 + $1.0.utf8.count + ($1.1?.count ?? 0) }
    let most = headers("ce_x", Array(repeating: 1, count: left))
    for headers in [most, most + [("", nil)]] {
      let event = try decodePlain(value, headers: headers).get()
      #expect(event.attributes?.count == #""x":"""#.utf8.count + 6 * left)
    }
    for headers in [most + [("b", nil)], most + [("", [0xFF])]] {
      #expect(decodePlain(Array("{".utf8), headers: headers) == .failure(Refusal(.tooLarge)))
      #expect(
        DecodingReference.decode(value: Array("{".utf8), headers: headers, now: clock.microseconds)
          == .failure(Refusal(.tooLarge)))
    }
  }

  @Test(
    "a header's first broken rule is the one reported, by its name",
    arguments: [
      ("ce_specversion", Array("1.1".utf8), DeadLetterReason.unsupportedSpecversion),
      ("ce_specversion", [], .unsupportedSpecversion),
      ("ce_id", nil, .missingMember),
      ("ce_id", [], .invalidValue),
      ("ce_id", [0xFF], .invalidUTF8),
      ("ce_id", [7], .invalidValue),
      ("ce_id", [0xC2, 0x9F], .invalidValue),
      ("ce_id", [UInt8](repeating: 0x78, count: 256), .tooLong),
      ("ce_source", nil, .missingMember),
      ("ce_source", [0x7F], .invalidValue),
      ("ce_type", nil, .missingMember),
      ("ce_type", [], .invalidValue),
      ("ce_time", nil, .missingMember),
      ("ce_time", Array("1793000000000".utf8), .invalidValue),
      ("ce_time", Array("1999-01-01T00:00:00Z".utf8), .outOfRange),
      ("ce_time", Array("2027-01-01T00:00:00Z".utf8), .futureTime),
      ("ce_x", [0xC0], .invalidUTF8),
    ] as [(String, [UInt8]?, DeadLetterReason)])
  func refusals(name: String, value header: [UInt8]?, reason: DeadLetterReason) {
    let headers = headers(name, header)
    #expect(decodePlain(value, headers: headers) == .failure(Refusal(reason, at: name)))
    #expect(
      DecodingReference.decode(value: value, headers: headers, now: clock.microseconds)
        == .failure(Refusal(reason, at: name)))
  }

  @Test("without a ce_specversion, or with one that has no value, the value decides")
  func otherEnvelopes() {
    for version: [(String, [UInt8]?)] in [[], [("ce_specversion", nil)]] {
      let headers = version + [("ce_id", Array("i".utf8))]
      #expect(decodePlain(value, headers: headers) == .failure(Refusal(.missingMember, at: "/type")))
    }
  }

  @Test("the value is checked as a whole before the headers are, and a header twice before either is read")
  func order() {
    let twice = headers("ce_id", nil) + [("ce_x", nil), ("ce_x", nil)]
    #expect(decodePlain(nil, headers: twice) == .failure(Refusal(.emptyValue)))
    #expect(decodePlain(Array("{".utf8), headers: twice) == .failure(Refusal(.malformedJSON)))
    #expect(decodePlain(Array(#"{"a":1,"a":1}"#.utf8), headers: twice) == .failure(Refusal(.duplicateMember, at: "/a")))
    #expect(decodePlain(Array("[]".utf8), headers: twice) == .failure(Refusal(.duplicateMember, at: "ce_x")))
    #expect(decodePlain(Array("[]".utf8), headers: headers("ce_id", nil)) == .failure(Refusal(.notAnObject)))
    #expect(
      decodePlain(Array("{}".utf8), headers: headers("ce_id", nil)) == .failure(Refusal(.missingMember, at: "ce_id")))
    #expect(decodePlain(Array("{}".utf8), headers: headers("b", [])) == .failure(Refusal(.missingMember, at: "/cache")))
  }

  @Test("a repeated header is found among many")
  func manyHeaders() {
    let many = (0..<100).map { ("h\($0)", [] as [UInt8]?) }
    #expect(decodePlain(value, headers: many + [("h40", nil)]) == .failure(Refusal(.duplicateMember, at: "h40")))
    #expect(decodePlain(value, headers: many) == .failure(Refusal(.missingMember, at: "/type")))
  }
}
