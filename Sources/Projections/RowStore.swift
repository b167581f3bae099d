/// Rows by key: an open-addressing table over contiguous storage. One generation of a `RowCache`.
struct RowStore<Row: CachedRow> {
  private(set) var keys: [RowKey] = []
  var flags: [RowFlags] = []
  var rows: [Row] = []
  /// What each row held on the heap when it was last looked at, and their sum.
  private var heap: [UInt32] = []
  private var heapBytes = 0
  private var taken = 0
  /// Index + 1, 0 for a free slot; the count is a power of two.
  private var slots: [UInt32] = []

  private static var leastSlots: Int { 64 }

  var count: Int { keys.count }
  var isEmpty: Bool { keys.isEmpty }
  static var rowBytes: Int { MemoryLayout<Row>.stride + MemoryLayout<RowKey>.stride + 1 + 4 }
  var byteCount: Int { keys.count * Self.rowBytes + slots.count * 4 + heapBytes }

  /// The index of a key's row; −1 for none.
  @inline(__always)
  func find(_ key: RowKey, _ hash: UInt64) -> Int {
    if slots.isEmpty { return -1 }
    let mask = slots.count - 1
    var slot = Int(truncatingIfNeeded: hash) & mask
    while slots[slot] != 0 {
      let index = Int(slots[slot]) - 1
      if keys[index] == key { return index }
      slot = (slot + 1) & mask
    }
    return -1
  }

  /// Puts in a key that is not there; returns its index.
  mutating func insert(_ key: RowKey, _ hash: UInt64, _ row: Row, _ flag: RowFlags) -> Int {
    if (keys.count + 1) * 2 > slots.count { grow() }
    let index = keys.count
    place(index, hash)
    keys.append(key)
    flags.append(flag)
    rows.append(row)
    heap.append(0)
    return index
  }

  private mutating func place(_ index: Int, _ hash: UInt64) {
    let mask = slots.count - 1
    var slot = Int(truncatingIfNeeded: hash) & mask
    while slots[slot] != 0 { slot = (slot + 1) & mask }
    slots[slot] = UInt32(index + 1)
  }

  private mutating func grow() {
    slots = Array(repeating: 0, count: max(slots.count * 2, Self.leastSlots))
    for index in 0..<keys.count { place(index, keys[index].mixed) }
  }

  /// Looks again at what a row holds on the heap.
  @inline(__always)
  mutating func weigh(_ index: Int) {
    let bytes = rows[index].heapBytes
    if bytes == Int(heap[index]) { return }
    heapBytes += bytes - Int(heap[index])
    heap[index] = UInt32(bytes)
  }

  /// Takes a row out for another store; its key stays behind with an empty row.
  mutating func take(_ index: Int) -> Row {
    var row = Row(isPartial: false)
    swap(&row, &rows[index])
    heapBytes -= Int(heap[index])
    heap[index] = 0
    taken += 1
    return row
  }
  /// Whether every row was taken out.
  var isTaken: Bool { taken == keys.count }

  /// Drops some rows; the others get new indices.
  mutating func removeAll(where isGone: (RowKey, Row, RowFlags) -> Bool) {
    var kept = Self()
    for index in 0..<keys.count where !isGone(keys[index], rows[index], flags[index]) {
      let moved = kept.insert(keys[index], keys[index].mixed, rows[index], flags[index])
      kept.weigh(moved)
    }
    self = kept
  }

  mutating func removeAll() {
    keys.removeAll(keepingCapacity: true)
    flags.removeAll(keepingCapacity: true)
    rows.removeAll(keepingCapacity: true)
    heap.removeAll(keepingCapacity: true)
    (heapBytes, taken) = (0, 0)
    for slot in slots.indices { slots[slot] = 0 }
  }
}
