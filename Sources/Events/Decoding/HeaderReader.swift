import CSimdjson

/// The headers of a record: the envelope of binary CloudEvents. A header without a value is absent.
struct HeaderReader {
  private let headers: [(name: UnsafeRawBufferPointer, value: UnsafeRawBufferPointer?)]

  init(_ headers: [(name: UnsafeRawBufferPointer, value: UnsafeRawBufferPointer?)]) { self.headers = headers }

  /// Up to so many headers each is compared with each; more are counted in a set.
  private static let pairwiseLimit = 16

  /// The name of the first header that comes a second time.
  func repeatedName() -> String? {
    if headers.count <= 1 { return nil }
    if headers.count <= Self.pairwiseLimit {
      for i in 1..<headers.count {
        let name = bytes(headers[i].name)
        for j in 0..<i where bytes(headers[j].name) == name { return String(decoding: name, as: UTF8.self) }
      }
      return nil
    }
    var seen: Set<[UInt8]> = []
    for header in headers where !seen.insert(Array(header.name)).inserted {
      return String(decoding: header.name, as: UTF8.self)
    }
    return nil
  }

  func value(of name: StaticString) -> Bytes? {
    for header in headers {
      if let value = header.value, bytes(header.name) == name { return bytes(value) }
    }
    return nil
  }

  /// A header that must be there, as valid UTF-8.
  func text(_ name: StaticString) throws(Refusal) -> Bytes {
    guard let text = value(of: name) else { throw Refusal(.missingMember, at: name.description) }
    guard pleat_utf8_is_valid(text.baseAddress, text.count) else { throw Refusal(.invalidUTF8, at: name.description) }
    return text
  }

  func identifier(_ name: StaticString) throws(Refusal) -> Bytes {
    let text = try text(name)
    if text.isEmpty || text.hasControlCharacters { throw Refusal(.invalidValue, at: name.description) }
    if text.count > Limits.identifierBytes { throw Refusal(.tooLong, at: name.description) }
    return text
  }

  /// Keeps what else the envelope says: further `ce_` headers, and `content-type`, which is the attribute
  /// `datacontenttype` in this binding.
  func keepAttributes(_ batch: inout EventBatch) throws(Refusal) -> Text {
    let from = batch.texts.count
    for header in headers {
      guard let value = header.value, let attribute = Self.attribute(bytes(header.name)) else { continue }
      guard pleat_utf8_is_valid(attribute.baseAddress, attribute.count),
        pleat_utf8_is_valid(value.baseAddress, value.count)
      else { throw Refusal(.invalidUTF8, at: String(decoding: header.name, as: UTF8.self)) }
      if batch.texts.count > from { batch.texts.append(UInt8(ascii: ",")) }
      Self.quote(attribute, &batch.texts)
      batch.texts.append(UInt8(ascii: ":"))
      Self.quote(bytes(value), &batch.texts)
    }
    if batch.texts.count == from { return .none }
    return Text(offset: UInt32(from), count: UInt32(batch.texts.count - from))
  }

  /// The attribute that a header carries besides those which have a place of their own in `Event`.
  private static func attribute(_ name: Bytes) -> Bytes? {
    if name == "content-type" { return bytes("datacontenttype") }
    guard name.count >= 3, Bytes(rebasing: name[..<3]) == "ce_" else { return nil }
    let attribute = Bytes(rebasing: name[3...])
    if attribute == "specversion" || attribute == "id" || attribute == "source" || attribute == "type"
      || attribute == "time"
    {
      return nil
    }
    return attribute
  }

  /// As a JSON string.
  private static func quote(_ text: Bytes, _ out: inout [UInt8]) {
    let digits = bytes("0123456789abcdef")
    out.append(UInt8(ascii: "\""))
    for c in text {
      if c == UInt8(ascii: "\"") || c == UInt8(ascii: "\\") {
        out.append(UInt8(ascii: "\\"))
        out.append(c)
      } else if c < 0x20 {
        out.append(contentsOf: bytes("\\u00"))
        out.append(digits[Int(c >> 4)])
        out.append(digits[Int(c & 15)])
      } else {
        out.append(c)
      }
    }
    out.append(UInt8(ascii: "\""))
  }
}
