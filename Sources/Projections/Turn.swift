package import Events

/// What rules and views call the watermark: how far it lags behind the greatest event time.
package let watermarkLagMicroseconds: Int64 = 300_000_000

/// The moment when an event's time moved the watermark into a later hour.
package struct Turn: Sendable {
  /// Of the event that turned.
  package var position: Int64
  /// The watermark with that event.
  package var watermark: Timestamp
  /// The watermark without it.
  package var previousWatermark: Timestamp

  package init(position: Int64, watermark: Timestamp, previousWatermark: Timestamp) {
    (self.position, self.watermark, self.previousWatermark) = (position, watermark, previousWatermark)
  }

  package var dayTurned: Bool { watermark.day != previousWatermark.day }
  /// The start of the hour that begins: `time` and `as_of` of the derived events.
  package var hour: Timestamp {
    Timestamp(microseconds: Int64(watermark.hour) * Timestamp.microsecondsPerHour)
  }
}
