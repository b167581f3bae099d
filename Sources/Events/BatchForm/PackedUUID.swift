/// The 16 bytes behind a UUID in canonical form: 36 characters, lowercase. Any other spelling is a plain string, since packing
/// it would lose how it was written.
struct PackedUUID {
  static let textCount = 36
  static let byteCount = 16

  /// The bytes in their order, the first 8 and the last 8, as memory holds them.
  var first: UInt64
  var last: UInt64

  /// - Precondition: 16 bytes.
  init(_ bytes: UnsafeBufferPointer<UInt8>) {
    precondition(bytes.count == Self.byteCount)
    let raw = UnsafeRawBufferPointer(bytes)
    first = raw.loadUnaligned(as: UInt64.self)
    last = raw.loadUnaligned(fromByteOffset: 8, as: UInt64.self)
  }

  /// nil if this is not the canonical form of a UUID.
  @inline(__always)
  init?(text: UnsafeBufferPointer<UInt8>) {
    guard text.count == Self.textCount, let base = text.baseAddress else { return nil }
    let raw = UnsafeRawPointer(base)
    // 8-4-4-4-12: the four dashes stand at 8, 13, 18 and 23.
    guard text[8] == 0x2D, text[13] == 0x2D, text[18] == 0x2D, text[23] == 0x2D else { return nil }
    let a = UInt64(littleEndian: raw.loadUnaligned(as: UInt64.self))
    let b = Self.joined(raw, 9, 14)
    let c = Self.joined(raw, 19, 24)
    let d = UInt64(littleEndian: raw.loadUnaligned(fromByteOffset: 28, as: UInt64.self))
    guard let a = Self.pack(a), let b = Self.pack(b), let c = Self.pack(c), let d = Self.pack(d) else { return nil }
    first = (a | b &<< 32).littleEndian
    last = (c | d &<< 32).littleEndian
  }

  @inline(__always)
  private static func joined(_ raw: UnsafeRawPointer, _ i: Int, _ j: Int) -> UInt64 {
    UInt64(UInt32(littleEndian: raw.loadUnaligned(fromByteOffset: i, as: UInt32.self)))
      | UInt64(UInt32(littleEndian: raw.loadUnaligned(fromByteOffset: j, as: UInt32.self))) &<< 32
  }

  /// Eight hexadecimal digits (one a byte, the first lowest) as four bytes; nil if one is not `0`–`9` or `a`–`f`.
  @inline(__always)
  private static func pack(_ text: UInt64) -> UInt64? {
    let nibbles = (text & 0x0F0F_0F0F_0F0F_0F0F) &+ 9 &* ((text &>> 6) & 0x0101_0101_0101_0101)
    // What is no digit either leaves the nibble's range or comes out as another character.
    guard nibbles & 0xF0F0_F0F0_F0F0_F0F0 == 0, spell(nibbles) == text else { return nil }
    var packed = (nibbles &<< 4 | nibbles &>> 8) & 0x00FF_00FF_00FF_00FF
    packed = (packed | packed &>> 8) & 0x0000_FFFF_0000_FFFF
    return (packed | packed &>> 16) & 0xFFFF_FFFF
  }

  /// Eight nibbles as their hexadecimal digits.
  @inline(__always)
  private static func spell(_ nibbles: UInt64) -> UInt64 {
    let letters = ((nibbles &+ 0x0606_0606_0606_0606) &>> 4) & 0x0101_0101_0101_0101
    return nibbles &+ 0x3030_3030_3030_3030 &+ letters &* 39
  }

  /// Four bytes as eight hexadecimal digits.
  @inline(__always)
  private static func unpack(_ bytes: UInt64) -> UInt64 {
    var spread = (bytes | bytes &<< 16) & 0x0000_FFFF_0000_FFFF
    spread = (spread | spread &<< 8) & 0x00FF_00FF_00FF_00FF
    return spell((spread &>> 4 | spread &<< 8) & 0x0F0F_0F0F_0F0F_0F0F)
  }

  /// Writes the 36 characters.
  @inline(__always)
  func write(to text: UnsafeMutablePointer<UInt8>) {
    let raw = UnsafeMutableRawPointer(text)
    let first = UInt64(littleEndian: first)
    let last = UInt64(littleEndian: last)
    let b = Self.unpack(first &>> 32)
    let c = Self.unpack(last & 0xFFFF_FFFF)
    raw.storeBytes(of: Self.unpack(first & 0xFFFF_FFFF).littleEndian, as: UInt64.self)
    text[8] = 0x2D
    raw.storeBytes(of: UInt32(truncatingIfNeeded: b).littleEndian, toByteOffset: 9, as: UInt32.self)
    text[13] = 0x2D
    raw.storeBytes(of: UInt32(truncatingIfNeeded: b &>> 32).littleEndian, toByteOffset: 14, as: UInt32.self)
    text[18] = 0x2D
    raw.storeBytes(of: UInt32(truncatingIfNeeded: c).littleEndian, toByteOffset: 19, as: UInt32.self)
    text[23] = 0x2D
    raw.storeBytes(of: UInt32(truncatingIfNeeded: c &>> 32).littleEndian, toByteOffset: 24, as: UInt32.self)
    raw.storeBytes(of: Self.unpack(last &>> 32).littleEndian, toByteOffset: 28, as: UInt64.self)
  }

  init(first: UInt64, last: UInt64) { (self.first, self.last) = (first, last) }
}
