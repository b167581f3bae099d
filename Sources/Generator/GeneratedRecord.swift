package import Events

/// One Kafka record of the generated world.
package struct GeneratedRecord {
  /// Same for an event and its repetitions, so that they meet in one partition.
  package internal(set) var key: [UInt8] = []
  package internal(set) var value: [UInt8] = []
  /// The attributes of an event in the binary envelope; empty for the others.
  package internal(set) var headers: [(name: StaticString, value: [UInt8])] = []
  /// The event time.
  package internal(set) var time = Timestamp(microseconds: 0)
}
