package import Events

/// The identities that a partition journaled at its last 100,000 offsets.
///
/// A ring of entries in offset order and an open-addressing index over it: about 4 MB when full. Entries leave as the offsets
/// move on, so what counts as a duplicate depends on offsets alone, never on restarts or batches.
package struct DuplicateWindow: Sendable {
  /// How far back an event meets its original, in offsets of its partition.
  package static let span: Int64 = 100_000

  private struct Entry {
    var digest: Digest128
    var offset: Int64
  }

  /// What the index says of an entry, so that most look-ups and removals touch the index alone: the ring is too large for a
  /// processor's cache. 18 bits of place + 1, 6 of distance from where the digest would stand, 8 of the digest.
  private struct Slot {
    var bits: UInt32

    static let free = Slot(bits: 0)
    private static let placeBits: UInt32 = 18
    private static let placeMask: UInt32 = 1 << placeBits - 1
    private static let distanceMask: UInt32 = 63
    private static let tagShift: UInt32 = 24
    /// Distances from here on are said by the ring alone.
    static let longDistance = Int(distanceMask)

    @inline(__always)
    init(bits: UInt32) { self.bits = bits }

    @inline(__always)
    init(place: Int, distance: Int, tag: UInt32) {
      bits =
        UInt32(truncatingIfNeeded: place &+ 1)
        | UInt32(truncatingIfNeeded: min(distance, Self.longDistance)) &<< Self.placeBits | tag &<< Self.tagShift
    }

    @inline(__always)
    var isFree: Bool { bits == 0 }
    @inline(__always)
    var place: Int { Int(bits & Self.placeMask) &- 1 }
    @inline(__always)
    var distance: Int { Int(bits &>> Self.placeBits & Self.distanceMask) }
    @inline(__always)
    var tag: UInt32 { bits &>> Self.tagShift }

    /// Places fit below this.
    static let capacity = Int(placeMask)
  }

  private static let prefetched = 8

  private var ring: [Entry] = []
  private var head = 0
  private var count = 0
  /// Twice as many as the ring's, a power of two.
  private var slots: [Slot] = []

  package init() {}

  @inline(__always)
  private static func home(_ digest: Digest128, _ mask: Int) -> Int { Int(truncatingIfNeeded: digest.low) & mask }

  /// Bits that do not say where the digest stands.
  @inline(__always)
  private static func tag(_ digest: Digest128) -> UInt32 { UInt32(truncatingIfNeeded: digest.high &>> 56) }

  /// Brings nearer what `contains` and `insert` of this identity will look at: the index is too large for a processor's own cache.
  package func prefetch(_ digest: Digest128) {
    slots.withUnsafeBufferPointer { slots in
      guard let start = slots.baseAddress else { return }
      Events.prefetch(start + Self.home(digest, slots.count &- 1))
    }
  }

  /// Whether this identity stands in the window of an event at `offset`.
  package mutating func contains(_ digest: Digest128, before offset: Int64) -> Bool {
    expire(before: offset - Self.span)
    guard count > 0 else { return false }
    let tag = Self.tag(digest)
    let mask = slots.count &- 1
    var slot = Self.home(digest, mask)
    while !slots[slot].isFree {
      if slots[slot].tag == tag {
        let entry = ring[slots[slot].place]
        if entry.digest == digest { return entry.offset < offset }
      }
      slot = (slot &+ 1) & mask
    }
    return false
  }

  /// Enters a journaled identity; offsets only grow, and the identity is not in the window.
  package mutating func insert(_ digest: Digest128, at offset: Int64) {
    expire(before: offset - Self.span)
    if count == ring.count { grow() }
    let place = (head + count) & (ring.count - 1)
    ring[place] = Entry(digest: digest, offset: offset)
    count += 1
    index(place)
  }

  private mutating func index(_ place: Int) {
    let digest = ring[place].digest
    let mask = slots.count &- 1
    var slot = Self.home(digest, mask)
    var distance = 0
    while !slots[slot].isFree {
      slot = (slot &+ 1) & mask
      distance &+= 1
    }
    slots[slot] = Slot(place: place, distance: distance, tag: Self.tag(digest))
  }

  private mutating func expire(before offset: Int64) {
    while count > 0, ring[head].offset < offset {
      remove(head)
      head = (head + 1) & (ring.count - 1)
      count -= 1
      // Where an entry of the full window stands in the index is known long before it leaves.
      prefetch(ring[(head &+ Self.prefetched) & (ring.count &- 1)].digest)
    }
  }

  /// Takes a place out of the index and closes the gap in its probe run.
  private mutating func remove(_ place: Int) {
    let mask = slots.count &- 1
    var gap = Self.home(ring[place].digest, mask)
    while slots[gap].place != place { gap = (gap &+ 1) & mask }
    var next = (gap &+ 1) & mask
    while !slots[next].isFree {
      let found = slots[next]
      var distance = found.distance
      if distance == Slot.longDistance { distance = (next &- Self.home(ring[found.place].digest, mask)) & mask }
      let step = (next &- gap) & mask
      if distance >= step {
        slots[gap] = Slot(place: found.place, distance: distance &- step, tag: found.tag)
        gap = next
      }
      next = (next &+ 1) & mask
    }
    slots[gap] = .free
  }

  private mutating func grow() {
    let capacity = max(64, ring.count * 2)
    precondition(capacity <= Slot.capacity, "a window holds an identity for each of \(Self.span) offsets at most")
    var larger = [Entry](
      repeating: Entry(digest: Digest128(low: 0, high: 0), offset: 0), count: capacity)
    for i in 0..<count { larger[i] = ring[(head + i) & (ring.count - 1)] }
    ring = larger
    head = 0
    slots = Array(repeating: .free, count: capacity * 2)
    for i in 0..<count { index(i) }
  }
}
