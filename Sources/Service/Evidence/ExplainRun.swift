import Engine
import Events
import Postgres
import Projections

/// `pleat explain`: the versions of the rows behind a row of a view, and the events that made them.
///
/// Which events changed a row only the fold can tell, since some reach it by way of others (an organisation's settings, the
/// feedback of a project). So the events that may reach it (`RowReach`) are folded, from the journal's beginning to the last that changed
/// it, one at a time and in memory, and of each it is looked at whether it changed the row. If the row does not come to what it is, the
/// whole journal is folded.
package struct ExplainRun {
  package struct Touch {
    var position: Int64
    /// The event as a line of JSON, with its content; empty where nobody asks for that.
    var json: String
    var type: String
    var partition: TopicPartition
    var offset: Int64
    var time: Timestamp
  }

  package struct Row {
    var history: RowHistory.Row
    /// In order.
    var touches: [Touch]
    /// Where a version does not add to the one before: the events behind each, in the order of the versions.
    var touchesOfVersions: [[Touch]]?
  }

  package struct Report {
    var view: ExplainedView
    var key: [String]
    var generation: Int32
    /// Of its cursor: what is shown is as it was there.
    var position: Int64
    /// Versions from this position on are shown.
    var from: Int64
    /// Those at it and behind it are not; nil where all are.
    var next: Int64?
    package internal(set) var rows: [Row]
  }

  /// Versions shown unless the caller says otherwise, and as many as may be asked for.
  package static let versionLimit = 10_000
  package static let greatestVersionLimit = 100_000
  /// Events shown at once.
  static let touchLimit = 100_000
  /// So many events are folded between two flushes; only the tables looked at are written for each. What nobody looks at is dropped at a
  /// flush: of one event, up to 2,016 pairs.
  private static let flushedTogether = 64

  private let context: EvidenceContext
  private let view: ExplainedView
  private let key: [String]
  private let entry: ProjectionRegistry.Entry
  private let from: Int64
  private let limit: Int
  private let withContent: Bool

  /// - Parameters:
  ///   - from: the first position of which versions are shown.
  ///   - limit: how many versions are shown.
  ///   - withContent: whether the events' content is wanted.
  package init(
    _ configuration: Configuration, view name: String, key words: [String], from: Int64 = 1, limit: Int = versionLimit,
    withContent: Bool = true
  ) throws(CommandFailure) {
    (self.from, self.limit, self.withContent) = (from, limit, withContent)
    view = try ExplainedView.named(name)
    key = try view.values(words)
    entry = try EvidenceContext.entry(view.projection)
    context = try EvidenceContext(configuration)
  }

  private var target: ConnectionTarget { Database.target(context.configuration, for: "explain") }

  package func run() throws(CommandFailure) -> Report {
    do {
      return try explain()
    } catch {
      throw CommandFailure(any: error)
    }
  }

  /// What the tables hold, all of it at one moment.
  private struct Shown {
    var live: LiveGeneration
    var watched: [WatchedRows] = []
    /// What the watched rows hold, table by table.
    var sums: [RowHistory.Sum] = []
    /// The last position of a version, or newest state, of any of them.
    var last: Int64 = 0
    var excerpt = RowHistory.Excerpt()
    var wizardTurns: [RowHistory.Version] = []
  }

  private func explain() throws -> Report {
    let history = RowHistory(target, projection: entry.name)
    let shown = try history.snapshot { live in
      guard let live else { throw CommandFailure(.failure, "nothing of \(entry.name) is folded yet.") }
      return try read(history, live)
    }
    let live = shown.live
    var report = Report(
      view: view, key: key, generation: live.generation, position: live.position, from: from, next: shown.excerpt.next,
      rows: [])
    if view.name == ExplainedView.wizardNow {
      (report.rows, report.next) = try WizardNowHistory(
        context.key, context.journal(for: "explain"), withContent: withContent
      )
      .rows(step: try step(), turns: shown.wizardTurns, through: live.position, from: from, limit: limit)
    } else if !shown.excerpt.rows.isEmpty {
      let subject = try view.subject(key, names: { (text) throws(StoreError) in try history.names(text) })
      var touches = try find(shown, RowReach(subject, catalog: context.catalog), history)
      if touches == nil {
        standardError("what names the row does not make it what it is: everything is folded\n")
        touches = try find(shown, nil, history)
      }
      report.rows = shown.excerpt.rows.map {
        Row(history: $0, touches: touches?[Self.name($0.table, $0.key)] ?? [])
      }
    }
    if shown.excerpt.rows.isEmpty, report.rows.isEmpty, let next = report.next {
      throw CommandFailure(
        .failure, "more than \(limit) versions are kept at position \(next): a greater --limit shows them.")
    }
    return report
  }

  private func read(_ history: RowHistory, _ live: LiveGeneration) throws -> Shown {
    guard live.foldVersion == entry.foldVersion, live.catalogVersion == entry.catalogVersion(context.catalog),
      live.hasCurrentKey
    else {
      throw StoreError.foreign(
        "generation \(live.generation) of \(entry.name) is not of this program's versions and key")
    }
    var shown = Shown(live: live)
    if view.name == ExplainedView.wizardNow {
      shown.wizardTurns = try history.wizardTurns(step: Int16(try step()))
      return shown
    }
    let projection = context.make(entry)
    for (table, columns) in view.tables {
      guard let statements = projection.tables.map(\.statements).first(where: { $0.name == table }) else {
        throw CommandFailure(.failure, "\(entry.name) has no table \(table).")
      }
      do throws(StoreError) {
        shown.watched.append(
          try history.watch(
            statements, Array(zip(columns, key)).map { (column: $0, text: $1) }, member: view.member))
      } catch {
        guard case .refused(let text) = error else { throw error }
        throw CommandFailure(.usage, "the key of \(view.name) is \(view.key.joined(separator: ", ")): \(text).")
      }
    }
    guard let last = try history.last(shown.watched) else {
      throw CommandFailure(.failure, "\(view.name) has no row \(key.joined(separator: ", ")), and never had one.")
    }
    shown.last = last
    shown.excerpt = try history.excerpt(shown.watched, from: from, limit: limit)
    shown.sums = try shown.watched.map { try history.sum($0) }
    return shown
  }

  private func step() throws(CommandFailure) -> UInt8 {
    guard let step = UInt8(key[0]) else {
      throw CommandFailure(.usage, "the key of \(view.name) is step: \"\(key[0])\" is no step.")
    }
    return step
  }

  /// In bytes, by which keys differ: for `String` canonically equivalent ones are equal.
  static func name(_ table: String, _ key: [RowDifference.Pair]) -> [UInt8] {
    Array((table + key.map { "\u{0}\($0.value)" }.joined()).utf8)
  }

  /// Reads the journal once, to know which projects count in the row; false if they are too many to be kept in mind.
  private func learn(_ reach: inout RowReach, through last: Int64) throws -> Bool {
    guard reach.hasProjects else { return true }
    let journal = context.journal(for: "explain")
    var position: Int64 = 0
    var line = ProgressLine()
    defer { line.end() }
    let began = SystemClock.monotonicNanoseconds()
    while position < last {
      guard let batch = try journal.batch(after: position) else { throw Self.ends(position, last) }
      reach.learn(batch.events)
      if reach.isTooLarge { return false }
      position = batch.lastPosition
      line.show(
        "the journal is searched", done: min(position, last), of: last,
        perSecond: ProgressLine.rate(position, since: began))
    }
    return true
  }

  static func ends(_ position: Int64, _ last: Int64) -> StoreError {
    .refused("the journal ends at position \(position), and not at \(last)")
  }

  /// The events behind the versions shown, by table and key of their row; nil if those that `reach` found did not make the rows
  /// what they are.
  private func find(_ shown: Shown, _ reach: RowReach?, _ history: RowHistory) throws -> [[UInt8]: [Touch]]? {
    let last = shown.last
    var reach = reach
    if reach != nil, try !learn(&reach!, through: last) { return nil }
    let looked = Set(shown.watched.map(\.table))
    let projection = NarrowProjection(context.make(entry), lookingAt: looked)
    let store = MemoryFoldStore(
      target, context.store(entry, for: "explain"), live: shown.live,
      columns: try projection.tables.map { table throws(StoreError) in try history.copiedColumns(table.statements) },
      queries: projection.pageQueries, capacity: context.foldBytes)
    let run = FoldRun(
      projection, at: store.beginning, in: store, settings: ProjectionSettings(cacheBytes: context.foldBytes),
      publishes: false)
    var watched = shown.watched
    var changed = watched.map { _ in [[UInt8]]() }
    store.onChanges = { changes in
      for index in watched.indices { changed[index] += watched[index].notice(changes) }
    }
    defer { store.onChanges = nil }
    let journal = context.journal(for: "explain")
    var found = FoundTouches(shown.excerpt.rows)
    var unwritten = 0
    var line = ProgressLine()
    defer { line.end() }
    let began = SystemClock.monotonicNanoseconds()
    while run.place.position < last {
      let begin = run.place.position
      guard let whole = try journal.batch(after: begin) else { throw Self.ends(begin, last) }
      let reaching = reach?.events(of: whole.events)
      // Nothing that is left out changes anything.
      let batch = reaching.map { whole.keeping($0) } ?? whole
      if store.isOnDisk { try load(batch.events, into: projection, store) }
      let end = min(whole.lastPosition, last)
      for index in reaching ?? Array(whole.events.events.indices) {
        let position = whole.firstPosition + Int64(index)
        if position <= begin { continue }
        if position > end { break }
        try fold(batch, through: position, run)
        try run.write(tables: looked)
        unwritten += 1
        if unwritten == Self.flushedTogether {
          try run.flush()
          unwritten = 0
        }
        for index in watched.indices where !changed[index].isEmpty {
          for key in changed[index] {
            let name = { () throws(StoreError) in
              Self.name(watched[index].table, try history.key(key, of: watched[index]))
            }
            try found.add(position, table: index, key, named: name) {
              Self.touch(position, whole, withContent: withContent)
            }
          }
          changed[index].removeAll()
        }
      }
      try fold(batch, through: end, run)
      line.show("what reaches it is folded again", done: end, of: last, perSecond: ProgressLine.rate(end, since: began))
    }
    guard reach != nil else { return found.touches }
    try run.flush()
    return watched.map(\.sum) == shown.sums ? found.touches : nil
  }

  /// Loads what a batch's events need, so that not each of them asks for its own.
  private func load(_ events: EventBatch, into projection: NarrowProjection, _ store: MemoryFoldStore) throws {
    // The tables are the fold's own.
    var projection = projection
    var round = 0
    while projection.wantRows(for: 0..<events.count, of: events, round: round) {
      for table in projection.tables {
        while let keys = table.takeWantedKeys() {
          try store.load(table.statements, keys: keys) { table.absorb(&$0) }
          table.settle()
        }
      }
      round += 1
      guard round < tooManyWantingRounds else { throw StoreError.refused("a projection asks for rows without end") }
    }
  }

  private func fold(_ batch: JournalBatch, through last: Int64, _ run: FoldRun) throws {
    while run.place.position < last { try run.fold(batch, through: last, SystemClock.now()) }
  }

  static func touch(_ position: Int64, _ batch: JournalBatch, withContent: Bool) -> Touch {
    let index = Int(position - batch.firstPosition)
    let event = batch.events.events[index]
    return Touch(
      position: position,
      json: withContent
        ? EventJSON.line(
          index, of: batch.events, position: position, topic: batch.partition.topic,
          partition: batch.partition.partition) : "",
      type: event.type.name.map { "\($0)" } ?? batch.events.strings.string(event.typeName), partition: batch.partition,
      offset: event.offset, time: event.time)
  }
}
