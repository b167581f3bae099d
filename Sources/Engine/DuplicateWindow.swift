package import Events

/// The identities that a partition journaled at its last 100,000 offsets.
///
/// A ring of entries in offset order and an open-addressing index over it: about 3 MB when full. Entries leave as the offsets
/// move on, so what counts as a duplicate depends on offsets alone, never on restarts or batches.
package struct DuplicateWindow: Sendable {
  /// How far back an event meets its original, in offsets of its partition.
  package static let span: Int64 = 100_000

  private struct Entry {
    var digest: Digest128
    var offset: Int64
  }

  private var ring: [Entry] = []
  private var head = 0
  private var count = 0
  /// Ring place + 1, 0 for a free slot; the count is twice the ring's, a power of two.
  private var slots: [UInt32] = []

  package init() {}

  /// Whether this identity stands in the window of an event at `offset`.
  package mutating func contains(_ digest: Digest128, before offset: Int64) -> Bool {
    expire(before: offset - Self.span)
    guard count > 0 else { return false }
    let mask = slots.count - 1
    var slot = Int(truncatingIfNeeded: digest.low) & mask
    while slots[slot] != 0 {
      let entry = ring[Int(slots[slot] - 1)]
      if entry.digest == digest { return entry.offset < offset }
      slot = (slot + 1) & mask
    }
    return false
  }

  /// Enters a journaled identity; offsets only grow, and the identity is not in the window.
  package mutating func insert(_ digest: Digest128, at offset: Int64) {
    if count == ring.count { grow() }
    let place = (head + count) & (ring.count - 1)
    ring[place] = Entry(digest: digest, offset: offset)
    count += 1
    index(place)
  }

  private mutating func index(_ place: Int) {
    let mask = slots.count - 1
    var slot = Int(truncatingIfNeeded: ring[place].digest.low) & mask
    while slots[slot] != 0 { slot = (slot + 1) & mask }
    slots[slot] = UInt32(place + 1)
  }

  private mutating func expire(before offset: Int64) {
    while count > 0, ring[head].offset < offset {
      remove(head)
      head = (head + 1) & (ring.count - 1)
      count -= 1
    }
  }

  /// Takes a place out of the index and closes the gap in its probe run.
  private mutating func remove(_ place: Int) {
    let mask = slots.count - 1
    var gap = Int(truncatingIfNeeded: ring[place].digest.low) & mask
    while slots[gap] != UInt32(place + 1) { gap = (gap + 1) & mask }
    var next = (gap + 1) & mask
    while slots[next] != 0 {
      let home = Int(truncatingIfNeeded: ring[Int(slots[next] - 1)].digest.low) & mask
      if (next - home) & mask >= (next - gap) & mask {
        slots[gap] = slots[next]
        gap = next
      }
      next = (next + 1) & mask
    }
    slots[gap] = 0
  }

  private mutating func grow() {
    let capacity = max(64, ring.count * 2)
    var larger = [Entry](
      repeating: Entry(digest: Digest128(low: 0, high: 0), offset: 0), count: capacity)
    for i in 0..<count { larger[i] = ring[(head + i) & (ring.count - 1)] }
    ring = larger
    head = 0
    slots = Array(repeating: 0, count: capacity * 2)
    for i in 0..<count { index(i) }
  }
}
