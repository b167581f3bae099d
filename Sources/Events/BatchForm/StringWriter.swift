/// Writes strings of a batch in the forms that `BatchForm` lists. Valid while the batch's strings are.
struct StringWriter {
  private(set) var controls = ByteBuffer()
  private(set) var numbers = ByteBuffer()
  private(set) var text = ByteBuffer()
  private(set) var uuids: [PackedUUID] = []

  private let storage: SymbolTable.Storage
  private let erasedPeople: Set<Symbol>
  private let erasedIdentities: Set<Symbol>
  private let anyErased: Bool
  private var prefix = UnsafeBufferPointer<UInt8>(start: nil, count: 0)
  /// −1 before the first.
  private var prefixCount = -1
  private var width = -1

  init(_ storage: SymbolTable.Storage, of batch: EventBatch) {
    self.storage = storage
    (erasedPeople, erasedIdentities) = (batch.erasedPeople, batch.erasedIdentities)
    anyErased = !erasedPeople.isEmpty || !erasedIdentities.isEmpty
  }

  mutating func appendNone() { controls.append(varint: BatchForm.Control.none) }

  /// Brings a string nearer that is appended soon.
  @inline(__always)
  func prefetch(_ symbol: Symbol) { if !symbol.isNone { storage.prefetch(symbol) } }

  @inline(__always)
  mutating func append(_ symbol: Symbol) {
    let bytes = storage.bytes(symbol)
    if anyErased, appendErased(symbol, bytes) { return }
    if let uuid = PackedUUID(text: bytes) {
      controls.append(UInt8(BatchForm.Control.uuid))
      uuids.append(uuid)
    } else if !appendNumber(bytes) {
      controls.append(varint: BatchForm.Control.text + UInt64(bytes.count))
      text.append(bytes)
    }
  }

  private mutating func appendErased(_ symbol: Symbol, _ bytes: UnsafeBufferPointer<UInt8>) -> Bool {
    if erasedPeople.contains(symbol) {
      precondition(bytes.count == 8, "an erased person's symbol holds the 8 bytes of a hash")
      controls.append(varint: BatchForm.Control.erasedPerson)
    } else if erasedIdentities.contains(symbol) {
      precondition(bytes.count == 16, "an erased identity's symbol holds the 16 bytes of a digest")
      controls.append(varint: BatchForm.Control.erasedIdentity)
    } else {
      return false
    }
    text.append(bytes)
    return true
  }

  /// A prefix and a number behind it, if the string ends in one of a fitting length.
  @inline(__always)
  private mutating func appendNumber(_ bytes: UnsafeBufferPointer<UInt8>) -> Bool {
    var value: UInt64 = 0
    var place: UInt64 = 1
    var start = bytes.count
    while start > 0, bytes.count - start <= BatchForm.numberDigits.upperBound {
      let digit = bytes[start - 1] &- UInt8(ascii: "0")
      if digit > 9 { break }
      value &+= UInt64(digit) &* place
      place &*= 10
      start -= 1
    }
    let digits = bytes.count - start
    guard BatchForm.numberDigits.contains(digits), start <= BatchForm.maximumPrefix else { return false }
    let samePrefix = start == prefixCount && equal(prefix, bytes, start)
    if bytes[start] != UInt8(ascii: "0") {
      if samePrefix {
        controls.append(UInt8(BatchForm.Control.number))
      } else {
        controls.append(UInt8(BatchForm.Control.prefixedNumber))
        setPrefix(bytes, start)
      }
    } else if samePrefix, digits == width {
      controls.append(UInt8(BatchForm.Control.paddedNumber))
    } else {
      controls.append(UInt8(BatchForm.Control.prefixedPaddedNumber))
      controls.append(UInt8(digits))
      width = digits
      setPrefix(bytes, start)
    }
    numbers.append(varint: value)
    return true
  }

  private mutating func setPrefix(_ bytes: UnsafeBufferPointer<UInt8>, _ count: Int) {
    prefix = UnsafeBufferPointer(rebasing: bytes[..<count])
    prefixCount = count
    controls.append(varint: UInt64(count))
    text.append(prefix)
  }

  @inline(__always)
  private func equal(_ a: UnsafeBufferPointer<UInt8>, _ b: UnsafeBufferPointer<UInt8>, _ count: Int) -> Bool {
    for i in 0..<count where a[i] != b[i] { return false }
    return true
  }
}
