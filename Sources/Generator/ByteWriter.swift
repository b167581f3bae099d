import Events

/// Writes JSON into a buffer that is used again for every event. Strings are written as they are: they need no escapes.
struct ByteWriter {
  private(set) var bytes: [UInt8] = []

  init() { bytes.reserveCapacity(2048) }

  mutating func clear() { bytes.removeAll(keepingCapacity: true) }

  mutating func put(_ text: StaticString) {
    bytes.append(contentsOf: UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
  }

  mutating func put(_ text: [UInt8]) { bytes.append(contentsOf: text) }

  mutating func put(_ byte: UInt8) { bytes.append(byte) }

  mutating func put(_ value: Int) {
    if value < 0 {
      bytes.append(UInt8(ascii: "-"))
      putDigits(UInt64(-value), width: 1)
    } else {
      putDigits(UInt64(value), width: 1)
    }
  }

  /// Decimal digits, with zeros in front up to `width`.
  mutating func putDigits(_ value: UInt64, width: Int) {
    var digits = 1
    var bound: UInt64 = 10
    while digits < 19, value >= bound {
      digits += 1
      bound *= 10
    }
    let count = max(digits, width)
    let start = bytes.count
    bytes.append(contentsOf: repeatElement(UInt8(ascii: "0"), count: count))
    var rest = value
    var at = start + count - 1
    while rest > 0 {
      bytes[at] = UInt8(ascii: "0") + UInt8(rest % 10)
      rest /= 10
      at -= 1
    }
  }

  /// `value` / 10^`places`, without trailing zeros: 1250 with 3 places is `1.25`.
  mutating func putDecimal(_ value: Int, places: Int) {
    var scale = 1
    for _ in 0..<places { scale *= 10 }
    put(value / scale)
    var fraction = value % scale
    if fraction == 0 { return }
    var width = places
    while fraction % 10 == 0 {
      fraction /= 10
      width -= 1
    }
    bytes.append(UInt8(ascii: "."))
    putDigits(UInt64(fraction), width: width)
  }

  /// RFC 3339 with `fraction` digits (3 or 6), at `offsetMinutes` from UTC (0 is written `Z`).
  mutating func putTime(_ time: Timestamp, fraction: Int = 3, offsetMinutes: Int = 0) {
    let local = time.microseconds + Int64(offsetMinutes) * 60_000_000
    let day = floorDivide(local, Timestamp.microsecondsPerDay)
    let ofDay = local - day * Timestamp.microsecondsPerDay
    let date = GregorianCalendar.date(day: Int(day))
    putDigits(UInt64(date.year), width: 4)
    put(UInt8(ascii: "-"))
    putDigits(UInt64(date.month), width: 2)
    put(UInt8(ascii: "-"))
    putDigits(UInt64(date.day), width: 2)
    put(UInt8(ascii: "T"))
    putDigits(UInt64(ofDay / 3_600_000_000), width: 2)
    put(UInt8(ascii: ":"))
    putDigits(UInt64(ofDay / 60_000_000 % 60), width: 2)
    put(UInt8(ascii: ":"))
    putDigits(UInt64(ofDay / 1_000_000 % 60), width: 2)
    put(UInt8(ascii: "."))
    let micros = UInt64(ofDay % 1_000_000)
    if fraction == 3 { putDigits(micros / 1000, width: 3) } else { putDigits(micros, width: 6) }
    if offsetMinutes == 0 { return put(UInt8(ascii: "Z")) }
    put(UInt8(ascii: offsetMinutes < 0 ? "-" : "+"))
    putDigits(UInt64(abs(offsetMinutes) / 60), width: 2)
    put(UInt8(ascii: ":"))
    putDigits(UInt64(abs(offsetMinutes) % 60), width: 2)
  }

  /// The low 5 × `count` bits in Crockford's base 32, lower case.
  mutating func putBase32(_ value: UInt64, count: Int) {
    let alphabet: StaticString = "0123456789abcdefghjkmnpqrstvwxyz"
    var shift = UInt64(5 * (count - 1))
    for _ in 0..<count {
      bytes.append(alphabet.utf8Start[Int(value >> shift & 31)])
      shift &-= 5
    }
  }

  /// A UUID of version 7 (RFC 9562): 48 bits of milliseconds, then random bits.
  mutating func putUUID(milliseconds: Int64, _ a: UInt64, _ b: UInt64) {
    let high = UInt64(truncatingIfNeeded: milliseconds) << 16 | 0x7000 | a & 0x0FFF
    let low = 0x8000_0000_0000_0000 | b >> 2
    putHex(high >> 32, digits: 8)
    put(UInt8(ascii: "-"))
    putHex(high >> 16, digits: 4)
    put(UInt8(ascii: "-"))
    putHex(high, digits: 4)
    put(UInt8(ascii: "-"))
    putHex(low >> 48, digits: 4)
    put(UInt8(ascii: "-"))
    putHex(low, digits: 12)
  }

  mutating func putHex(_ value: UInt64, digits: Int) {
    let alphabet: StaticString = "0123456789abcdef"
    var shift = UInt64(4 * (digits - 1))
    for _ in 0..<digits {
      bytes.append(alphabet.utf8Start[Int(value >> shift & 15)])
      shift &-= 4
    }
  }
}
