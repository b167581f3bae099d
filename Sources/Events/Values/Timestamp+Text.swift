extension Timestamp {
  /// Appends the time by RFC 3339 in UTC: `2026-01-01T00:00:00.123456Z`, without the fraction where it is zero.
  package func appendText(to text: inout [UInt8]) {
    let days = floorDivide(microseconds, Self.microsecondsPerDay)
    let (year, month, day) = Self.civil(days)
    let remainder = microseconds % Self.microsecondsPerDay
    let rest = remainder < 0 ? remainder + Self.microsecondsPerDay : remainder
    if year < 0 { text.append(UInt8(ascii: "-")) }
    appendDigits(year.magnitude, 4, &text)
    text.append(UInt8(ascii: "-"))
    appendDigits(month.magnitude, 2, &text)
    text.append(UInt8(ascii: "-"))
    appendDigits(day.magnitude, 2, &text)
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

  /// The date of a day since 1970-01-01 in the Gregorian calendar, also before it began. Counted from 0000-03-01, so that a
  /// leap day ends its year, in eras of 400 years, which have 146,097 days each.
  private static func civil(_ days: Int64) -> (year: Int64, month: Int64, day: Int64) {
    let fromMarch = days + 719_468
    let era = floorDivide(fromMarch, 146_097)
    let dayOfEra = fromMarch - era * 146_097
    // One day less for each leap day before it: every 4 years, not every 100, again every 400.
    let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    // Five months from March on have 153 days, again and again.
    let monthFromMarch = (5 * dayOfYear + 2) / 153
    let month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9
    let year = era * 400 + yearOfEra + (month <= 2 ? 1 : 0)
    return (year, month, dayOfYear - (153 * monthFromMarch + 2) / 5 + 1)
  }
}
