/// How many distinct people, from their keyed hashes: the 256 smallest (k minimum values; Bar-Yossef and others, "Counting
/// distinct elements in a data stream", 2002), each with the number of contributions behind it.
///
/// Up to 256 people the count is exact, and who leaves, leaves it. Once a 257th came it is an estimate for good, and nobody
/// leaves; how often the kept ones contributed then matters no more, and is not counted on.
package struct PeopleSketch: Equatable, Sendable {
  package struct Person: Equatable, Sendable {
    package var hash: UInt64
    package var contributions: Int64
  }

  package static let capacity = 256

  /// Sorted by hash, distinct.
  package private(set) var people: [Person] = []
  package private(set) var isEstimate = false

  package init() {}

  /// As it was stored.
  init(people: [Person], isEstimate: Bool) { (self.people, self.isEstimate) = (people, isEstimate) }

  @inline(__always)
  private func lowerBound(_ hash: UInt64) -> Int {
    var (low, high) = (0, people.count)
    while low < high {
      let middle = (low + high) >> 1
      if people[middle].hash < hash { low = middle + 1 } else { high = middle }
    }
    return low
  }

  /// A contribution of this person; returns whether the sketch changed.
  package mutating func add(_ hash: UInt64) -> Bool {
    if isEstimate, hash >= people[Self.capacity - 1].hash { return false }
    let at = lowerBound(hash)
    if at < people.count, people[at].hash == hash {
      if isEstimate { return false }
      people[at].contributions += 1
      return true
    }
    if people.count == Self.capacity {
      isEstimate = true
      if at == Self.capacity { return true }
      people.removeLast()
    }
    people.insert(Person(hash: hash, contributions: 1), at: at)
    return true
  }

  /// Takes back a contribution that was added (else `FoldFault`); returns false from an estimate, which nobody leaves.
  package mutating func remove(_ hash: UInt64) -> Bool {
    if isEstimate { return false }
    let at = lowerBound(hash)
    guard at < people.count, people[at].hash == hash else {
      FoldFault.note("stored people are not what the journal leads to: somebody leaves who never came")
      return false
    }
    people[at].contributions -= 1
    if people[at].contributions == 0 { people.remove(at: at) }
    return true
  }

  /// Takes a person out, however often they contributed; returns whether they were there. An estimate stays as it is.
  package mutating func erase(_ hash: UInt64) -> Bool {
    if isEstimate { return false }
    let at = lowerBound(hash)
    guard at < people.count, people[at].hash == hash else { return false }
    people.remove(at: at)
    return true
  }

  package var count: Int64 {
    isEstimate ? Self.estimate(largest: people[Self.capacity - 1].hash) : Int64(people.count)
  }

  /// ⌊255·2^64 / v⌋, v the 256th smallest hash (0 counts as 1); at most what a `bigint` holds.
  package static func estimate(largest: UInt64) -> Int64 {
    let people = (UInt128(Self.capacity - 1) << 64) / UInt128(max(largest, 1))
    return Int64(clamping: people)
  }

  /// The people of a union.
  /// - Parameters:
  ///   - smallest: its smallest hashes, sorted and distinct: all of them, or at least 257.
  ///   - hasEstimate: whether one of the sketches in it is an estimate.
  package static func count(ofUnion smallest: [UInt64], hasEstimate: Bool) -> Int64 {
    if !hasEstimate && smallest.count <= capacity { return Int64(smallest.count) }
    return estimate(largest: smallest[capacity - 1])
  }
}

/// A person's hash as SQL has it: `bigint` in the order of the unsigned hashes.
package func storedHash(_ hash: UInt64) -> Int64 { Int64(bitPattern: hash ^ 1 << 63) }
package func hash(stored: Int64) -> UInt64 { UInt64(bitPattern: stored) ^ 1 << 63 }
