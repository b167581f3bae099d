/// Days and dates, also before the calendar began.
package enum GregorianCalendar {
  private static func isLeap(_ year: Int) -> Bool { year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) }

  /// In a month.
  static func daysIn(month: Int, year: Int) -> Int {
    switch month {
    case 2: isLeap(year) ? 29 : 28
    case 4, 6, 9, 11: 30
    default: 31
    }
  }

  private static let daysPer400Years = 146_097
  /// From 0000-03-01 to 1970-01-01.
  private static let epochDay = 719_468

  /// Days since 1970-01-01 in the proleptic Gregorian calendar. Years are counted from March, so that a leap day is the last
  /// of its year; (153 m + 2) / 5 days come before month m of such a year.
  static func days(year: Int, month: Int, day: Int) -> Int {
    let marchYear = month > 2 ? year : year - 1
    let marchMonth = month > 2 ? month - 3 : month + 9
    let era = (marchYear >= 0 ? marchYear : marchYear - 399) / 400
    let yearOfEra = marchYear - era * 400
    let dayOfYear = (153 * marchMonth + 2) / 5 + day - 1
    return era * daysPer400Years + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - epochDay
  }

  /// The inverse of `days`.
  package static func date(day: Int) -> (year: Int, month: Int, day: Int) {
    let shifted = day + epochDay
    let era = (shifted >= 0 ? shifted : shifted - daysPer400Years + 1) / daysPer400Years
    let dayOfEra = shifted - era * daysPer400Years
    // Leap days (the last day of every 1461, 36524 and 146097) taken out, every year has 365.
    let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let marchMonth = (5 * dayOfYear + 2) / 153
    let month = marchMonth < 10 ? marchMonth + 3 : marchMonth - 9
    let year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
    return (year, month, dayOfYear - (153 * marchMonth + 2) / 5 + 1)
  }
}
