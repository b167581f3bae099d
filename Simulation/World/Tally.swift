import Events
import Projections

/// A small projection with everything in it that a large one has: a table whose rows are added to without being read, one of inner
/// state whose rows decide what is added, events that fan out, rules that remember, versions, people who are erased.
///
/// `tally` counts by source; `seen` holds, by the person's hash or by something of the offset, how often it was met: the first of its
/// kind counts in `firsts`. Who is erased counts anew from there on.
struct Tally: Projection {
  static let name = "tally"
  static let version = 1

  private let projection: String
  private let rules: Rules
  private let tally = RowCache(TallyLayout())
  private let seen = RowCache(SeenLayout())
  /// The last row that an event which fans out has come to; nil where none is under way.
  private var fannedTo: Int64?

  /// What a version of the fold does otherwise than another.
  struct Rules: Equatable {
    /// What an event that fans out adds to each row.
    var bonus: Int64
    /// A source speaks again after so many more events.
    var announceEvery: Int64
    init(version: Int) { (bonus, announceEvery) = version == 1 ? (1_000, 3) : (2_000, 4) }
  }

  init(_ projection: String, version: Int) {
    self.projection = projection
    rules = Rules(version: version)
  }

  var tables: [any Table] { [tally, seen] }
  var tablesOfRules: [any Table] { [tally] }

  /// What events are folded by: pure functions of the event.
  static func source(_ event: Event, _ batch: EventBatch) -> Int64 {
    batch.strings.withBytes(event.source) { Int64($0.last ?? 0) }
  }
  /// Of an event that names a person, or erases one, the person.
  static func kind(_ event: Event, _ batch: EventBatch) -> Int64 {
    switch event.type {
    case .feedbackSubmitted: person(batch.feedbackSubmitted[Int(event.row)].userID, batch)
    case .personErased: person(batch.peopleErased[Int(event.row)].person, batch)
    default: Int64(truncatingIfNeeded: UInt64(bitPattern: event.offset) &* 0x9E37_79B9 >> 8) % kinds
    }
  }
  private static let kinds: Int64 = 24
  private static func person(_ symbol: Symbol, _ batch: EventBatch) -> Int64 {
    kinds + Int64(batch.personHash(symbol, key: World.hashKey) >> 8)
  }

  mutating func wantRows(for events: Range<Int>, of batch: EventBatch, round: Int) -> Bool {
    guard round == 0 else { return false }
    var isWanting = false
    for index in events where seen.want(RowKey(UInt64(Self.kind(batch.events[index], batch)))) == nil {
      isWanting = true
    }
    return isWanting
  }

  mutating func fold(_ events: Range<Int>, of batch: EventBatch, firstPosition: Int64) {
    for index in events {
      let event = batch.events[index]
      let position = firstPosition + Int64(index)
      let place = seen.known(RowKey(UInt64(Self.kind(event, batch))))
      seen.markDirty(place)
      if event.type == .personErased {
        seen[place].count = 0
        seen[place].position = position
        continue
      }
      let isFirst = seen[place].count == 0
      seen[place].count += 1
      seen[place].position = position
      tally.update(RowKey(UInt64(Self.source(event, batch)))) {
        $0.count += 1
        $0.firsts += isFirst ? 1 : 0
        $0.sum += position
        $0.position = position
      }
    }
  }

  func fansOut(_ index: Int, of batch: EventBatch) -> Bool { batch.events[index].type == .orgSettingsChanged }

  mutating func fanOut(_ index: Int, of batch: EventBatch, position: Int64, store: any RowStream) throws -> Bool {
    var keys: [Int64] = []
    try store.rows("tally", []) { row in
      let key = row.bigint() ?? 0
      if key > fannedTo ?? .min { keys.append(key) }
    }
    for key in keys.prefix(Self.pageRows) {
      tally.update(RowKey(UInt64(key))) {
        $0.bonus += rules.bonus
        $0.position = position
      }
    }
    try store.flush()
    fannedTo = keys.count > Self.pageRows ? keys[Self.pageRows - 1] : nil
    return fannedTo != nil
  }
  private static let pageRows = 3

  mutating func runRules(at turn: Turn, store: any RowStream) throws -> [DerivedEvent] {
    var derived: [DerivedEvent] = []
    var announced: [(key: UInt64, count: Int64)] = []
    try store.rows("tally", []) { row in
      let key = row.bigint() ?? 0
      let stored = TallyRow(&row)
      guard stored.count - (stored.announced ?? 0) >= rules.announceEvery else { return }
      announced.append((UInt64(key), stored.count))
      derived.append(Self.derived(projection, key, at: turn, count: stored.count))
    }
    for (key, count) in announced {
      tally.update(RowKey(key)) {
        $0.announced = count
        $0.position = turn.position
      }
    }
    return derived
  }

  static func derived(_ projection: String, _ key: Int64, at turn: Turn, count: Int64) -> DerivedEvent {
    let id = "\(projection)-\(key)-\(turn.hour.hour)"
    return DerivedEvent(
      topic: key % 3 == 0 ? .teams : .events, subject: "s\(key)", id: id, asOf: turn.hour,
      json: "{\"id\":\"\(id)\",\"data\":{\"as_of\":\"\(turn.hour.rfc3339)\",\"count\":\(count)}}")
  }

  mutating func evict(keeping bytes: Int) -> Bool {
    Projections.evict([tally, seen], keeping: bytes)
    return false
  }
}

struct TallyRow: CachedRow, Equatable {
  var count: Int64 = 0
  var firsts: Int64 = 0
  var sum: Int64 = 0
  var bonus: Int64 = 0
  /// What the rule remembers: the count when it last spoke; nil in a partial row that does not know.
  var announced: Int64?
  var position: Int64 = 0

  init(isPartial: Bool) {}

  /// The columns behind the key.
  init(_ row: inout RowReader) {
    count = row.bigint() ?? 0
    firsts = row.bigint() ?? 0
    sum = row.bigint() ?? 0
    bonus = row.bigint() ?? 0
    announced = row.bigint()
    position = row.bigint() ?? 0
  }

  mutating func merge(onto stored: TallyRow) {
    count += stored.count
    firsts += stored.firsts
    sum += stored.sum
    bonus += stored.bonus
    announced = announced ?? stored.announced
    position = max(position, stored.position)
  }

  func write(to writer: inout RowWriter) {
    for value in [count, firsts, sum, bonus] { writer.bigint(value) }
    writer.bigint(announced)
    writer.bigint(position)
  }
}

struct SeenRow: CachedRow, Equatable {
  var count: Int64 = 0
  var position: Int64 = 0
  init(isPartial: Bool) {}
  mutating func merge(onto stored: SeenRow) {
    count += stored.count
    position = max(position, stored.position)
  }
}

private func tableStatements(_ name: String, version: String?) -> TableStatements {
  TableStatements(name: name, load: name, copy: "", createStage: "", copyToStage: "", update: "", version: version)
}

struct TallyLayout: RowLayout {
  let statements = tableStatements("tally", version: "tally")
  var fields: Int16 { 8 }
  var keyArrays: [ArrayParameter] { [ArrayParameter(.bigint)] }
  func append(_ key: RowKey, to arrays: inout [ArrayParameter]) { arrays[0].append(bigint: Int64(key.high)) }
  func read(_ reader: inout RowReader) -> (key: RowKey, row: TallyRow) {
    let key = RowKey(UInt64(reader.bigint() ?? 0))
    return (key, TallyRow(&reader))
  }
  func write(_ key: RowKey, _ row: TallyRow, to writer: inout RowWriter) {
    writer.bigint(Int64(key.high))
    row.write(to: &writer)
  }
  func precedes(_ a: RowKey, _ b: RowKey) -> Bool { a.high < b.high }
}

struct SeenLayout: RowLayout {
  let statements = tableStatements("seen", version: nil)
  var fields: Int16 { 4 }
  var keyArrays: [ArrayParameter] { [ArrayParameter(.bigint)] }
  func append(_ key: RowKey, to arrays: inout [ArrayParameter]) { arrays[0].append(bigint: Int64(key.high)) }
  func read(_ reader: inout RowReader) -> (key: RowKey, row: SeenRow) {
    let key = RowKey(UInt64(reader.bigint() ?? 0))
    var row = SeenRow(isPartial: false)
    row.count = reader.bigint() ?? 0
    row.position = reader.bigint() ?? 0
    return (key, row)
  }
  func write(_ key: RowKey, _ row: SeenRow, to writer: inout RowWriter) {
    writer.bigint(Int64(key.high))
    writer.bigint(row.count)
    writer.bigint(row.position)
  }
  func precedes(_ a: RowKey, _ b: RowKey) -> Bool { a.high < b.high }
}
