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
    var position: Int64
    package internal(set) var rows: [Row]
  }

  /// Events folded at once while nothing touches the row.
  private static let longestPiece = 2_048
  /// Events shown of one key.
  static let touchLimit = 100_000

  private let context: EvidenceContext
  private let view: ExplainedView
  private let key: [String]
  private let entry: ProjectionRegistry.Entry

  package init(_ configuration: Configuration, view name: String, key words: [String]) throws(CommandFailure) {
    view = try ExplainedView.named(name)
    key = try view.values(words)
    entry = try EvidenceContext.entry(view.projection)
    context = try EvidenceContext(configuration)
  }

  private var target: ConnectionTarget { Database.target(context.configuration, for: "explain") }

  package func run() throws(CommandFailure) -> Report {
    do {
      return try explain()
    } catch let error as CommandFailure {
      throw error
    } catch let error as StoreError {
      throw CommandFailure(error)
    } catch let error as PostgresError {
      throw CommandFailure(error)
    } catch {
      throw CommandFailure(.failure, "\(error).")
    }
  }

  private func explain() throws -> Report {
    let source = PostgresProjectionStore(
      target, projection: entry.name, foldVersion: entry.foldVersion,
      catalogVersion: entry.catalogVersion(context.catalog)
    )
    guard let live = try source.liveGeneration() else {
      throw CommandFailure(.failure, "nothing of \(entry.name) is folded yet.")
    }
    guard live.foldVersion == entry.foldVersion, live.catalogVersion == entry.catalogVersion(context.catalog),
      live.hasCurrentKey
    else {
      throw StoreError.foreign(
        "generation \(live.generation) of \(entry.name) is not of this program's versions and key")
    }
    let history = RowHistory(target, projection: entry.name, generation: live.generation)
    if view.name == ExplainedView.wizardNow {
      return Report(
        view: view, key: key, generation: live.generation, position: live.position,
        rows: [try WizardNowHistory(context.key, source, history).row(step: try step(), through: live.position)])
    }
    let projection = context.make(entry)
    var watched: [WatchedRows] = []
    for (table, columns) in view.tables {
      guard let statements = projection.tables.map(\.statements).first(where: { $0.name == table }) else {
        throw CommandFailure(.failure, "\(entry.name) has no table \(table).")
      }
      do throws(StoreError) {
        watched.append(try history.watch(statements, Array(zip(columns, key)).map { (column: $0, text: $1) }))
      } catch {
        guard case .refused(let text) = error else { throw error }
        throw CommandFailure(.usage, "the key of \(view.name) is \(view.key.joined(separator: ", ")): \(text).")
      }
    }
    let rows = try watched.flatMap { try history.rows($0) }
    guard let last = rows.compactMap(\.versions.last?.position).max() else {
      throw CommandFailure(.failure, "\(view.name) has no row \(key.joined(separator: ", ")), and never had one.")
    }
    let subject = try view.subject(key, names: { (text) throws(StoreError) in try history.names(text) })
    var touches: [Found]
    if let found = try find(watched, rows, RowReach(subject, catalog: context.catalog), through: last, live, source) {
      touches = found
    } else {
      standardError("what names the row does not make it what it is: everything is folded\n")
      touches = try find(watched, rows, nil, through: last, live, source) ?? []
    }
    var report = Report(view: view, key: key, generation: live.generation, position: max(live.position, last), rows: [])
    var found: [String: [Touch]] = [:]
    for (index, fields, touch) in touches {
      let key = try history.key(fields, of: watched[index])
      found[Self.name(watched[index].table, key), default: []].append(touch)
    }
    report.rows = rows.map { Row(history: $0, touches: found[Self.name($0.table, $0.key)] ?? []) }
    return report
  }

  private func step() throws(CommandFailure) -> UInt8 {
    guard let step = UInt8(key[0]) else {
      throw CommandFailure(.usage, "the key of \(view.name) is step: \"\(key[0])\" is no step.")
    }
    return step
  }

  private static func name(_ table: String, _ key: [RowDifference.Pair]) -> String {
    table + key.map { "\u{0}\($0.value)" }.joined()
  }

  /// Which table's row, its key, and the event that changed it.
  private typealias Found = (Int, [[UInt8]], Touch)

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

  /// The events that changed one of the rows; with `reach` nil if they did not make the rows what they are.
  private func find(
    _ initial: [WatchedRows], _ rows: [RowHistory.Row], _ reach: RowReach?, through last: Int64, _ live: LiveGeneration,
    _ source: PostgresProjectionStore
  ) throws -> [Found]? {
    var reach = reach
    if reach != nil, try !learn(&reach!, through: last, source) { return nil }
    let store = TemporaryFoldStore(target, reading: source)
    _ = try store.prepare(live)
    try store.prepareStages(context.make(entry).tables)
    store.holdsTransactions = true
    var walk = JournalWalk(store)
    var run = makeRun(store.beginning, store)
    var watched = initial
    var length = 1
    var found: [Found] = []
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
          for fields in notice.changed { found.append((index, fields, Self.touch(next, whole))) }
        }
        if found.count > Self.touchLimit {
          throw CommandFailure(.failure, "more than \(Self.touchLimit) events have changed it: they are not shown.")
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
    guard reach != nil else { return found }
    try run.flush()
    try store.seal()
    let history = RowHistory(target, projection: entry.name, generation: live.generation)
    let folded = try initial.flatMap { try history.newest($0, in: store) }
    return RowHistory.saysTheSame(folded, rows) ? found : nil
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
