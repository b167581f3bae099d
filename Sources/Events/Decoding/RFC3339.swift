/// Times from text, by RFC 3339: `T` or `t`, `Z`, `z` or an offset, any number of fractional digits, no second 60.
package enum RFC3339 {
  /// nil for what is no such time. What is finer than a microsecond is cut off.
  package static func parse(_ text: UnsafeBufferPointer<UInt8>) -> Timestamp? {
    let count = text.count
    // 2026-01-01T00:00:00Z
    guard count >= 20, let base = text.baseAddress else { return nil }
    // Several bytes at once, each XORed with `0` or with what should stand between the digits: their values, and 0.
    let raw = UnsafeRawPointer(base)
    let date = UInt64(littleEndian: raw.loadUnaligned(as: UInt64.self)) ^ 0x2D30_302D_3030_3030
    let clock =
      (UInt64(littleEndian: raw.loadUnaligned(fromByteOffset: 8, as: UInt64.self)) | 0x20_0000) ^ 0x3030_3A30_3074_3030
    let seconds =
      UInt64(UInt32(littleEndian: raw.loadUnaligned(fromByteOffset: 16, as: UInt32.self)) & 0xFF_FFFF) ^ 0x30_303A
    guard isInRange(date, 0x7F76_767F_7676_7676), isInRange(clock, 0x7676_7F76_767F_7676),
      isInRange(seconds, 0x76_767F)
    else { return nil }
    let year = two(date, 0) * 100 + two(date, 2)
    let month = two(date, 5)
    let day = two(clock, 0)
    let hour = two(clock, 3)
    let minute = two(clock, 6)
    let second = two(seconds, 1)
    guard 1...12 ~= month, hour < 24, minute < 60, second < 60, day >= 1,
      day <= GregorianCalendar.daysIn(month: month, year: year)
    else { return nil }

    var i = 19
    var fraction = 0
    if base[i] == UInt8(ascii: ".") {
      i += 1
      var unit = 100_000
      let start = i
      while i < count, base[i] &- UInt8(ascii: "0") < 10 {
        fraction += Int(base[i] &- UInt8(ascii: "0")) * unit
        unit /= 10
        i += 1
      }
      guard i > start, i < count else { return nil }
    }
    var offsetMinutes = 0
    switch base[i] {
    case UInt8(ascii: "Z"), UInt8(ascii: "z"):
      guard count == i + 1 else { return nil }
    case UInt8(ascii: "+"), UInt8(ascii: "-"):
      guard count == i + 6, base[i + 3] == UInt8(ascii: ":") else { return nil }
      let hourDigits = UInt64(base[i + 1]) | UInt64(base[i + 2]) << 8 ^ 0x3030
      let minuteDigits = UInt64(base[i + 4]) | UInt64(base[i + 5]) << 8 ^ 0x3030
      guard isInRange(hourDigits, 0x7676), isInRange(minuteDigits, 0x7676) else { return nil }
      let (hours, minutes) = (two(hourDigits, 0), two(minuteDigits, 0))
      guard hours < 24, minutes < 60 else { return nil }
      offsetMinutes = (hours * 60 + minutes) * (base[i] == UInt8(ascii: "-") ? -1 : 1)
    default: return nil
    }
    let minutes = (GregorianCalendar.days(year: year, month: month, day: day) * 24 + hour) * 60 + minute - offsetMinutes
    return Timestamp(microseconds: Int64((minutes * 60 + second) * 1_000_000 + fraction))
  }

  package static func parse(_ text: String) -> Timestamp? {
    var copy = text
    return copy.withUTF8 { parse($0) }
  }

  /// Whether no byte of `values` and of `room` come to 128 together.
  @inline(__always)
  private static func isInRange(_ values: UInt64, _ room: UInt64) -> Bool {
    (values | (values &+ room)) & 0x8080_8080_8080_8080 == 0
  }

  /// The number of the digits at `place` and behind it.
  @inline(__always)
  private static func two(_ digits: UInt64, _ place: UInt64) -> Int {
    Int((digits &>> (8 &* place) & 0xFF) &* 10 &+ (digits &>> (8 &* place &+ 8) & 0xFF))
  }
}
