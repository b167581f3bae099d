package import Events

/// A segment that an erasure has rewritten, as the erasure's event lists it: the digests of what stands there since.
package struct ErasedSegment: Hashable, Sendable {
  package var firstPosition: Int64
  package var payloadDigest: [UInt8]
  package var identitiesDigest: [UInt8]

  package init(firstPosition: Int64, payloadDigest: [UInt8], identitiesDigest: [UInt8]) {
    (self.firstPosition, self.payloadDigest) = (firstPosition, payloadDigest)
    self.identitiesDigest = identitiesDigest
  }

  /// `"segments":[{"first_position":1,"payload_digest":"00ff…","identities_digest":"00ff…"}]`, without braces around it.
  static func list(_ segments: [Self]) -> [UInt8] {
    var json = Array(#""segments":["#.utf8)
    for (index, segment) in segments.enumerated() {
      if index > 0 { json.append(UInt8(ascii: ",")) }
      json.append(contentsOf: #"{"first_position":\#(segment.firstPosition),"payload_digest":""#.utf8)
      Hexadecimal.append(segment.payloadDigest, to: &json)
      json.append(contentsOf: #"","identities_digest":""#.utf8)
      Hexadecimal.append(segment.identitiesDigest, to: &json)
      json.append(contentsOf: #""}"#.utf8)
    }
    json.append(UInt8(ascii: "]"))
    return json
  }

  /// Of a list: the database appends its event only if this is what is rewritten then.
  package static func digest(_ segments: [Self]) -> [UInt8] {
    var bytes: [UInt8] = []
    for segment in segments {
      withUnsafeBytes(of: segment.firstPosition.bigEndian) { bytes.append(contentsOf: $0) }
      bytes += segment.payloadDigest + segment.identitiesDigest
    }
    return SHA256.digest(of: bytes)
  }

  /// What the erasures among these events list, in their order; nothing of a list that is not one.
  package static func listed(in batch: EventBatch) -> [Self] {
    var found: [Self] = []
    for event in batch.events where event.type == .personErased && !event.unknown.isNone {
      let text = batch.texts[Int(event.unknown.offset)..<Int(event.unknown.offset) + Int(event.unknown.count)]
      let json = ([UInt8(ascii: "{")] + text + [UInt8(ascii: "}")]).withUnsafeBytes { ReadJSON($0) }
      guard case .array(let items)? = json?["segments"] else { continue }
      for item in items {
        guard let position = item["first_position"]?.integer,
          let payload = item["payload_digest"]?.text.flatMap(Hexadecimal.bytes),
          let identities = item["identities_digest"]?.text.flatMap(Hexadecimal.bytes)
        else { continue }
        found.append(Self(firstPosition: position, payloadDigest: payload, identitiesDigest: identities))
      }
    }
    return found
  }
}
