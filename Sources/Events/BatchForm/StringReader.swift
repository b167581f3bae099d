/// Reads the strings that a `StringWriter` wrote. The memory is the caller's.
struct StringReader {
  enum Form { case none, plain, erasedPerson, erasedIdentity }

  private var controls: FormReader
  private var numbers: FormReader
  private var text: FormReader
  /// By planes: the first byte of all of them, then the second …
  private let uuids: UnsafeBufferPointer<UInt8>
  private let uuidCount: Int
  private var nextUUID = 0

  /// Where a string is put together: a prefix, and a number of at most 20 digits behind it.
  private let scratch: UnsafeMutableBufferPointer<UInt8>
  static let scratchCount = BatchForm.maximumPrefix + 20
  private var prefix: UnsafeBufferPointer<UInt8>?
  private var width: Int?

  /// - Precondition: `scratch` has `scratchCount` bytes, `uuids` whole planes.
  init(
    controls: FormReader, numbers: FormReader, text: FormReader, uuids: UnsafeBufferPointer<UInt8>,
    scratch: UnsafeMutableBufferPointer<UInt8>
  ) {
    precondition(scratch.count >= Self.scratchCount && uuids.count % PackedUUID.byteCount == 0)
    (self.controls, self.numbers, self.text) = (controls, numbers, text)
    (self.uuids, self.scratch) = (uuids, scratch)
    uuidCount = uuids.count / PackedUUID.byteCount
  }

  /// The next string; its bytes are valid until the one after it is read.
  @inline(__always)
  mutating func next() throws(BatchFormError) -> (form: Form, bytes: UnsafeBufferPointer<UInt8>) {
    let control = try controls.varint()
    switch control {
    case BatchForm.Control.uuid: return (.plain, try uuid())
    case BatchForm.Control.number, BatchForm.Control.paddedNumber, BatchForm.Control.prefixedNumber,
      BatchForm.Control.prefixedPaddedNumber:
      return (.plain, try number(control))
    case BatchForm.Control.none: return (.none, UnsafeBufferPointer(start: nil, count: 0))
    case BatchForm.Control.erasedPerson: return (.erasedPerson, try text.take(8))
    case BatchForm.Control.erasedIdentity: return (.erasedIdentity, try text.take(16))
    default:
      let count = control - BatchForm.Control.text
      guard count <= UInt64(text.remaining) else { throw .truncated }
      return (.plain, try text.take(Int(count)))
    }
  }

  @inline(__always)
  private mutating func uuid() throws(BatchFormError) -> UnsafeBufferPointer<UInt8> {
    guard nextUUID < uuidCount else { throw .truncated }
    var first: UInt64 = 0
    var last: UInt64 = 0
    for plane in 0..<8 {
      first |= UInt64(uuids[plane &* uuidCount &+ nextUUID]) &<< UInt64(8 &* plane)
      last |= UInt64(uuids[(plane &+ 8) &* uuidCount &+ nextUUID]) &<< UInt64(8 &* plane)
    }
    nextUUID += 1
    PackedUUID(first: first.littleEndian, last: last.littleEndian).write(to: scratch.baseAddress!)
    return UnsafeBufferPointer(rebasing: scratch[..<PackedUUID.textCount])
  }

  private mutating func number(_ control: UInt64) throws(BatchFormError) -> UnsafeBufferPointer<UInt8> {
    if control == BatchForm.Control.prefixedPaddedNumber {
      let width = Int(try controls.byte())
      guard BatchForm.numberDigits.contains(width) else { throw .malformed("the width of a number in a string") }
      self.width = width
    }
    if control >= BatchForm.Control.prefixedNumber {
      prefix = try text.take(try controls.count(upTo: BatchForm.maximumPrefix))
    }
    guard let prefix else { throw .malformed("a number in a string without a prefix before it") }
    var least = 1
    if control == BatchForm.Control.paddedNumber || control == BatchForm.Control.prefixedPaddedNumber {
      guard let width else { throw .malformed("a padded number in a string without a width before it") }
      least = width
    }
    // The number from the right, then the prefix before it.
    var rest = try numbers.varint()
    var start = scratch.count
    let end = start
    while rest != 0 || end - start < least {
      start -= 1
      scratch[start] = UInt8(ascii: "0") + UInt8(truncatingIfNeeded: rest % 10)
      rest /= 10
    }
    start -= prefix.count
    for i in prefix.indices { scratch[start + i] = prefix[i] }
    return UnsafeBufferPointer(rebasing: scratch[start..<end])
  }

  func expectEnd() throws(BatchFormError) {
    try controls.expectEnd()
    try numbers.expectEnd()
    try text.expectEnd()
    if nextUUID != uuidCount { throw .trailingBytes }
  }
}
