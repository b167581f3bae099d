import Events

/// When things happen: more by day than by night, little at weekends, slowly growing, no two weeks alike.
///
/// The span is cut into hours; an hour's weight says how much happens in it. The nth of N events stands where the nth
/// part of all the weight is used up, so times never go back, and N events fill the span whatever N is.
struct Rhythm {
  private let seed: UInt64
  private let start: Int64
  private let hours: Int
  private let total: Double
  private let events: Int
  private var hour = 0
  /// Weight of the hours before `hour`.
  private var before = 0.0
  private var weight: Double

  static let millisecondsPerHour: Int64 = 3_600_000

  /// By hour of a working day, UTC: Europe's morning and afternoon, America's day after it, Asia's in the night.
  private static let workingDay: [Double] = [
    2.6, 2.9, 3.0, 2.8, 2.5, 2.6, 3.6, 5.6, 8.2, 9.6, 9.8, 9.0, 8.4, 9.6, 10.4, 10.6, 10.2, 9.2, 8.0, 7.0, 6.2, 5.2,
    4.0, 3.0,
  ]
  private static let weekendShare = 0.32
  private static let growth = 0.8

  init(seed: UInt64, events: Int, startMilliseconds: Int64, days: Int) {
    (self.seed, self.events, start) = (seed, events, startMilliseconds)
    hours = days * 24
    var sum = 0.0
    for hour in 0..<hours { sum += Self.weight(of: hour, among: hours, start: start, seed: seed) }
    total = sum
    weight = Self.weight(of: 0, among: hours, start: start, seed: seed)
  }

  private static func weight(of hour: Int, among hours: Int, start: Int64, seed: UInt64) -> Double {
    let absolute = floorDivide(start, millisecondsPerHour) + Int64(hour)
    let day = floorDivide(absolute, 24)
    // 1970-01-01 was a Thursday.
    let weekday = ((day + 3) % 7 + 7) % 7
    let ofDay = Int(absolute - day * 24)
    let base = workingDay[ofDay] * (weekday >= 5 ? weekendShare : 1)
    let noise = 0.85 + 0.3 * fixedUnit(seed, .hourNoise, UInt64(bitPattern: absolute))
    return base * noise * (1 + growth * Double(hour) / Double(hours))
  }

  /// The time of the next event in milliseconds since the epoch; to be asked with 0, 1, 2, … in turn.
  mutating func time(of index: Int, at place: Double) -> Int64 {
    let target = (Double(index) + place) / Double(events) * total
    while hour + 1 < hours, before + weight <= target {
      before += weight
      hour += 1
      weight = Self.weight(of: hour, among: hours, start: start, seed: seed)
    }
    let part = min(max((target - before) / weight, 0), 0.999_999_9)
    return start + Int64(hour) * Self.millisecondsPerHour + Int64(part * Double(Self.millisecondsPerHour))
  }

  /// Milliseconds between events about now.
  var gap: Int64 {
    max(1, Int64(total / Double(events) / weight * Double(Self.millisecondsPerHour)))
  }
}
