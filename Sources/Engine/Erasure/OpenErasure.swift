/// An erasure whose event is not in the journal yet.
package struct OpenErasure: Sendable {
  package var id: String
  package var hash: UInt64
  /// The offset of its event.
  package var number: Int64
  /// The journal is to be rewritten up to the first, and is up to the second.
  package var searchUntil: Int64
  package var searchedTo: Int64
  /// Dead letters are to be searched up to the first id, and are up to the second.
  package var lettersUntil: Int64
  package var lettersTo: Int64
  /// Somebody who knows the id is at work.
  package var isBusy: Bool
  /// Somebody who knows the id is, or was, at work.
  package var wasBusy = false
  /// Begun by a skip, of somebody who was forgotten before: whether anything is read of them is to be noted (`noteMet`).
  package var isAgain = false
  package var ends: [ErasureRecord.End]
  package init(
    id: String, hash: UInt64, number: Int64, searchUntil: Int64, searchedTo: Int64, lettersUntil: Int64,
    lettersTo: Int64, isBusy: Bool, ends: [ErasureRecord.End]
  ) {
    (self.id, self.hash, self.number, self.searchUntil) = (id, hash, number, searchUntil)
    (self.searchedTo, self.lettersUntil, self.lettersTo) = (searchedTo, lettersUntil, lettersTo)
    (self.isBusy, self.ends) = (isBusy, ends)
  }

  /// Whether the journal and the dead letters are rewritten as far as they must be.
  var isSearched: Bool { searchedTo >= searchUntil && lettersTo >= lettersUntil }

  /// Whether the other is of the same request: whoever extends an erasure moves its ends.
  func isSame(as other: OpenErasure) -> Bool {
    id == other.id && searchUntil == other.searchUntil && lettersUntil == other.lettersUntil && ends == other.ends
  }
}
