/// One stream of the binary form, while it is written.
struct FormWriter: ~Copyable {
  private var buffer: UnsafeMutablePointer<UInt8>
  private var capacity: Int
  private(set) var count = 0

  init(capacity: Int = 256) {
    self.capacity = capacity
    buffer = .allocate(capacity: capacity)
  }

  deinit { buffer.deallocate() }

  /// What was written, valid within the call.
  borrowing func withBytes<R>(_ body: (UnsafeBufferPointer<UInt8>) -> R) -> R {
    body(UnsafeBufferPointer(start: buffer, count: count))
  }

  var array: [UInt8] { withBytes { Array($0) } }

  @inline(__always)
  mutating func byte(_ byte: UInt8) {
    makeRoom(for: 1)
    buffer[count] = byte
    count &+= 1
  }

  @inline(__always)
  mutating func varint(_ value: UInt64) {
    makeRoom(for: Self.longestVarint)
    var rest = value
    while rest >= 0x80 {
      buffer[count] = UInt8(truncatingIfNeeded: rest) | 0x80
      count &+= 1
      rest &>>= 7
    }
    buffer[count] = UInt8(truncatingIfNeeded: rest)
    count &+= 1
  }

  @inline(__always)
  mutating func append(_ slice: UnsafeBufferPointer<UInt8>) {
    guard let start = slice.baseAddress else { return }
    makeRoom(for: slice.count)
    (buffer + count).update(from: start, count: slice.count)
    count &+= slice.count
  }

  mutating func append(_ other: borrowing FormWriter) {
    makeRoom(for: other.count)
    (buffer + count).update(from: other.buffer, count: other.count)
    count &+= other.count
  }

  mutating func append(_ array: [UInt8]) { array.withUnsafeBufferPointer { append($0) } }

  private static let longestVarint = 10

  @inline(__always)
  private mutating func makeRoom(for more: Int) {
    if count &+ more > capacity { grow(to: max(count + more, 2 * capacity)) }
  }

  @inline(never)
  private mutating func grow(to larger: Int) {
    let old = buffer
    buffer = .allocate(capacity: larger)
    buffer.update(from: old, count: count)
    capacity = larger
    old.deallocate()
  }
}
