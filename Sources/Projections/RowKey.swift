package import Events

/// The exact key of a row in memory, in two words: ids of `Names`, days, hours, small numbers, or a digest.
package struct RowKey: Hashable, Sendable {
  package var high: UInt64
  package var low: UInt64

  package init(_ high: UInt64, _ low: UInt64 = 0) { (self.high, self.low) = (high, low) }
  package init(_ name: NameID) { self.init(UInt64(name.index)) }
  package init(_ name: NameID, day: Int32) { self.init(UInt64(name.index), UInt64(UInt32(bitPattern: day))) }
  package init(_ a: NameID, _ b: NameID) { self.init(UInt64(a.index), UInt64(b.index)) }

  package init(_ digest: Digest128) { self.init(digest.high, digest.low) }

  /// The name of `RowKey(_:)`, `RowKey(_:day:)` and the first of `RowKey(_:_:)`.
  package var name: NameID { NameID(index: UInt32(truncatingIfNeeded: high)) }
  /// The second name of `RowKey(_:_:)`.
  package var secondName: NameID { NameID(index: UInt32(truncatingIfNeeded: low)) }
  /// The day of `RowKey(_:day:)`.
  package var day: Int32 { Int32(bitPattern: UInt32(truncatingIfNeeded: low)) }

  /// For tables in memory alone: nothing depends on its order.
  @inline(__always)
  var mixed: UInt64 {
    var h = (high ^ 0x9E37_79B9_7F4A_7C15) &* 0xD6E8_FEB8_6659_FD93
    h = (h ^ (h >> 32) ^ low) &* 0xD6E8_FEB8_6659_FD93
    return h ^ (h >> 29)
  }
}
