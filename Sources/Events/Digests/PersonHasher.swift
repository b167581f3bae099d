/// The keyed hash of a `user_id`, computed once for each symbol of a batch.
///
/// A symbol of `EventBatch.erasedPeople` is a hash already, and taken as it is. `reset` before the first use and for each
/// batch after it; the batch must not change in between.
package struct PersonHasher: Sendable {
  private let key: HashKey
  private var hashes: [UInt64] = []
  private var known: [Bool] = []

  package init(key: HashKey) { self.key = key }

  /// Forgets the batch before and makes room for this one.
  package mutating func reset(for batch: EventBatch) {
    let count = batch.strings.count
    known.removeAll(keepingCapacity: true)
    known.append(contentsOf: repeatElement(false, count: count))
    if hashes.count < count { hashes.append(contentsOf: repeatElement(0, count: count - hashes.count)) }
  }

  /// - Precondition: `symbol` is of the batch that `reset` was called with, and not `.none`.
  package mutating func hash(_ symbol: Symbol, in batch: EventBatch) -> UInt64 {
    let index = Int(symbol.index)
    if known[index] { return hashes[index] }
    let hash = batch.personHash(symbol, key: key)
    hashes[index] = hash
    known[index] = true
    return hash
  }
}

extension EventBatch {
  /// The keyed hash of a `user_id` (SipHash-2-4 of its bytes), or what an erasure has put in its place.
  package func personHash(_ symbol: Symbol, key: HashKey) -> UInt64 {
    let erased = !erasedPeople.isEmpty && erasedPeople.contains(symbol)
    return erased ? erasedHash(symbol) : strings.withBytes(symbol) { sipHash24(key, $0) }
  }

  /// The hash that a symbol of `erasedPeople` stands for.
  package func erasedHash(_ symbol: Symbol) -> UInt64 {
    strings.withBytes(symbol) { bytes in
      precondition(bytes.count == 8, "an erased person's symbol holds the 8 bytes of a hash")
      return UInt64(littleEndian: UnsafeRawBufferPointer(bytes).loadUnaligned(as: UInt64.self))
    }
  }
}
