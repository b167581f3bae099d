/// A string of one batch: an index into its `SymbolTable`.
package struct Symbol: Hashable, Sendable {
  package var index: UInt32
  package init(index: UInt32) { self.index = index }
  package static let none = Symbol(index: .max)
  package var isNone: Bool { index == .max }
}

/// The distinct strings of a batch, by their bytes, in the order of their first use; and, not looked up, the ids of events.
///
/// Interning is an open-addressing look-up without allocation for a string that is there. `truncate` takes back the newest
/// strings, so that a record that turns out bad, or a duplicate, leaves nothing behind.
package struct SymbolTable: Sendable {
  private var arena = ByteBuffer()
  fileprivate struct Entry {
    /// Where the string ends in the arena.
    var end: UInt32
    /// 0 for a string that is not looked up.
    var hash: UInt32
  }
  private var entries: [Entry] = []
  /// How many of them can be looked up.
  private var indexedCount = 0
  /// Index + 1 into `entries`, 0 for a free slot; the count is a power of two. The bits above those that an index of this table can
  /// have are the hash's, so that few look-ups touch the entry of another string.
  private var slots: [UInt32]
  /// What its hashes depend on.
  struct Key {
    var start: UInt64
    var factor: UInt64

    /// Random for each process: whoever chooses strings, and knows this code, does not know which of them meet in a slot.
    static let ofProcess = Key(
      start: UInt64.random(in: .min ... .max), factor: UInt64.random(in: .min ... .max) | 1)
  }
  private let key: Key

  package init(expected: Int = 64) { self.init(expected: expected, key: .ofProcess) }

  init(expected: Int = 64, key: Key) {
    self.key = key
    var capacity = 64
    while capacity < expected * 2 { capacity *= 2 }
    slots = Array(repeating: 0, count: capacity)
  }

  /// An empty table with room for what another one holds.
  package init(withRoomOf other: SymbolTable) {
    self.init(expected: max(other.indexedCount, other.count / 2))
    arena.reserve(other.arena.count)
    entries.reserveCapacity(other.entries.count)
  }

  package var count: Int { entries.count }
  package var byteCount: Int { arena.count }

  @inline(__always)
  private func start(_ index: Int) -> Int { index == 0 ? 0 : Int(entries[index - 1].end) }

  /// A hash for the tables of one key alone: fast, and without any promise to the outside; never 0.
  @inline(__always)
  func hash(_ bytes: UnsafeBufferPointer<UInt8>) -> UInt32 {
    max(UInt32(truncatingIfNeeded: wideHash(bytes) >> 16), 1)
  }

  /// Eight bytes at a time by folded multiplication with a secret factor, as wyhash and foldhash do.
  @inline(__always)
  private func wideHash(_ bytes: UnsafeBufferPointer<UInt8>) -> UInt64 {
    let count = bytes.count
    var h = key.start ^ UInt64(truncatingIfNeeded: count)
    guard let base = bytes.baseAddress else { return h }
    let raw = UnsafeRawPointer(base)
    var i = 0
    while i &+ 8 <= count {
      h = folded(h ^ raw.loadUnaligned(fromByteOffset: i, as: UInt64.self))
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
    return folded(h ^ tail)
  }

  @inline(__always)
  private func folded(_ word: UInt64) -> UInt64 {
    let product = word.multipliedFullWidth(by: key.factor)
    return product.high ^ product.low
  }

  /// Brings nearer where bytes of this hash are looked for.
  @inline(__always)
  func prefetch(hash: UInt32) {
    slots.withUnsafeBufferPointer { slots in
      if let start = slots.baseAddress { Events.prefetch(start + (Int(hash) & (slots.count &- 1))) }
    }
  }

  /// The symbol of these bytes, new if they are not there yet.
  package mutating func intern(_ bytes: UnsafeBufferPointer<UInt8>) -> Symbol {
    intern(bytes, hash: hash(bytes))
  }

  /// As above, where their hash is known.
  mutating func intern(_ bytes: UnsafeBufferPointer<UInt8>, hash: UInt32) -> Symbol {
    assert(hash == self.hash(bytes), "the hash is another string's")
    let mask = slots.count &- 1
    let tag = hash & ~UInt32(truncatingIfNeeded: mask)
    var slot = Int(hash) & mask
    while true {
      let found = slots[slot]
      if found == 0 { break }
      let index = Int(found & UInt32(truncatingIfNeeded: mask)) &- 1
      if found & ~UInt32(truncatingIfNeeded: mask) == tag, equals(index, bytes) {
        return Symbol(index: UInt32(truncatingIfNeeded: index))
      }
      slot = (slot &+ 1) & mask
    }
    slots[slot] = tag | UInt32(truncatingIfNeeded: entries.count &+ 1)
    indexedCount &+= 1
    return append(bytes, hash: hash)
  }

  /// A symbol of its own for bytes that hardly ever come twice: no look-up finds them.
  package mutating func append(_ bytes: UnsafeBufferPointer<UInt8>) -> Symbol { append(bytes, hash: 0) }

  @inline(__always)
  private mutating func append(_ bytes: UnsafeBufferPointer<UInt8>, hash: UInt32) -> Symbol {
    arena.append(bytes)
    entries.append(Entry(end: UInt32(arena.count), hash: hash))
    // The second, so that the next index + 1 has as many bits as a slot's number.
    if indexedCount &* 2 > slots.count || entries.count &+ 1 >= slots.count { grow() }
    return Symbol(index: UInt32(truncatingIfNeeded: entries.count &- 1))
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
    return arena.withBytes { UnsafeRawPointer($0.baseAddress! + from).isSame(as: bytes.baseAddress!, count: length) }
  }

  private mutating func grow() {
    slots = Array(repeating: 0, count: slots.count * 2)
    let mask = slots.count - 1
    for index in 0..<entries.count {
      let hash = entries[index].hash
      if hash == 0 { continue }
      var slot = Int(hash) & mask
      while slots[slot] != 0 { slot = (slot + 1) & mask }
      slots[slot] = hash & ~UInt32(truncatingIfNeeded: mask) | UInt32(index + 1)
    }
  }

  /// Forgets every string from index `count` on.
  package mutating func truncate(to count: Int) {
    let mask = slots.count - 1
    while entries.count > count {
      let index = entries.count - 1
      let hash = entries.removeLast().hash
      if hash == 0 { continue }
      var slot = Int(hash) & mask
      while Int(slots[slot]) & mask != index + 1 { slot = (slot + 1) & mask }
      // The newest string ends its probe run, or lies in the middle of runs that came before it and so do not need it.
      slots[slot] = 0
      indexedCount -= 1
    }
    let end = count == 0 ? 0 : Int(entries[count - 1].end)
    arena.truncate(to: end)
  }

  /// The bytes of a symbol; the pointer is valid within the call.
  @inline(__always)
  package func withBytes<R>(_ symbol: Symbol, _ body: (UnsafeBufferPointer<UInt8>) throws -> R) rethrows -> R {
    let from = start(Int(symbol.index))
    let to = Int(entries[Int(symbol.index)].end)
    return try arena.withBytes(from..<to, body)
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

    /// Both ends: most strings stand in two of a cache's lines at most.
    @inline(__always)
    func prefetch(_ symbol: Symbol) {
      guard let start = arena.baseAddress else { return }
      let index = Int(symbol.index)
      if index > 0 { Events.prefetch(start + Int(entries[index - 1].end)) }
      Events.prefetch(start + Int(entries[index].end))
    }
  }

  /// The storage is valid within the call.
  func withStorage<R>(_ body: (Storage) -> R) -> R {
    arena.withBytes { arena in
      entries.withUnsafeBufferPointer { entries in body(Storage(arena: arena, entries: entries)) }
    }
  }

  package func string(_ symbol: Symbol) -> String {
    withBytes(symbol) { String(decoding: $0, as: UTF8.self) }
  }
}
