import Events
import Testing

@testable import Engine

@Suite("Cursor records")
struct CursorRecordTests {
  @Test(
    "a place is written and read back",
    arguments: [
      (RelayPlace.beginning, #"{"position":0,"ordinal":-1,"chain":""}"#),
      (
        RelayPlace(position: .max, ordinal: .max, chain: [0, 0x0A, 0xFF]),
        #"{"position":9223372036854775807,"ordinal":2147483647,"chain":"000aff"}"#
      ),
      (
        RelayPlace(position: 7, ordinal: 2, chain: [1], checkedUntil: RFC3339.parse("2026-01-01T10:00:00Z")),
        #"{"position":7,"ordinal":2,"chain":"01","checked_until":"2026-01-01T10:00:00Z"}"#
      ),
      (
        RelayPlace(position: 7, ordinal: 2, chain: [1], passed: RelayPlace.Passed(position: 9, chain: [0xAB])),
        #"{"position":7,"ordinal":2,"chain":"01","passed":{"position":9,"chain":"ab"}}"#
      ),
    ])
  func roundTrip(place: RelayPlace, json: String) {
    #expect(CursorRecord.write(place) == json)
    #expect(read(json) == place)
  }

  @Test(
    "other members and null are no obstacle",
    arguments: [#" {"chain":"0A","x":[1,{"y":null}],"ordinal":0,"position":1,"checked_until":null} "#])
  func lenient(json: String) {
    #expect(read(json) == RelayPlace(position: 1, ordinal: 0, chain: [10]))
  }

  @Test(
    "what is no cursor record is refused",
    arguments: [
      "", "null", "[]", "{}", #"{"position":1,"ordinal":0}"#, #"{"position":-1,"ordinal":0,"chain":""}"#,
      #"{"position":1.5,"ordinal":0,"chain":""}"#, #"{"position":1,"ordinal":3000000000,"chain":""}"#,
      #"{"position":1,"ordinal":0,"chain":"0"}"#, #"{"position":1,"ordinal":0,"chain":"0g"}"#,
      #"{"position":"1","ordinal":0,"chain":""}"#, #"{"position":1,"ordinal":0,"chain":"","checked_until":"soon"}"#,
      #"{"position":1,"ordinal":0,"chain":"","passed":{"position":2}}"#,
      #"{"position":1,"ordinal":0,"chain":""} x"#, #"{"position":1,"ordinal":0,"chain":"#,
    ])
  func refused(json: String) { #expect(read(json) == nil) }

  @Test(
    "JSON is read as it is meant",
    arguments: [
      (#""aä\"\\\/\b\f\n\r\tA\ud83d\ude00""#, ReadJSON.string("aä\"\\/\u{8}\u{C}\n\r\tA😀")),
      ("[1, -2.5e3, true, false, null]", .array([.number("1"), .number("-2.5e3"), .bool(true), .bool(false), .null])),
      (#"{"a":{"b":[]},"c":{}}"#, .object(["a": .object(["b": .array([])]), "c": .object([:])])),
    ] as [(String, ReadJSON)])
  func reading(json: String, expected: ReadJSON) { #expect(parse(json) == expected) }

  @Test(
    "what is not JSON is not read",
    arguments: [
      #""\ud83d""#, #""\ud83dA""#, #""\x""#, "\"a\nb\"", #""open"#, "[1,]", "{\"a\"}", "{,}", "tru", "[1 2]", "1 2",
      String(repeating: "[", count: 100),
    ])
  func notJSON(text: String) { #expect(parse(text) == nil) }

  private func read(_ json: String) -> RelayPlace? { Array(json.utf8).withUnsafeBytes { CursorRecord.read($0) } }
  private func parse(_ json: String) -> ReadJSON? { Array(json.utf8).withUnsafeBytes { ReadJSON($0) } }
}
