import Events

/// A set of technologies: an index into a `StackTable`.
struct StackID: Hashable {
  var index: UInt32
  static let none = StackID(index: .max)
  var isNone: Bool { index == .max }
}

/// The sets of technologies that the rows in memory hold or are keyed by. Lives and ends with its `Names`.
final class StackTable {
  /// A stack's key: the first 16 bytes of SHA-256 over the JSON array of its sorted names, in the form of RFC 8785.
  struct Digest: Comparable {
    var high: UInt64
    var low: UInt64
    static func < (a: Self, b: Self) -> Bool { (a.high, a.low) < (b.high, b.low) }
  }

  private let names: Names
  /// Each stack's technologies, in the order of their bytes.
  private var members: [NameID] = []
  private var ends: [Int] = []
  private var hashes: [UInt64] = []
  private var digests: [Digest] = []
  /// Index + 1, 0 for a free slot, by the set and by the digest; the count is a power of two.
  private var slots: [UInt32]
  private var digestSlots: [UInt32]

  private static let leastSlots = 256
  private static let overheadBytes = 48

  init(_ names: Names) {
    self.names = names
    slots = Array(repeating: 0, count: Self.leastSlots)
    digestSlots = slots
  }

  var byteCount: Int { members.count * 4 + ends.count * Self.overheadBytes }

  private func range(_ index: Int) -> Range<Int> { (index == 0 ? 0 : ends[index - 1])..<ends[index] }

  /// The technologies of a stack, in the order of their bytes.
  @inline(__always)
  func technologies(of stack: StackID) -> ArraySlice<NameID> { members[range(Int(stack.index))] }

  func size(of stack: StackID) -> Int { range(Int(stack.index)).count }

  func digest(of stack: StackID) -> Digest { digests[Int(stack.index)] }

  /// The same for every order of the set.
  @inline(__always)
  private static func hash(_ set: [NameID]) -> UInt64 {
    var sum: UInt64 = 0
    for name in set { sum = sum &+ RowKey(name).mixed }
    return RowKey(sum).mixed
  }

  /// The stack of distinct technologies in any order.
  func intern(_ set: [NameID]) -> StackID {
    let hash = Self.hash(set)
    let mask = slots.count - 1
    var slot = Int(truncatingIfNeeded: hash) & mask
    while slots[slot] != 0 {
      let index = Int(slots[slot]) - 1
      if hashes[index] == hash, equals(index, set) { return StackID(index: UInt32(index)) }
      slot = (slot + 1) & mask
    }
    return append(set, hash)
  }

  private func equals(_ index: Int, _ set: [NameID]) -> Bool {
    let range = range(index)
    if range.count != set.count { return false }
    for at in range where !set.contains(members[at]) { return false }
    return true
  }

  private func append(_ set: [NameID], _ hash: UInt64) -> StackID {
    if (ends.count + 1) * 2 > slots.count { grow() }
    let index = ends.count
    members += set.sorted { names.compare($0, $1) < 0 }
    ends.append(members.count)
    hashes.append(hash)
    digests.append(makeDigest(json(of: StackID(index: UInt32(index)))))
    place(index)
    return StackID(index: UInt32(index))
  }

  private func makeDigest(_ json: [UInt8]) -> Digest {
    let bytes = SHA256.digest(of: json)
    return bytes.withUnsafeBytes {
      Digest(
        high: UInt64(bigEndian: $0.loadUnaligned(as: UInt64.self)),
        low: UInt64(bigEndian: $0.loadUnaligned(fromByteOffset: 8, as: UInt64.self)))
    }
  }

  /// The JSON array of a stack's names.
  func json(of stack: StackID) -> [UInt8] {
    var json: [UInt8] = [UInt8(ascii: "[")]
    for (index, name) in technologies(of: stack).enumerated() {
      if index > 0 { json.append(UInt8(ascii: ",")) }
      names.withBytes(name) { CanonicalJSON.append(string: $0, to: &json) }
    }
    json.append(UInt8(ascii: "]"))
    return json
  }

  /// The stack that was interned with this digest.
  func find(_ digest: Digest) -> StackID? {
    let mask = digestSlots.count - 1
    var slot = Int(truncatingIfNeeded: digest.low) & mask
    while digestSlots[slot] != 0 {
      let index = digestSlots[slot] - 1
      if digests[Int(index)] == digest { return StackID(index: index) }
      slot = (slot + 1) & mask
    }
    return nil
  }

  private func place(_ index: Int) {
    let mask = slots.count - 1
    var slot = Int(truncatingIfNeeded: hashes[index]) & mask
    while slots[slot] != 0 { slot = (slot + 1) & mask }
    slots[slot] = UInt32(index + 1)
    slot = Int(truncatingIfNeeded: digests[index].low) & mask
    while digestSlots[slot] != 0 { slot = (slot + 1) & mask }
    digestSlots[slot] = UInt32(index + 1)
  }

  private func grow() {
    slots = Array(repeating: 0, count: slots.count * 2)
    digestSlots = slots
    for index in ends.indices { place(index) }
  }

  func removeAll() {
    members.removeAll()
    ends.removeAll()
    hashes.removeAll()
    digests.removeAll()
    slots = Array(repeating: 0, count: Self.leastSlots)
    digestSlots = slots
  }
}

extension RowReader {
  /// A `text[]` as a stack; `.none` for null.
  mutating func stack(_ stacks: StackTable, _ names: Names) -> StackID {
    var technologies: [NameID] = []
    let isThere = eachElement { technologies.append(names.intern($0)) }
    return isThere ? stacks.intern(technologies) : .none
  }

  /// The same of a `text`, a line each.
  mutating func stackOfLines(_ stacks: StackTable, _ names: Names) -> StackID {
    var technologies: [NameID] = []
    let isThere = eachLine { technologies.append(names.intern($0)) }
    return isThere ? stacks.intern(technologies) : .none
  }

  mutating func stackDigest() -> StackTable.Digest {
    guard let field = field(), field.count == 16 else {
      FoldFault.note("a stored stack_id is not 16 bytes")
      return StackTable.Digest(high: 0, low: 0)
    }
    return StackTable.Digest(
      high: UInt64(bigEndian: field.loadUnaligned(as: UInt64.self)),
      low: UInt64(bigEndian: field.loadUnaligned(fromByteOffset: 8, as: UInt64.self)))
  }
}

extension RowWriter {
  mutating func stackDigest(_ digest: StackTable.Digest) {
    withUnsafeBytes(of: (digest.high.bigEndian, digest.low.bigEndian)) { raw($0) }
  }

  /// A stack's technologies as `text[]`; null for `.none`.
  mutating func stack(_ stack: StackID, _ stacks: StackTable, _ names: Names) {
    if stack.isNone { return null() }
    let technologies = stacks.technologies(of: stack)
    let start = beginArray(.text, count: technologies.count)
    for technology in technologies { name(technology, names) }
    endField(start)
  }

  /// The same as `text`, a line each.
  mutating func stackAsLines(_ stack: StackID, _ stacks: StackTable, _ names: Names) {
    if stack.isNone { return null() }
    let start = beginField()
    var isFirst = true
    for technology in stacks.technologies(of: stack) {
      names.withBytes(technology) { line($0, isFirst: isFirst) }
      isFirst = false
    }
    endField(start)
  }
}

extension ArrayParameter {
  mutating func append(_ digest: StackTable.Digest) {
    withUnsafeBytes(of: (digest.high.bigEndian, digest.low.bigEndian)) { append($0) }
  }
}
