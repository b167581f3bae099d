import Service
import Testing

@Suite("A dead letter as JSON")
struct DeadLetterTests {
  @Test("bytes are base64, of names and values, and text is text where it is UTF-8")
  func json() throws {
    let letter = StoredDeadLetter(
      id: 1, topic: "t", partition: 0, offset: 7, reason: "malformed_json", path: nil, at: nil)
    let content = DeadLetterContent(
      letter: letter, key: nil, value: [0xFF], headers: [([0x61, 0xFE], [0x62]), ([0x63], nil), ([], [0xFD])])
    #expect(
      content.json.description.hasSuffix(
        #""value_base64":"/w==","headers":[{"name":"a\u{FFFD}","name_base64":"Yf4=","value":"b","value_base64":"Yg=="},"#
          .replacing(#"\u{FFFD}"#, with: "\u{FFFD}")
          + #"{"name":"c","name_base64":"Yw==","value":null,"value_base64":null},"#
          + #"{"name":"","name_base64":"","value":null,"value_base64":"/Q=="}]}"#), "\(content.json.description)")
  }
}
