/// What an erasure needs to know of an installation.
package struct ErasureKeys: Sendable {
  /// Of people's hashes.
  package var people: HashKey
  /// Of identities' digests.
  package var identities: HashKey
  package init(people: HashKey, identities: HashKey) { (self.people, self.identities) = (people, identities) }

  /// The keyed hash that takes an id's place.
  package func hash(of id: [UInt8]) -> UInt64 { id.withUnsafeBufferPointer { sipHash24(people, $0) } }

  /// Tells the key from another one: the hash of an id that nobody has.
  package var mark: UInt64 { hash(of: []) }
}

/// What an erasure found in events.
package struct ErasureFindings: Sendable {
  /// An identifier or name that holds the id and stays, since rows are keyed by it: told apart and sorted by its bytes, as it is
  /// there, and not as `String` does it, for which canonically equivalent ones are equal.
  package struct Key: Hashable, Sendable, Comparable {
    package var member: String
    package var value: String
    package init(member: String, value: String) { (self.member, self.value) = (member, value) }

    package static func == (a: Self, b: Self) -> Bool {
      a.member == b.member && a.value.utf8.elementsEqual(b.value.utf8)
    }
    package func hash(into hasher: inout Hasher) {
      hasher.combine(member)
      hasher.combine(Array(value.utf8))
    }
    package static func < (a: Self, b: Self) -> Bool {
      a.member == b.member ? a.value.utf8.lexicographicallyPrecedes(b.value.utf8) : a.member < b.member
    }
  }

  /// Events in which the id occurred.
  package var events: Int64 = 0
  /// Events of which something changed or went.
  package var changedEvents: Int64 = 0
  /// How many events hold each key; at most `keyLimit` of them.
  package private(set) var keys: [Key: Int64] = [:]
  /// Occurrences in further keys.
  package private(set) var furtherKeys: Int64 = 0

  package static let keyLimit = 1_000

  package init() {}

  package mutating func add(_ key: Key, times: Int64 = 1) {
    if keys[key] == nil, keys.count >= Self.keyLimit {
      furtherKeys += times
    } else {
      keys[key, default: 0] += times
    }
  }

  package mutating func add(_ other: Self) {
    events += other.events
    changedEvents += other.changedEvents
    furtherKeys += other.furtherKeys
    for (key, count) in other.keys { add(key, times: count) }
  }
}

extension EventBatch {
  /// Takes a person out of the events in which the id occurs (as any string, or within one): `user_id`, and a `session_id` that
  /// holds it, become the keyed hash that folds see anyway; comment, message, attributes and unknown members go; an identity that
  /// holds it becomes its digest. Other identifiers and names that hold it are keys: they stay, and are found.
  ///
  /// A fold of the batch gives the same afterwards. A second time changes nothing.
  ///
  /// - Parameter end: events at this offset and behind it are left alone.
  package mutating func erase(_ id: [UInt8], keys: ErasureKeys, before end: Int64 = .max) -> ErasureFindings {
    var eraser = BatchEraser(id: id, keys: keys, batch: self)
    guard eraser.occurs else { return ErasureFindings() }
    for index in events.indices where events[index].offset < end { eraser.erase(index) }
    if eraser.findings.changedEvents > 0 { self = eraser.batch }
    return eraser.findings
  }

  /// The ids of those of these people who stand as a `user_id` in events before the offset that each has.
  package func ids(of people: [(hash: UInt64, end: Int64)], key: HashKey) -> [(hash: UInt64, id: [UInt8])] {
    guard !people.isEmpty else { return [] }
    var hasher = PersonHasher(key: key)
    hasher.reset(for: self)
    let ends = Dictionary(people.map { ($0.hash, $0.end) }) { max($0, $1) }
    var found: [(hash: UInt64, id: [UInt8])] = []
    var hashes: Set<UInt64> = []
    for event in events {
      let symbol = person(of: event)
      if symbol.isNone || erasedPeople.contains(symbol) { continue }
      let hash = hasher.hash(symbol, in: self)
      guard let end = ends[hash], event.offset < end, hashes.insert(hash).inserted else { continue }
      found.append((hash, strings.withBytes(symbol) { Array($0) }))
    }
    return found
  }

  /// The event that says of a person that they are gone: `segments` are members of a JSON object, without its braces.
  package static func erasure(of hash: UInt64, at time: Timestamp, offset: Int64, segments: [UInt8]) -> EventBatch {
    var batch = EventBatch()
    let person = batch.internErased(hash)
    batch.peopleErased.append(PersonErased(person: person))
    batch.texts = segments
    batch.events.append(
      Event(
        type: .personErased, envelope: .bare, row: 0, typeName: .none, source: batch.strings.intern("pleat"), id: .none,
        time: time, offset: offset, attributes: .none, unknown: Text(offset: 0, count: UInt32(segments.count))))
    return batch
  }

  mutating func internErased(_ hash: UInt64) -> Symbol {
    let symbol = withUnsafeBytes(of: hash.littleEndian) { strings.intern(bytes(UnsafeRawBufferPointer($0))) }
    erasedPeople.insert(symbol)
    return symbol
  }

  /// Who did it, or to whom it happened; `.none` where the event names nobody.
  func person(of event: Event) -> Symbol {
    let row = Int(event.row)
    return switch event.type {
    case .wizardStepCompleted: wizardStepsCompleted[row].userID
    case .stackSelected: stacksSelected[row].userID
    case .projectGenerated: projectsGenerated[row].userID
    case .projectOpened: projectsOpened[row].userID
    case .feedbackSubmitted: feedbackSubmitted[row].userID
    case .teamCreated: teamsCreated[row].userID
    case .teamMemberAdded, .teamMemberRemoved: membershipChanges[row].userID
    case .modelRouted: modelsRouted[row].userID
    case .errorOccurred: errorsOccurred[row].userID
    case .other, .orgSettingsChanged, .projectVisibilityChanged, .predictionComputed, .cacheHit, .cacheMiss,
      .personErased:
      .none
    }
  }
}
