import Events
import Projections

/// Builds a one-dimensional array parameter that may hold nulls.
struct ArrayBuilder {
  let element: ArrayParameter.Element
  private(set) var count = 0
  private(set) var hasNull = false
  /// Each element behind its length, −1 for null.
  private(set) var bytes: [UInt8] = []

  init(_ element: ArrayParameter.Element) { self.element = element }

  private mutating func appendRaw<T: FixedWidthInteger>(_ value: T) {
    withUnsafeBytes(of: value.bigEndian) { bytes.append(contentsOf: $0) }
  }

  mutating func appendNull() {
    appendRaw(Int32(-1))
    hasNull = true
    count += 1
  }

  private mutating func append<T: FixedWidthInteger>(integer value: T?) {
    guard let value else { return appendNull() }
    appendRaw(Int32(MemoryLayout<T>.size))
    appendRaw(value)
    count += 1
  }

  mutating func append(int value: Int32) { append(integer: value) }
  mutating func append(bigint value: Int64?) { append(integer: value) }
  mutating func append(timestamptz value: Timestamp?) {
    append(integer: value.map { $0.microseconds - PostgresEpoch.microseconds })
  }
  mutating func append(bytea value: [UInt8]?) {
    guard let value else { return appendNull() }
    appendRaw(Int32(value.count))
    bytes.append(contentsOf: value)
    count += 1
  }
  mutating func append(text value: String?) {
    guard var value else { return appendNull() }
    value.withUTF8 {
      appendRaw(Int32($0.count))
      bytes.append(contentsOf: $0)
    }
    count += 1
  }
}
