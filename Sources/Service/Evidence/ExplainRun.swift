import Engine
import Events
import Postgres
import Projections

/// `pleat explain`: the versions of the rows behind a row of a view, and the events that made them.
///
/// Which events changed a row only the fold can tell, since some reach it by way of others (an organisation's settings, the
/// feedback of a project). So the journal is folded from its beginning into temporary tables, some hundred events at a time; where
/// what is written touches the row, they are taken back and folded again, in smaller pieces, down to the one event.
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
  }

  package struct Report {
    var view: ExplainedView
    var key: [String]
    var generation: Int32
    var position: Int64
    package internal(set) var rows: [Row]
  }

  /// Events folded at once while nothing touches the row.
  private static let longestPiece: Int64 = 2_048
  /// Events shown of one key.
  private static let touchLimit = 100_000

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
    let projection = context.make(entry)
    let history = RowHistory(target, projection: entry.name, generation: live.generation)
    var watched: [WatchedRows] = []
    for (table, columns) in view.tables {
      guard let statements = projection.tables.map(\.statements).first(where: { $0.name == table }) else {
        throw CommandFailure(.failure, "\(entry.name) has no table \(table).")
      }
      watched.append(try history.watch(statements, Array(zip(columns, key)).map { (column: $0, text: $1) }))
    }
    let rows = try watched.flatMap { try history.rows($0) }
    if rows.isEmpty {
      throw CommandFailure(.failure, "\(view.name) has no row \(key.joined(separator: ", ")), and never had one.")
    }
    let touches = try find(watched, through: live, source)
    var report = Report(view: view, key: key, generation: live.generation, position: live.position, rows: [])
    var found: [String: [Touch]] = [:]
    for (index, fields, touch) in touches {
      let key = try history.key(fields, of: watched[index])
      found[Self.name(watched[index].table, key), default: []].append(touch)
    }
    report.rows = rows.map { Row(history: $0, touches: found[Self.name($0.table, $0.key)] ?? []) }
    return report
  }

  private static func name(_ table: String, _ key: [RowDifference.Pair]) -> String {
    table + key.map { "\u{0}\($0.value)" }.joined()
  }

  /// The events that changed one of the rows: which table's, its key, the event.
  private func find(_ initial: [WatchedRows], through live: LiveGeneration, _ source: PostgresProjectionStore) throws
    -> [(
      Int, [[UInt8]], Touch
    )]
  {
    let store = TemporaryFoldStore(target, reading: source)
    _ = try store.prepare(live)
    try store.prepareStages(context.make(entry).tables)
    store.holdsTransactions = true
    var walk = JournalWalk(store)
    var cursor = store.beginning
    var run: FoldRun?
    var watched = initial
    var piece: Int64 = Self.longestPiece
    var found: [(Int, [[UInt8]], Touch)] = []
    var line = ProgressLine()
    defer { line.end() }
    let began = SystemClock.monotonicNanoseconds()
    while cursor.place.position < live.position {
      let position = cursor.place.position
      guard let batch = try walk.batch(after: position) else {
        throw StoreError.refused("the journal ends at position \(position), and not at \(live.position)")
      }
      let last = min(position + piece, batch.lastPosition, live.position)
      var next = watched
      var notices = next.map { _ in WatchedRows.Notice() }
      store.onChanges = { changes in
        for index in next.indices { next[index].notice(changes, &notices[index]) }
      }
      let current =
        run
        ?? FoldRun(
          context.make(entry), at: cursor, in: store, settings: ProjectionSettings(cacheBytes: context.cacheBytes),
          publishes: false)
      while current.place.position < last { try current.fold(batch, through: last, SystemClock.now()) }
      try current.flush()
      if last - position > 1, notices.contains(where: \.isWritten) {
        try store.rollback()
        run = nil
        piece = max((last - position) / 4, 1)
        continue
      }
      try store.seal()
      for (index, notice) in notices.enumerated() {
        for fields in notice.changed { found.append((index, fields, Self.touch(last, batch))) }
      }
      if found.count > Self.touchLimit {
        throw CommandFailure(.failure, "more than \(Self.touchLimit) events have changed it: they are not shown.")
      }
      (watched, run, cursor) = (next, current, current.cursor)
      piece = min(piece * 2, Self.longestPiece)
      let elapsed = Double(SystemClock.monotonicNanoseconds() - began) / 1e9
      line.show(
        "the journal is folded again", done: last, of: live.position,
        perSecond: elapsed > 0 ? Double(last) / elapsed : 0)
    }
    return found
  }

  private static func touch(_ position: Int64, _ batch: JournalBatch) -> Touch {
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

extension ExplainRun.Row {
  struct Step {
    var version: RowHistory.Version
    var changed: [(column: String, before: String?, after: String?)]
    var touches: ArraySlice<ExplainRun.Touch>
  }

  /// Each version with what is new in it, and the events behind that: a turn's version does not contain the event that turned.
  var steps: [Step] {
    var steps: [Step] = []
    var before: [String: String?] = [:]
    var rest = touches[...]
    for version in history.versions {
      let changed = version.values.compactMap { column, value -> (column: String, before: String?, after: String?)? in
        let old = before[column] ?? nil
        return steps.isEmpty || old != value ? (column, old, value) : nil
      }
      for (column, value) in version.values { before[column] = value }
      let mine = rest.prefix { touch in version.turn.map { touch.position < $0 } ?? true }
      rest = rest.dropFirst(mine.count)
      if version.turn == nil, changed.isEmpty, mine.isEmpty { continue }
      steps.append(Step(version: version, changed: changed, touches: mine))
    }
    return steps
  }
}

extension ExplainRun.Report {
  /// One object; with `events` each event has its content.
  package func json(events: Bool) -> String {
    var text = JSONValue.object([
      "view": .string(view.name), "key": .object(zip(view.key, key).map { .init(name: $0, value: .string($1)) }),
      "projection": .string(view.projection), "generation": .integer(Int64(generation)), "position": .integer(position),
    ]).description
    text.removeLast()
    return text + ",\"rows\":[" + rows.map { json($0, events) }.joined(separator: ",") + "]}"
  }

  private func json(_ row: ExplainRun.Row, _ events: Bool) -> String {
    let key = JSONValue.object(row.history.key.map { .init(name: $0.column, value: .string($0.value)) })
    let versions = row.steps.map { step in
      let changed = step.changed.map {
        JSONValue.object(["column": .string($0.column), "before": .optional($0.before), "after": .optional($0.after)])
      }
      let touches = step.touches.map { touch in
        events
          ? touch.json
          : JSONValue.object([
            "position": .integer(touch.position), "topic": .string(touch.partition.topic),
            "partition": .integer(Int64(touch.partition.partition)), "offset": .integer(touch.offset),
            "type": .string(touch.type), "time": .time(touch.time),
          ]).description
      }
      return
        "{\"turn\":\(JSONValue.optional(step.version.turn)),\"watermark\":\(JSONValue.time(step.version.watermark)),"
        + "\"appended_at\":\(JSONValue.time(step.version.appendedAt)),\"changed\":\(JSONValue.array(changed)),"
        + "\"events\":[\(touches.joined(separator: ","))]}"
    }
    return
      "{\"table\":\(JSONValue.string(row.history.table)),\"key\":\(key),\"versions\":[\(versions.joined(separator: ","))]}"
  }

  package func text(events: Bool) -> String {
    var text = ""
    for row in rows {
      text += "\(row.history.table): \(row.history.key.map { "\($0.column) \($0.value)" }.joined(separator: ", "))\n"
      for step in row.steps {
        if let turn = step.version.turn {
          text += "  up to the turn at position \(turn), watermark \(step.version.watermark?.rfc3339 ?? "")"
          text += ", journaled \(step.version.appendedAt?.rfc3339 ?? "")\n"
        } else {
          text += "  since then, up to position \(position)\n"
        }
        for (column, before, after) in step.changed {
          text += "    \(column): \(before.map { "\($0) → " } ?? "")\(after ?? "null")\n"
        }
        for touch in step.touches {
          text += "      "
          text +=
            events
            ? touch.json
            : "\(touch.position)  \(touch.partition)@\(touch.offset)  \(touch.type)  \(touch.time.rfc3339)"
          text += "\n"
        }
      }
    }
    return text
  }
}
