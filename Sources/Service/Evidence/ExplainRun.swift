import Engine
import Events
import Postgres
import Projections

/// `pleat explain`: the versions of the rows behind a row of a view, and the events that made them.
///
/// Which events changed a row only the fold can tell, since some reach it by way of others (an organisation's settings, the
/// feedback of a project). So the events that may reach it (`RowReach`) are folded into temporary tables, from the journal's beginning
/// to the last that changed it, some at a time; where what is written touches the row, they are taken back and folded again, in smaller
/// pieces, down to the one event. If the row does not come to what it is, the whole journal is folded.
package struct ExplainRun {
  package struct Touch {
    var position: Int64
    /// The event as a line of JSON, with its content.
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
  /// Events folded at once while nothing touches the row.
  private static let longestPiece = 2_048
  /// Events shown at once.
  static let touchLimit = 100_000

  private let context: EvidenceContext
  private let view: ExplainedView
  private let key: [String]
  private let entry: ProjectionRegistry.Entry
  private let from: Int64
  private let limit: Int

  /// - Parameters:
  ///   - from: the first position of which versions are shown.
  ///   - limit: how many versions are shown.
  package init(
    _ configuration: Configuration, view name: String, key words: [String], from: Int64 = 1, limit: Int = versionLimit
  ) throws(CommandFailure) {
    (self.from, self.limit) = (from, limit)
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
    let source = PostgresProjectionStore(
      target, projection: entry.name, foldVersion: entry.foldVersion,
      catalogVersion: entry.catalogVersion(context.catalog)
    )
    var report = Report(
      view: view, key: key, generation: live.generation, position: live.position, from: from, next: shown.excerpt.next,
      rows: [])
    if view.name == ExplainedView.wizardNow {
      (report.rows, report.next) = try WizardNowHistory(context.key, source)
        .rows(step: try step(), turns: shown.wizardTurns, through: live.position, from: from, limit: limit)
    } else if !shown.excerpt.rows.isEmpty {
      let subject = try view.subject(key, names: { (text) throws(StoreError) in try history.names(text) })
      var touches = try find(shown, RowReach(subject, catalog: context.catalog), history, source)
      if touches == nil {
        standardError("what names the row does not make it what it is: everything is folded\n")
        touches = try find(shown, nil, history, source)
      }
      report.rows = shown.excerpt.rows.map {
        Row(history: $0, touches: touches?[Self.name($0.table, $0.key)] ?? [])
      }
    }
    if report.rows.isEmpty, let next = report.next {
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
        shown.watched.append(try history.watch(statements, Array(zip(columns, key)).map { (column: $0, text: $1) }))
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

  static func name(_ table: String, _ key: [RowDifference.Pair]) -> String {
    table + key.map { "\u{0}\($0.value)" }.joined()
  }

  /// Reads the journal once, to know which projects count in the row; false if they are too many to be kept in mind.
  private func learn(_ reach: inout RowReach, through last: Int64, _ store: any FoldStore) throws -> Bool {
    guard reach.hasProjects else { return true }
    var walk = JournalWalk(store)
    var position: Int64 = 0
    var line = ProgressLine()
    defer { line.end() }
    let began = SystemClock.monotonicNanoseconds()
    while position < last {
      guard let batch = try walk.batch(after: position) else { throw Self.ends(position, last) }
      reach.learn(batch.events)
      if reach.isTooLarge { return false }
      position = batch.lastPosition
      line.show(
        "the journal is searched", done: min(position, last), of: last, perSecond: Self.rate(position, since: began))
    }
    return true
  }

  static func ends(_ position: Int64, _ last: Int64) -> StoreError {
    .refused("the journal ends at position \(position), and not at \(last)")
  }

  static func rate(_ count: Int64, since began: Int64) -> Double {
    let elapsed = SystemClock.monotonicNanoseconds() - began
    return elapsed > 0 ? Double(count) * 1e9 / Double(elapsed) : 0
  }

  /// The events behind the versions shown, by table and key of their row; nil if those that `reach` found did not make the rows
  /// what they are.
  private func find(
    _ shown: Shown, _ reach: RowReach?, _ history: RowHistory, _ source: PostgresProjectionStore
  ) throws -> [String: [Touch]]? {
    let last = shown.last
    var reach = reach
    if reach != nil, try !learn(&reach!, through: last, source) { return nil }
    let store = TemporaryFoldStore(target, reading: source)
    _ = try store.prepare(shown.live)
    try store.prepareStages(context.make(entry).tables)
    store.holdsTransactions = true
    var walk = JournalWalk(store)
    var run = makeRun(store.beginning, store)
    var watched = shown.watched
    var length = 1
    var found = FoundTouches(shown.excerpt.rows)
    var line = ProgressLine()
    defer { line.end() }
    let began = SystemClock.monotonicNanoseconds()
    while run.place.position < last {
      let begin = run.place.position
      guard let whole = try walk.batch(after: begin) else { throw Self.ends(begin, last) }
      let end = min(whole.lastPosition, last)
      let reaching = reach?.events(of: whole.events)
      let batch = reaching.map { whole.keeping($0) } ?? whole
      // The positions that are looked at, in order.
      var positions = (reaching?.map { batch.firstPosition + Int64($0) } ?? Array(begin + 1...end))
        .filter { $0 > begin && $0 <= end }[...]
      while let first = positions.first {
        // What lies between changes nothing. It is written all the same, so that a piece that is taken back leaves it.
        try fold(batch, through: first - 1, run)
        try run.flush()
        try store.seal()
        let piece = positions.prefix(length)
        let (cursor, next) = (run.cursor, piece.last ?? first)
        var noticing = watched
        var notices = noticing.map { _ in WatchedRows.Notice() }
        store.onChanges = { changes in
          for index in noticing.indices { noticing[index].notice(changes, &notices[index]) }
        }
        try fold(batch, through: next, run)
        try run.flush()
        store.onChanges = nil
        if piece.count > 1, notices.contains(where: \.isWritten) {
          try store.rollback()
          run = makeRun(cursor, store)
          length = max(piece.count / 4, 1)
          continue
        }
        try store.seal()
        for (index, notice) in notices.enumerated() {
          for fields in notice.changed {
            let name = { () throws(StoreError) in
              Self.name(watched[index].table, try history.key(fields, of: watched[index]))
            }
            try found.add(next, table: index, fields, named: name) { Self.touch(next, whole) }
          }
        }
        watched = noticing
        positions = positions.dropFirst(piece.count)
        length = min(length * 2, Self.longestPiece)
        line.show(
          "what reaches it is folded again", done: next, of: last, perSecond: Self.rate(next, since: began))
      }
      try fold(batch, through: end, run)
      line.show("what reaches it is folded again", done: end, of: last, perSecond: Self.rate(end, since: began))
    }
    guard reach != nil else { return found.touches }
    try run.flush()
    try store.seal()
    return try shown.watched.map { try history.sum($0, in: store) } == shown.sums ? found.touches : nil
  }

  private func makeRun(_ cursor: ProjectionCursor, _ store: TemporaryFoldStore) -> FoldRun {
    FoldRun(
      context.make(entry), at: cursor, in: store, settings: ProjectionSettings(cacheBytes: context.cacheBytes),
      publishes: false)
  }

  private func fold(_ batch: JournalBatch, through last: Int64, _ run: FoldRun) throws {
    while run.place.position < last { try run.fold(batch, through: last, SystemClock.now()) }
  }

  static func touch(_ position: Int64, _ batch: JournalBatch) -> Touch {
    let index = Int(position - batch.firstPosition)
    let event = batch.events.events[index]
    return Touch(
      position: position,
      json: EventJSON.line(
        index, of: batch.events, position: position, topic: batch.partition.topic, partition: batch.partition.partition),
      type: event.type.name.map { "\($0)" } ?? batch.events.strings.string(event.typeName), partition: batch.partition,
      offset: event.offset, time: event.time)
  }
}
