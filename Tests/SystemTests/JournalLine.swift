import Foundation

/// A moment to the microsecond, as the tests keep it.
struct Date6: Comparable, Hashable {
  var microseconds: Int

  init(microseconds: Int) { self.microseconds = microseconds }

  /// RFC 3339 in UTC or with an offset; PostgreSQL's `2026-01-01T00:00:00+00:00` too.
  init(_ text: String) {
    let pattern = /^(\d{4})-(\d\d)-(\d\d)[T ](\d\d):(\d\d):(\d\d)(?:\.(\d+))?(Z|[+-]\d\d(?::?\d\d)?)$/
    guard let match = text.firstMatch(of: pattern) else { fatalError("\(text) is no time") }
    var calendar = Calendar(identifier: .gregorian)
    calendar.timeZone = TimeZone(identifier: "UTC")!
    let date = calendar.date(
      from: DateComponents(
        year: Int(match.1), month: Int(match.2), day: Int(match.3), hour: Int(match.4), minute: Int(match.5),
        second: Int(match.6)))!
    let fraction = Int(String(match.7 ?? "0").padding(toLength: 6, withPad: "0", startingAt: 0))!
    var offset = 0
    if match.8 != "Z" {
      let digits = match.8.dropFirst().filter { $0 != ":" }
      let minutes = Int(digits.prefix(2))! * 60 + (Int(digits.dropFirst(2)) ?? 0)
      offset = (match.8.first == "-" ? -1 : 1) * minutes * 60
    }
    microseconds = (Int(date.timeIntervalSince1970) - offset) * 1_000_000 + fraction
  }

  static func < (a: Self, b: Self) -> Bool { a.microseconds < b.microseconds }
  var day: Int { Int((Double(microseconds) / 86_400e6).rounded(.down)) }
  var hour: Int { Int((Double(microseconds) / 3_600e6).rounded(.down)) }
  static func day(_ day: Int) -> String { String(Date6(microseconds: day * 86_400_000_000).text.prefix(10)) }
  static func hour(_ hour: Int) -> String { Date6(microseconds: hour * 3_600_000_000).text }

  /// RFC 3339, UTC, six digits.
  var text: String {
    var calendar = Calendar(identifier: .gregorian)
    calendar.timeZone = TimeZone(identifier: "UTC")!
    let seconds = Int((Double(microseconds) / 1e6).rounded(.down))
    let c = calendar.dateComponents(
      [.year, .month, .day, .hour, .minute, .second], from: Date(timeIntervalSince1970: Double(seconds)))
    return String(
      format: "%04d-%02d-%02dT%02d:%02d:%02d.%06dZ", c.year!, c.month!, c.day!, c.hour!, c.minute!, c.second!,
      microseconds - seconds * 1_000_000)
  }
}

/// A line of `pleat journal`.
struct JournalLine {
  var position: Int
  var topic: String
  var partition: Int
  var offset: Int
  var type: String
  var source: String
  var id: String?
  var time: Date6
  var data: [String: Any]

  init(_ line: String) throws {
    let object = try JSONSerialization.jsonObject(with: Data(line.utf8)) as! [String: Any]
    position = object["position"] as! Int
    topic = object["topic"] as! String
    partition = object["partition"] as! Int
    offset = object["offset"] as! Int
    type = object["type"] as! String
    source = object["source"] as! String
    id = object["id"] as? String
    time = Date6(object["time"] as! String)
    data = object["data"] as! [String: Any]
  }

  func string(_ name: String) -> String? { data[name] as? String }
  func number(_ name: String) -> Double? { (data[name] as? NSNumber)?.doubleValue }
  /// A number cut after so many fractional digits, in decimal: as a double it could fall below what was written.
  func cut(_ name: String, digits: Int) -> Double? {
    guard var value = decimal(name) else { return nil }
    var cut = Decimal()
    NSDecimalRound(&cut, &value, digits, .down)
    return cut.double
  }
  func decimal(_ name: String) -> Decimal? {
    if let text = data[name] as? String { return Decimal(string: text) }
    return (data[name] as? NSNumber).map { Decimal(string: $0.stringValue)! }
  }

  var mentions: [(name: String, category: String?)] {
    (data["technologies"] as? [Any] ?? []).map { entry in
      if let name = entry as? String { return (name, nil) }
      let object = entry as! [String: Any]
      return (object["name"] as! String, object["category"] as? String)
    }
  }
}
