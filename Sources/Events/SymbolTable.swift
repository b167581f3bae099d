import Glibc

/// A string of one batch: an index into its `SymbolTable`.
package struct Symbol: Hashable, Sendable {
  package var index: UInt32
  package init(index: UInt32) { self.index = index }
  package static let none = Symbol(index: .max)
  package var isNone: Bool { index == .max }
}

/// The distinct strings of a batch, by their bytes, in the order of their first use.
///
/// Interning is an open-addressing look-up without allocation for a string that is there. `truncate` takes back the newest
/// strings, so that a record that turns out bad, or a duplicate, leaves nothing behind.
package struct SymbolTable: Sendable {
  private var arena: [UInt8] = []
  fileprivate struct Entry {
    /// Where the string ends in the arena.
    var end: UInt32
    var hash: UInt32
  }
  private var entries: [Entry] = []
  /// Index + 1 into `entries`, 0 for a free slot; the count is a power of two.
  private var slots: [UInt32]

  package init(expected: Int = 64) {
    var capacity = 64
    while capacity < expected * 2 { capacity *= 2 }
    slots = Array(repeating: 0, count: capacity)
  }

  /// An empty table with room for what another one holds.
  package init(withRoomOf other: SymbolTable) {
    self.init(expected: other.count)
    arena.reserveCapacity(other.arena.count)
    entries.reserveCapacity(other.entries.count)
  }

  package var count: Int { entries.count }
  package var byteCount: Int { arena.count }

  @inline(__always)
  private func start(_ index: Int) -> Int { index == 0 ? 0 : Int(entries[index - 1].end) }

  /// A hash for this table alone: fast, and without any promise to the outside.
  @inline(__always)
  private static func hash(_ bytes: UnsafeBufferPointer<UInt8>) -> UInt32 {
    let count = bytes.count
    var h: UInt64 = 0x9E37_79B9_7F4A_7C15 ^ UInt64(truncatingIfNeeded: count)
    guard let base = bytes.baseAddress else { return UInt32(truncatingIfNeeded: h >> 32) }
    let raw = UnsafeRawPointer(base)
    var i = 0
    while i &+ 8 <= count {
      h = (h ^ raw.loadUnaligned(fromByteOffset: i, as: UInt64.self)) &* 0xD6E8_FEB8_6659_FD93
      h ^= h >> 32
      i &+= 8
    }
    var tail: UInt64 = 0
    if i < count {
      if count >= 8 {
        // The last eight bytes, some of them a second time.
        tail = raw.loadUnaligned(fromByteOffset: count &- 8, as: UInt64.self)
      } else {
        while i < count {
          tail = tail << 8 | UInt64(base[i])
          i &+= 1
        }
      }
    }
    h = (h ^ tail) &* 0xD6E8_FEB8_6659_FD93
    h ^= h >> 29
    return UInt32(truncatingIfNeeded: h >> 16)
  }

  /// The symbol of these bytes, new if they are not there yet.
  package mutating func intern(_ bytes: UnsafeBufferPointer<UInt8>) -> Symbol {
    let hash = Self.hash(bytes)
    let mask = slots.count - 1
    var slot = Int(hash) & mask
    while slots[slot] != 0 {
      let index = Int(slots[slot] - 1)
      if entries[index].hash == hash, equals(index, bytes) { return Symbol(index: UInt32(index)) }
      slot = (slot + 1) & mask
    }
    slots[slot] = UInt32(entries.count + 1)
    arena.append(contentsOf: bytes)
    entries.append(Entry(end: UInt32(arena.count), hash: hash))
    if entries.count * 2 > slots.count { grow() }
    return Symbol(index: UInt32(entries.count - 1))
  }

  package mutating func intern(_ string: String) -> Symbol {
    var copy = string
    return copy.withUTF8 { intern($0) }
  }

  @inline(__always)
  private func equals(_ index: Int, _ bytes: UnsafeBufferPointer<UInt8>) -> Bool {
    let from = start(index)
    let length = Int(entries[index].end) - from
    if length != bytes.count { return false }
    if length == 0 { return true }
    return arena.withUnsafeBufferPointer { memcmp($0.baseAddress! + from, bytes.baseAddress!, length) == 0 }
  }

  private mutating func grow() {
    slots = Array(repeating: 0, count: slots.count * 2)
    let mask = slots.count - 1
    for index in 0..<entries.count {
      var slot = Int(entries[index].hash) & mask
      while slots[slot] != 0 { slot = (slot + 1) & mask }
      slots[slot] = UInt32(index + 1)
    }
  }

  /// Forgets every string from index `count` on.
  package mutating func truncate(to count: Int) {
    let mask = slots.count - 1
    while entries.count > count {
      let index = entries.count - 1
      var slot = Int(entries[index].hash) & mask
      while slots[slot] != UInt32(index + 1) { slot = (slot + 1) & mask }
      // The newest string ends its probe run, or lies in the middle of runs that came before it and so do not need it.
      slots[slot] = 0
      entries.removeLast()
    }
    let end = count == 0 ? 0 : Int(entries[count - 1].end)
    arena.removeLast(arena.count - end)
  }

  /// The bytes of a symbol; the pointer is valid within the call.
  @inline(__always)
  package func withBytes<R>(_ symbol: Symbol, _ body: (UnsafeBufferPointer<UInt8>) throws -> R) rethrows -> R {
    let from = start(Int(symbol.index))
    let to = Int(entries[Int(symbol.index)].end)
    return try arena.withUnsafeBufferPointer { try body(UnsafeBufferPointer(rebasing: $0[from..<to])) }
  }

  /// The bytes of all strings, for loops over many of them.
  struct Storage {
    fileprivate let arena: UnsafeBufferPointer<UInt8>
    fileprivate let entries: UnsafeBufferPointer<Entry>

    @inline(__always)
    func bytes(_ symbol: Symbol) -> UnsafeBufferPointer<UInt8> {
      let index = Int(symbol.index)
      let from = index == 0 ? 0 : Int(entries[index - 1].end)
      return UnsafeBufferPointer(rebasing: arena[from..<Int(entries[index].end)])
    }
  }

  /// The storage is valid within the call.
  func withStorage<R>(_ body: (Storage) -> R) -> R {
    arena.withUnsafeBufferPointer { arena in
      entries.withUnsafeBufferPointer { entries in body(Storage(arena: arena, entries: entries)) }
    }
  }

  package func string(_ symbol: Symbol) -> String {
    withBytes(symbol) { String(decoding: $0, as: UTF8.self) }
  }
}
