import Events

/// What decides which of two events is the newer: event time, then position.
struct Moment: Comparable {
  var time: Timestamp
  var position: Int64

  /// Before every event.
  static let never = Moment(time: Timestamp(microseconds: .min), position: 0)

  var isNever: Bool { position == 0 }

  static func < (a: Self, b: Self) -> Bool { (a.time.microseconds, a.position) < (b.time.microseconds, b.position) }
}

extension RowReader {
  /// A `timestamptz` and a `bigint`, null for never.
  mutating func moment() -> Moment {
    let (time, position) = (timestamptz(), bigint())
    guard let time, let position else { return .never }
    return Moment(time: time, position: position)
  }
}

extension RowWriter {
  mutating func moment(_ moment: Moment) {
    timestamptz(moment.isNever ? nil : moment.time)
    bigint(moment.isNever ? nil : moment.position)
  }
}

/// The least and greatest time of some events; none at first.
struct Extremes {
  var first: Timestamp?
  var last: Timestamp?

  mutating func include(_ time: Timestamp) {
    first = first.map { min($0, time) } ?? time
    last = last.map { max($0, time) } ?? time
  }

  mutating func include(_ other: Self) {
    if let time = other.first { include(time) }
    if let time = other.last { include(time) }
  }
}
