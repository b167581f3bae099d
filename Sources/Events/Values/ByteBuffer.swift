/// Bytes that grow at their end.
///
/// An array whose count is the room there is: a few bytes cost a quarter of the instructions of `Array.append(contentsOf:)`.
package struct ByteBuffer: Sendable {
  private var storage: [UInt8] = []
  package private(set) var count = 0

  private static let longestVarint = 10

  package init() {}

  package mutating func reserve(_ capacity: Int) {
    if capacity > storage.count { grow(to: capacity) }
  }

  @inline(__always)
  package mutating func append(_ byte: UInt8) {
    makeRoom(for: 1)
    storage[count] = byte
    count &+= 1
  }

  @inline(__always)
  package mutating func append(_ bytes: UnsafeRawBufferPointer) {
    guard let start = bytes.baseAddress, bytes.count > 0 else { return }
    makeRoom(for: bytes.count)
    storage.withUnsafeMutableBytes { ($0.baseAddress! + count).copyShort(from: start, count: bytes.count) }
    count &+= bytes.count
  }

  @inline(__always)
  package mutating func append(_ bytes: UnsafeBufferPointer<UInt8>) { append(UnsafeRawBufferPointer(bytes)) }

  package mutating func append(_ bytes: [UInt8]) { bytes.withUnsafeBytes { append($0) } }

  mutating func append(_ other: ByteBuffer) { other.withBytes { append($0) } }

  /// In LEB128: seven bits a byte, the lowest first, the highest bit for each that is not the last.
  @inline(__always)
  package mutating func append(varint value: UInt64) {
    makeRoom(for: Self.longestVarint)
    var end = count
    storage.withUnsafeMutableBufferPointer { storage in
      var rest = value
      while rest >= 0x80 {
        storage[end] = UInt8(truncatingIfNeeded: rest) | 0x80
        end &+= 1
        rest &>>= 7
      }
      storage[end] = UInt8(truncatingIfNeeded: rest)
    }
    count = end &+ 1
  }

  /// The highest byte first. One function for each width: what is called from other modules is not specialized there.
  package mutating func append(bigEndian value: UInt16) { appendNative(value.bigEndian) }
  package mutating func append(bigEndian value: UInt32) { appendNative(value.bigEndian) }
  package mutating func append(bigEndian value: UInt64) { appendNative(value.bigEndian) }

  @inline(__always)
  private mutating func appendNative<T: FixedWidthInteger>(_ value: T) {
    makeRoom(for: MemoryLayout<T>.size)
    storage.withUnsafeMutableBytes { $0.storeBytes(of: value, toByteOffset: count, as: T.self) }
    count &+= MemoryLayout<T>.size
  }

  package mutating func overwrite(at offset: Int, bigEndian value: UInt32) {
    precondition(offset >= 0 && offset + 4 <= count, "beyond the end")
    storage.withUnsafeMutableBytes { $0.storeBytes(of: value.bigEndian, toByteOffset: offset, as: UInt32.self) }
  }

  package mutating func truncate(to count: Int) {
    precondition(count >= 0 && count <= self.count, "there are not so many")
    self.count = count
  }

  /// The bytes, valid within the call.
  @inline(__always)
  package func withBytes<R, E: Error>(
    _ body: (UnsafeBufferPointer<UInt8>) throws(E) -> R
  ) throws(E) -> R {
    try storage.withUnsafeBufferPointer { storage throws(E) in
      try body(UnsafeBufferPointer(start: storage.baseAddress, count: count))
    }
  }

  /// Some of the bytes, valid within the call; for whoever is called from other modules, and not specialized there.
  @inline(__always)
  func withBytes<R>(_ range: Range<Int>, _ body: (UnsafeBufferPointer<UInt8>) throws -> R) rethrows -> R {
    try storage.withUnsafeBufferPointer { try body(UnsafeBufferPointer(rebasing: $0[range])) }
  }

  package var array: [UInt8] { Array(storage[..<count]) }

  @inline(__always)
  private mutating func makeRoom(for more: Int) {
    if count &+ more > storage.count { grow(to: max(count + more, 2 * storage.count, 64)) }
  }

  @inline(never)
  private mutating func grow(to capacity: Int) {
    storage = [UInt8](unsafeUninitializedCapacity: capacity) { room, initialized in
      _ = storage.withUnsafeBufferPointer { room.update(fromContentsOf: $0[..<count]) }
      // No byte behind `count` is handed out.
      initialized = capacity
    }
  }
}
