import Events

/// A cursor record's value: `{"position":12,"ordinal":0,"chain":"0af3…","checked_until":"2026-01-01T10:00:00Z"}`, or with
/// `"passed":{"position":40,"chain":"51bb…"}` at its end; either only where it is set.
package enum CursorRecord {
  static func write(_ place: RelayPlace) -> String {
    var json =
      "{\"position\":\(place.position),\"ordinal\":\(place.ordinal),\"chain\":\"\(Hexadecimal.text(place.chain))\""
    if let until = place.checkedUntil { json += ",\"checked_until\":\"\(until.rfc3339)\"" }
    if let passed = place.passed {
      json += ",\"passed\":{\"position\":\(passed.position),\"chain\":\"\(Hexadecimal.text(passed.chain))\"}"
    }
    return json + "}"
  }

  /// nil for what is no cursor record.
  package static func read(_ value: UnsafeRawBufferPointer) -> RelayPlace? {
    guard let json = ReadJSON(value), let position = json["position"]?.integer, position >= 0,
      let ordinal = json["ordinal"]?.integer.flatMap({ Int32(exactly: $0) }),
      let chain = json["chain"]?.text.flatMap(Hexadecimal.bytes)
    else { return nil }
    var place = RelayPlace(position: position, ordinal: ordinal, chain: chain)
    if let until = json["checked_until"], until != .null {
      guard let time = until.text.flatMap({ RFC3339.parse($0) }) else { return nil }
      place.checkedUntil = time
    }
    if let passed = json["passed"], passed != .null {
      guard let position = passed["position"]?.integer, position >= 0,
        let chain = passed["chain"]?.text.flatMap(Hexadecimal.bytes)
      else { return nil }
      place.passed = RelayPlace.Passed(position: position, chain: chain)
    }
    return place
  }
}
