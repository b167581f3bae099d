package import Events

/// What a world follows from: with the same settings it is the same, byte for byte.
package struct WorldSettings: Sendable, Hashable {
  /// How many records, repetitions included; at least 1.
  package var events: Int
  package var seed: UInt64
  /// How many days before `end` the events are spread over; at least 1.
  package var days: Int
  /// No event is later.
  package var end: Timestamp
  /// Whether some events come in the binary envelope, whose attributes are headers. Where records have none these
  /// events are structured ones, and nothing else differs.
  package var headers: Bool

  package static let mostDays = 36_500

  package init(
    events: Int = 10_000, seed: UInt64 = 1, days: Int = 30,
    end: Timestamp = Timestamp(microseconds: 1_767_225_600_000_000), headers: Bool = false
  ) {
    (self.events, self.seed, self.days, self.end, self.headers) = (events, seed, days, end, headers)
  }

  /// The settings, if a world can follow from them and every event be valid: none before 2000-01-01.
  package func checked() throws(WorldSettingsError) -> WorldSettings {
    if events < 1 { throw .noEvents }
    if days < 1 || days > Self.mostDays { throw .days }
    let startOf2000 = 946_684_800_000_000
    if end.microseconds - Int64(days) * Timestamp.microsecondsPerDay < Int64(startOf2000) { throw .tooEarly }
    if end.microseconds > 253_402_300_799_000_000 { throw .tooLate }
    return self
  }
}

/// Why no world follows from settings.
package enum WorldSettingsError: Error, Hashable {
  case noEvents
  case days
  /// It would begin before 2000-01-01, the earliest time that an event may have.
  case tooEarly
  /// After the year 9999.
  case tooLate

  package var message: String {
    switch self {
    case .noEvents: "--events must be at least 1"
    case .days: "--days must be from 1 to \(WorldSettings.mostDays)"
    case .tooEarly: "--end less --days lies before 2000-01-01, the earliest time that an event may have"
    case .tooLate: "--end lies after the year 9999"
    }
  }
}
