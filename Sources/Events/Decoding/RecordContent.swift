/// A Kafka record's content, as ingest hands it to the decoder. The memory is the caller's, and valid during the call.
package struct RecordContent {
  /// nil for a record without a value (a tombstone).
  package var value: UnsafeRawBufferPointer?
  /// In their order; values may be absent.
  package let headers: [(name: UnsafeRawBufferPointer, value: UnsafeRawBufferPointer?)]
  package var offset: Int64
  /// Of their names and values.
  package let headerBytes: Int
  /// It has more than can be read, and so none here.
  package let hasTooManyHeaders: Bool
  @inlinable
  package init(
    value: UnsafeRawBufferPointer?, headers: [(name: UnsafeRawBufferPointer, value: UnsafeRawBufferPointer?)],
    offset: Int64, hasTooManyHeaders: Bool = false
  ) {
    (self.value, self.headers, self.offset) = (value, headers, offset)
    self.hasTooManyHeaders = hasTooManyHeaders
    var bytes = 0
    for header in headers { bytes += header.name.count + (header.value?.count ?? 0) }
    headerBytes = bytes
  }
}
