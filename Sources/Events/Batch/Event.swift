/// In which of the three forms an event came: a CloudEvent in the record's value, one in its headers, or none.
package enum Envelope: UInt8, Sendable {
  case structured = 0
  case binary = 1
  case bare = 2
}

/// One event's envelope and where its data stands.
package struct Event: Sendable {
  package var type: EventType
  package var envelope: Envelope
  /// Index into the array of its type (unused for `.other`).
  package var row: UInt32
  /// The `type` as sent: of `.other` alone, `.none` for the listed types.
  package var typeName: Symbol
  /// `bare` for a bare event.
  package var source: Symbol
  /// `.none` for a bare event without one: it has no identity.
  package var id: Symbol
  package var time: Timestamp
  /// Offset in the event's partition.
  package var offset: Int64
  /// Further envelope attributes, as the members of a JSON object without its braces (`"subject":"x","y":1`).
  package var attributes: Text
  /// Unknown members of `data`, likewise; for `.other` all of its members.
  package var unknown: Text
}
