import Events
import ReferenceDecoder
import Testing

@Suite("Times as text")
struct DecodingTimeTests {
  @Test(
    "an RFC 3339 time is read to the microsecond",
    arguments: [
      ("1970-01-01T00:00:00Z", 0),
      ("1969-12-31T23:59:59.999999Z", -1),
      ("2000-02-29T00:00:00z", 951_782_400_000_000),
      ("2026-11-21t12:00:00.5+00:00", 1_795_262_400_500_000),
      ("2026-11-21T17:30:00.000001999+05:30", 1_795_262_400_000_001),
      ("2026-11-21T04:00:00.1234567890123456789-08:00", 1_795_262_400_123_456),
      ("2026-11-21T12:00:00-00:00", 1_795_262_400_000_000),
      ("0000-01-01T00:00:00Z", -62_167_219_200_000_000),
      ("9999-12-31T23:59:59.999999Z", 253_402_300_799_999_999),
    ] as [(String, Int64)])
  func parsed(text: String, microseconds: Int64) {
    #expect(RFC3339.parse(text) == Timestamp(microseconds: microseconds))
    #expect(DecodingReference.rfc3339(Array(text.utf8)) == microseconds)
  }

  @Test(
    "what is no RFC 3339 time is refused",
    arguments: [
      "", "2026", "2026-11-21", "2026-11-21T12:00:00", "2026-11-21T12:00Z", "2026-11-21 12:00:00Z",
      "2026-11-21T12:00:00 Z",
      "2026-11-21T12:00:00.Z", "2026-11-21T12:00:00.", "2026-11-21T12:00:00,5Z", "2026-11-21T12:00:00ZZ",
      "2026-11-21T12:00:00Z ", "2026-11-21T12:00:00+0000", "2026-11-21T12:00:00+00", "2026-11-21T12:00:00+0:00",
      "2026-11-21T12:00:00+24:00", "2026-11-21T12:00:00+00:60", "2026-11-21T12:00:00+00:000", "2026-11-21T24:00:00Z",
      "2026-11-21T12:60:00Z", "2026-11-21T12:00:60Z", "2016-12-31T23:59:60Z", "2026-00-01T00:00:00Z",
      "2026-13-01T00:00:00Z", "2026-11-00T00:00:00Z", "2026-11-31T00:00:00Z", "2026-02-29T00:00:00Z",
      "1900-02-29T00:00:00Z", "+2026-11-21T12:00:00Z", "-026-11-21T12:00:00Z", "2026-1-021T12:00:00Z",
      "2026/11/21T12:00:00Z", "2026-11-21T12.00.00Z", "20261121T120000.0000Z", "2026-11-21T12:00:00\u{661}Z",
      "２026-11-21T12:00:00Z",
    ])
  func refused(text: String) {
    #expect(RFC3339.parse(text) == nil)
    #expect(DecodingReference.rfc3339(Array(text.utf8)) == nil)
  }

  @Test(
    "with any other byte in any place it is a time or none, as byte for byte",
    arguments: ["2026-11-21T12:34:56.789Z", "2024-02-29t23:59:59+05:30"])
  func anyByte(text: String) {
    var bytes = Array(text.utf8)
    for place in bytes.indices {
      let byte = bytes[place]
      for other in UInt8.min...UInt8.max {
        bytes[place] = other
        let parsed = bytes.withUnsafeBufferPointer { RFC3339.parse($0) }
        if parsed?.microseconds != DecodingReference.rfc3339(bytes) { Issue.record("\(other) at \(place)") }
      }
      bytes[place] = byte
    }
  }

  @Test("every day of four centuries is written as it is read, and as Foundation reads it")
  func everyDay() {
    // From 1770 on, the length of the calendar's cycle.
    for day in Int64(-73_049)..<73_048 {
      let time = Timestamp(microseconds: day * Timestamp.microsecondsPerDay)
      let text = time.rfc3339
      if RFC3339.parse(text) != time { Issue.record("day \(day) is written as \(text)") }
      if day % 97 == 0 { #expect(DecodingReference.rfc3339(Array(text.utf8)) == time.microseconds, "\(text)") }
    }
  }

  @Test("a time is written with six fractional digits, or none")
  func formatted() {
    #expect(Timestamp(microseconds: 0).rfc3339 == "1970-01-01T00:00:00Z")
    #expect(Timestamp(microseconds: -1).rfc3339 == "1969-12-31T23:59:59.999999Z")
    #expect(Timestamp(microseconds: 1_795_262_403_000_010).rfc3339 == "2026-11-21T12:00:03.000010Z")
  }
}
