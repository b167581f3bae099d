import CRdkafka

/// Tells that a record has no headers without asking librdkafka, which allocates memory for the answer (half of what a
/// record costs the reading thread).
///
/// In a record of the protocol's format 2 the number of headers stands right behind the value, and librdkafka hands
/// values out where it received or decompressed them. Records of older formats have no headers, whatever stands there.
enum HeaderPeek {
  /// The versions of librdkafka whose source was read for this: 2.0.2 to 2.12; others are asked.
  private static let knownVersions: ClosedRange<Int32> = 0x0200_02FF...0x020C_FFFF
  static let isUsable = knownVersions.contains(rd_kafka_version())

  private static let pageSize: UInt = 4_096

  /// False where it is not certain.
  @inline(__always)
  static func hasNone(_ message: UnsafeMutablePointer<rd_kafka_message_t>, isUsable: Bool) -> Bool {
    // An empty value stands somewhere else.
    guard isUsable, let value = message.pointee.payload, message.pointee.len > 0 else { return false }
    let behind = UnsafeRawPointer(value) + message.pointee.len
    // In an old format the value may be the last of its memory; on the value's own page reading on cannot fault.
    guard UInt(bitPattern: behind) % pageSize != 0 else { return false }
    return behind.load(as: UInt8.self) == 0
  }
}
