/// A dictionary of few keys, in their order: worlds have a handful of partitions, leases and tables, and to hash a string takes longer
/// than to find it among these.
struct FewMap<Key: Comparable, Value> {
  private(set) var keys: [Key] = []
  private(set) var values: [Value] = []

  init() {}
  fileprivate init(keys: [Key], values: [Value]) { (self.keys, self.values) = (keys, values) }

  var isEmpty: Bool { keys.isEmpty }
  var count: Int { keys.count }

  @inline(__always)
  private func index(of key: Key) -> Int? {
    for index in keys.indices where keys[index] == key { return index }
    return nil
  }

  private mutating func insert(_ key: Key, _ value: Value) {
    var index = keys.count
    while index > 0, key < keys[index - 1] { index -= 1 }
    keys.insert(key, at: index)
    values.insert(value, at: index)
  }

  subscript(key: Key) -> Value? {
    get { index(of: key).map { values[$0] } }
    set {
      switch (index(of: key), newValue) {
      case (let index?, let value?): values[index] = value
      case (let index?, nil):
        keys.remove(at: index)
        values.remove(at: index)
      case (nil, let value?): insert(key, value)
      case (nil, nil): break
      }
    }
  }

  /// Changed in place; one that is not there is entered first.
  subscript(key: Key, default value: @autoclosure () -> Value) -> Value {
    get { index(of: key).map { values[$0] } ?? value() }
    _modify {
      if index(of: key) == nil { insert(key, value()) }
      yield &values[index(of: key)!]
    }
  }

  func mapValues<Other>(_ body: (Value) -> Other) -> FewMap<Key, Other> {
    FewMap<Key, Other>(keys: keys, values: values.map(body))
  }

  func keys(where holds: (Value) -> Bool) -> [Key] { keys.indices.filter { holds(values[$0]) }.map { keys[$0] } }
}

extension FewMap: Sequence {
  func makeIterator() -> some IteratorProtocol<(key: Key, value: Value)> {
    keys.indices.lazy.map { (key: keys[$0], value: values[$0]) }.makeIterator()
  }
}

extension FewMap where Key: Hashable {
  var dictionary: [Key: Value] { Dictionary(uniqueKeysWithValues: zip(keys, values)) }
}

extension FewMap: Sendable where Key: Sendable, Value: Sendable {}
