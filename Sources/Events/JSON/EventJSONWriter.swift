/// Writes one JSON object of a batch's events, member after member; an absent value writes nothing.
struct EventJSONWriter {
  private(set) var json: [UInt8]
  private let batch: EventBatch
  /// Whether the object that is open has a member yet.
  private var hasMember = false

  /// Goes on where `json` ends.
  init(_ batch: EventBatch, json: [UInt8]) { (self.batch, self.json) = (batch, json) }

  mutating func open() {
    json.append(UInt8(ascii: "{"))
    hasMember = false
  }

  /// What was open around it has a member now.
  mutating func close() {
    json.append(UInt8(ascii: "}"))
    hasMember = true
  }

  private mutating func separate() {
    if hasMember { json.append(UInt8(ascii: ",")) }
    hasMember = true
  }

  mutating func name(_ name: StaticString) {
    separate()
    quoted(name)
    json.append(UInt8(ascii: ":"))
  }

  private mutating func quoted(_ ascii: StaticString) {
    json.append(UInt8(ascii: "\""))
    CanonicalJSON.append(ascii, to: &json)
    json.append(UInt8(ascii: "\""))
  }

  mutating func null(_ name: StaticString) {
    self.name(name)
    CanonicalJSON.append("null", to: &json)
  }

  mutating func member(_ name: StaticString, _ symbol: Symbol) {
    if symbol.isNone { return }
    self.name(name)
    write(symbol)
  }

  private mutating func write(_ symbol: Symbol) {
    if batch.erasedPeople.contains(symbol) {
      CanonicalJSON.append(#"{"hash":""#, to: &json)
      batch.strings.withBytes(symbol) { Hexadecimal.append($0.reversed(), to: &json) }
      CanonicalJSON.append(#""}"#, to: &json)
    } else if batch.erasedIdentities.contains(symbol) {
      CanonicalJSON.append(#"{"digest":""#, to: &json)
      batch.strings.withBytes(symbol) { Hexadecimal.append($0, to: &json) }
      CanonicalJSON.append(#""}"#, to: &json)
    } else {
      batch.strings.withBytes(symbol) { CanonicalJSON.append(string: $0, to: &json) }
    }
  }

  mutating func member(_ name: StaticString, string: String) {
    self.name(name)
    CanonicalJSON.append(string: string, to: &json)
  }

  mutating func member(_ name: StaticString, ascii value: StaticString?) {
    guard let value else { return }
    self.name(name)
    quoted(value)
  }

  mutating func member(_ name: StaticString, integer value: Int64?) {
    guard let value else { return }
    self.name(name)
    CanonicalJSON.append(integer: value, to: &json)
  }

  mutating func member(_ name: StaticString, _ value: Int64?, overTenToThe exponent: Int) {
    guard let value else { return }
    self.name(name)
    CanonicalJSON.append(value, overTenToThe: exponent, to: &json)
  }

  mutating func member(_ name: StaticString, nanodollars value: Int64?) {
    guard let value else { return }
    self.name(name)
    json.append(UInt8(ascii: "\""))
    CanonicalJSON.append(value, overTenToThe: 9, to: &json)
    json.append(UInt8(ascii: "\""))
  }

  mutating func member(_ name: StaticString, _ value: Bool?) {
    guard let value else { return }
    self.name(name)
    CanonicalJSON.append(value ? "true" : "false", to: &json)
  }

  mutating func member(_ name: StaticString, _ time: Timestamp) {
    self.name(name)
    json.append(UInt8(ascii: "\""))
    time.appendText(to: &json)
    json.append(UInt8(ascii: "\""))
  }

  mutating func member(_ name: StaticString, _ text: Text) {
    if text.isNone { return }
    self.name(name)
    withBytes(of: text) { bytes, json in CanonicalJSON.append(string: bytes, to: &json) }
  }

  /// Members that are JSON already. An end of line in them stands between tokens, and would end this line.
  mutating func members(_ text: Text) {
    if text.isNone || text.count == 0 { return }
    separate()
    withBytes(of: text) { bytes, json in
      for byte in bytes {
        let endsLine = byte == UInt8(ascii: "\n") || byte == UInt8(ascii: "\r")
        json.append(endsLine ? UInt8(ascii: " ") : byte)
      }
    }
  }

  private mutating func withBytes(of text: Text, _ body: (UnsafeBufferPointer<UInt8>, inout [UInt8]) -> Void) {
    let range = Int(text.offset)..<Int(text.offset) + Int(text.count)
    batch.texts.withUnsafeBufferPointer { body(UnsafeBufferPointer(rebasing: $0[range]), &json) }
  }

  mutating func technologies(_ range: Range<UInt32>) {
    name("technologies")
    json.append(UInt8(ascii: "["))
    for (i, mention) in batch.technologies[range.asIndices].enumerated() {
      if i > 0 { json.append(UInt8(ascii: ",")) }
      if mention.isObject {
        open()
        member("name", mention.name)
        member("category", mention.category)
        members(mention.unknown)
        close()
      } else {
        write(mention.name)
      }
    }
    json.append(UInt8(ascii: "]"))
    hasMember = true
  }
}
