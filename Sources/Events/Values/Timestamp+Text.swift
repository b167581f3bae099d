extension Timestamp {
  /// By RFC 3339 in UTC: `2026-01-01T00:00:00.123456Z`, without the fraction where it is zero.
  package var rfc3339: String {
    var text: [UInt8] = []
    text.reserveCapacity(27)
    appendText(to: &text)
    return String(decoding: text, as: UTF8.self)
  }

  /// Appends `rfc3339`.
  package func appendText(to text: inout [UInt8]) {
    let days = floorDivide(microseconds, Self.microsecondsPerDay)
    let (year, month, day) = GregorianCalendar.date(day: Int(days))
    let remainder = microseconds % Self.microsecondsPerDay
    let rest = remainder < 0 ? remainder + Self.microsecondsPerDay : remainder
    if year < 0 { text.append(UInt8(ascii: "-")) }
    appendDigits(UInt64(year.magnitude), 4, &text)
    text.append(UInt8(ascii: "-"))
    appendDigits(UInt64(month), 2, &text)
    text.append(UInt8(ascii: "-"))
    appendDigits(UInt64(day), 2, &text)
    text.append(UInt8(ascii: "T"))
    let seconds = rest / 1_000_000
    appendDigits((seconds / 3600).magnitude, 2, &text)
    text.append(UInt8(ascii: ":"))
    appendDigits((seconds / 60 % 60).magnitude, 2, &text)
    text.append(UInt8(ascii: ":"))
    appendDigits((seconds % 60).magnitude, 2, &text)
    let fraction = rest % 1_000_000
    if fraction != 0 {
      text.append(UInt8(ascii: "."))
      appendDigits(fraction.magnitude, 6, &text)
    }
    text.append(UInt8(ascii: "Z"))
  }

  private func appendDigits(_ value: UInt64, _ width: Int, _ text: inout [UInt8]) {
    let start = text.count
    var rest = value
    while rest != 0 || text.count - start < width {
      text.append(UInt8(ascii: "0") + UInt8(rest % 10))
      rest /= 10
    }
    text[start...].reverse()
  }
}
