package import Events

/// A record that was refused, as it came; milliseconds since the epoch, −1 where the broker has none.
package struct DeadLetter: Sendable {
  package var partition: TopicPartition
  package var incarnation: Int32
  package var offset: Int64
  package var refusal: Refusal
  package var key: [UInt8]?
  package var value: [UInt8]?
  package var headers: [(name: [UInt8], value: [UInt8]?)]
  package var timestampMilliseconds: Int64

  package init(
    partition: TopicPartition, incarnation: Int32, offset: Int64, refusal: Refusal, key: [UInt8]?, value: [UInt8]?,
    headers: [(name: [UInt8], value: [UInt8]?)], timestampMilliseconds: Int64
  ) {
    (self.partition, self.incarnation, self.offset, self.refusal) = (partition, incarnation, offset, refusal)
    (self.key, self.value, self.headers, self.timestampMilliseconds) = (key, value, headers, timestampMilliseconds)
  }

  /// Of key, value and headers.
  var byteCount: Int {
    (key?.count ?? 0) + (value?.count ?? 0) + headers.reduce(0) { $0 + $1.name.count + ($1.value?.count ?? 0) }
  }
}
