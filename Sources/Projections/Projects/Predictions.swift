import Events

/// What a model version said of a project before its first feedback.
struct Prediction: Equatable {
  var version: NameID
  var time: Timestamp
  var probabilityMillionths: Int32
}

/// The predictions of a project older than its first feedback, sorted by the bytes of their version, then by time. The last of
/// each version counts. The others are kept, as feedback yet to come may be older, and then one of them counts.
struct Predictions {
  /// Most projects have no second one, and need no array.
  private var first: Prediction?
  private var more: [Prediction] = []

  var count: Int { first == nil ? 0 : 1 + more.count }

  private subscript(index: Int) -> Prediction { index == 0 ? first! : more[index - 1] }

  /// Puts one in; of those of one version and time the last put in stays.
  mutating func insert(_ prediction: Prediction, _ names: Names) {
    var at = count
    while at > 0 {
      let before = self[at - 1]
      let order = names.compare(before.version, prediction.version)
      if order == 0, before.time == prediction.time {
        if at == 1 { first = prediction } else { more[at - 2] = prediction }
        return
      }
      if order < 0 || order == 0 && before.time < prediction.time { break }
      at -= 1
    }
    guard let least = first else {
      first = prediction
      return
    }
    if at == 0 {
      more.insert(least, at: 0)
      first = prediction
    } else {
      more.insert(prediction, at: at - 1)
    }
  }

  /// Takes one that comes behind all others.
  mutating func append(_ prediction: Prediction) {
    if first == nil { first = prediction } else { more.append(prediction) }
  }

  /// Drops what is not older than `limit`.
  mutating func keep(before limit: Timestamp) {
    if first == nil { return }
    more.removeAll { $0.time >= limit }
    if first!.time >= limit { first = more.isEmpty ? nil : more.removeFirst() }
  }

  /// The one that counts of this version.
  func newest(of version: NameID) -> Prediction? {
    more.last { $0.version == version } ?? (first?.version == version ? first : nil)
  }

  /// Those that count, one a version.
  func eachNewest(_ body: (Prediction) -> Void) {
    for index in 0..<count where index == count - 1 || self[index + 1].version != self[index].version {
      body(self[index])
    }
  }

  func each(_ body: (Prediction) -> Void) {
    if let first { body(first) }
    for prediction in more { body(prediction) }
  }

  var heapBytes: Int { more.isEmpty ? 0 : 32 + more.capacity * MemoryLayout<Prediction>.stride }
}

extension RowReader {
  /// Versions, a `text` with a line each, and times and probabilities by turns, a `bytea` in LEB128; null for none.
  mutating func predictions(_ names: Names) -> Predictions {
    var versions: [NameID] = []
    _ = eachLine { versions.append(names.intern($0)) }
    let numbers = varints() ?? []
    var predictions = Predictions()
    guard numbers.count == 2 * versions.count else {
      FoldFault.note("a project's stored predictions have \(versions.count) versions and \(numbers.count) numbers")
      return predictions
    }
    for (index, version) in versions.enumerated() {
      predictions.append(
        Prediction(
          version: version, time: Timestamp(microseconds: numbers[2 * index]),
          probabilityMillionths: Int32(clamping: numbers[2 * index + 1])))
    }
    return predictions
  }
}

extension RowWriter {
  mutating func predictions(_ predictions: Predictions, _ names: Names) {
    if predictions.count == 0 {
      null()
      return null()
    }
    let versions = beginField()
    var isFirst = true
    predictions.each {
      names.withBytes($0.version) { line($0, isFirst: isFirst) }
      isFirst = false
    }
    endField(versions)
    let numbers = beginField()
    predictions.each {
      varint($0.time.microseconds)
      varint(Int64($0.probabilityMillionths))
    }
    endField(numbers)
  }
}
