/// The people of a row that may be partial: a sketch, or what happened to it in its order, since whether somebody leaves depends
/// on who came before.
package struct People: Sendable {
  private enum Change { case comes, leaves, isErased }

  private struct Operation {
    /// nil for a contribution of nobody.
    var hash: UInt64?
    var position: Int64
    var change: Change
  }

  /// Of a whole row.
  package private(set) var sketch = PeopleSketch()
  /// Contributions taken out since the sketch stopped being exact.
  package private(set) var takenOut: Int64 = 0
  /// The last event that changed the sketch; 0 for none.
  package private(set) var position: Int64 = 0
  /// For sketches in a table of their own: whether the store has this one, and whether it must be written.
  package private(set) var isStored = false
  package private(set) var isChanged = false

  private let isPartial: Bool
  private var operations: [Operation] = []

  package init(isPartial: Bool) { self.isPartial = isPartial }

  /// The stored people of a whole row; `sketch` is nil where the store has none.
  package init(stored sketch: PeopleSketch?, takenOut: Int64, position: Int64) {
    isPartial = false
    isStored = sketch != nil
    self.sketch = sketch ?? PeopleSketch()
    (self.takenOut, self.position) = (takenOut, position)
  }

  /// A contribution of this person; nil for one whose person was erased, and who does not count anew with it.
  package mutating func add(_ hash: UInt64?, at position: Int64) {
    if isPartial { return operations.append(Operation(hash: hash, position: position, change: .comes)) }
    guard let hash else { return }
    if sketch.add(hash) { (isChanged, self.position) = (true, position) }
  }

  /// Takes a contribution back. From an estimate nobody leaves; an erased person has left what is exact already.
  package mutating func remove(_ hash: UInt64?, at position: Int64) {
    if isPartial { return operations.append(Operation(hash: hash, position: position, change: .leaves)) }
    if sketch.isEstimate {
      takenOut += 1
    } else if let hash {
      _ = sketch.remove(hash)
      (isChanged, self.position) = (true, position)
    }
  }

  /// Takes a person out with all contributions, where people are exact.
  package mutating func erase(_ hash: UInt64, at position: Int64) {
    if isPartial { return operations.append(Operation(hash: hash, position: position, change: .isErased)) }
    if sketch.erase(hash) { (isChanged, self.position) = (true, position) }
  }

  package mutating func merge(onto stored: Self) {
    var whole = stored
    for operation in operations {
      switch (operation.change, operation.hash) {
      case (.comes, let hash): whole.add(hash, at: operation.position)
      case (.leaves, let hash): whole.remove(hash, at: operation.position)
      case (.isErased, let hash?): whole.erase(hash, at: operation.position)
      case (.isErased, nil): preconditionFailure("nobody cannot be erased")
      }
    }
    self = whole
  }

  package mutating func wasWritten() {
    if isChanged { (isStored, isChanged) = (true, false) }
  }

  package var count: Int64 { sketch.count }

  package var heapBytes: Int {
    (sketch.people.isEmpty ? 0 : 32 + sketch.people.capacity * MemoryLayout<PeopleSketch.Person>.stride)
      + (operations.isEmpty ? 0 : 32 + operations.capacity * MemoryLayout<Operation>.stride)
  }
}
