import Events
import Projections

/// Finds the events at which the hour of the watermark turns.
struct TurnFinder {
  /// Greatest event time so far; nil before the journal's first event, which is no turn.
  private(set) var greatestTime: Timestamp?
  /// An event at or after this moment turns the hour.
  private var nextTurn: Int64

  init(greatestTime: Timestamp?) {
    self.greatestTime = greatestTime
    nextTurn = Self.nextTurn(after: greatestTime)
  }

  private static func nextTurn(after greatest: Timestamp?) -> Int64 {
    guard let greatest else { return .min }
    return Int64(watermark(greatest).hour + 1) * Timestamp.microsecondsPerHour + watermarkLagMicroseconds
  }

  static func watermark(_ greatest: Timestamp) -> Timestamp {
    Timestamp(microseconds: greatest.microseconds - watermarkLagMicroseconds)
  }

  /// The first event of the range that turns the hour, or the range's end. What lies before is entered.
  mutating func advance(through events: [Event], in range: Range<Int>) -> Int {
    var index = range.lowerBound
    if greatestTime == nil, index < range.upperBound {
      greatestTime = events[index].time
      nextTurn = Self.nextTurn(after: greatestTime)
      index += 1
    }
    guard var greatest = greatestTime else { return index }
    while index < range.upperBound {
      let time = events[index].time
      if time.microseconds >= nextTurn { break }
      if time > greatest { greatest = time }
      index += 1
    }
    greatestTime = greatest
    return index
  }

  /// Enters the event that turned.
  mutating func turn(with event: Event, at position: Int64) -> Turn {
    let before = greatestTime ?? event.time
    greatestTime = event.time
    nextTurn = Self.nextTurn(after: event.time)
    return Turn(position: position, watermark: Self.watermark(event.time), previousWatermark: Self.watermark(before))
  }
}
