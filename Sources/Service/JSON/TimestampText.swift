package import Events

extension Timestamp {
  /// `2026-01-01T00:00:00.123456Z`; without a fraction where it is zero.
  package var rfc3339: String {
    let day = Int64(self.day)
    let (year, month, dayOfMonth) = Self.civil(day)
    let rest = microseconds - day * Self.microsecondsPerDay
    let seconds = rest / 1_000_000
    let fraction = rest % 1_000_000
    func padded(_ value: Int64, _ width: Int) -> String {
      let text = String(value)
      return String(repeating: "0", count: max(0, width - text.count)) + text
    }
    return padded(year, 4) + "-" + padded(month, 2) + "-" + padded(dayOfMonth, 2) + "T" + padded(seconds / 3600, 2)
      + ":"
      + padded(seconds / 60 % 60, 2) + ":" + padded(seconds % 60, 2) + (fraction == 0 ? "" : "." + padded(fraction, 6))
      + "Z"
  }

  /// The proleptic Gregorian date of a day since 1970-01-01: eras of 400 years (146,097 days) that begin on 1 March.
  private static func civil(_ day: Int64) -> (year: Int64, month: Int64, day: Int64) {
    let shifted = day + 719_468
    let era = floorDivide(shifted, 146_097)
    let dayOfEra = shifted - era * 146_097
    let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let marchMonth = (5 * dayOfYear + 2) / 153
    let month = marchMonth < 10 ? marchMonth + 3 : marchMonth - 9
    return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, dayOfYear - (153 * marchMonth + 2) / 5 + 1)
  }
}
