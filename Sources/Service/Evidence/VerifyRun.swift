import Engine
import Events
import Postgres
import Projections

/// `pleat verify`: checks the journal's chain, folds it again beside the live daemon, and compares everything that came of it.
package struct VerifyRun {
  /// The first thing that is not what the journal says.
  package struct Difference {
    /// `segment`, `row`, `version`, `turn`, `derived event`.
    var kind: String
    var projection: String?
    var table: String
    var key: [RowDifference.Pair]
    var column: String?
    var position: Int64?
    var expected: String?
    var found: String?
  }

  package struct Projection {
    var name: String
    var generation: Int32
    var position: Int64
    var rows: Int64 = 0
    var versions: Int64 = 0
    var derivedEvents: Int64 = 0
  }

  package struct Report {
    package internal(set) var segments: Int64 = 0
    package internal(set) var events: Int64 = 0
    /// Segments that an erasure has rewritten which is still open: its event will list them.
    package internal(set) var openSegments: Int64 = 0
    /// Positions before it are not in the journal any more: rows cannot be folded again.
    package internal(set) var firstPosition: Int64 = 1
    package internal(set) var projections: [Projection] = []
    package internal(set) var difference: Difference?
    /// Set where a projection that nobody asked for by its name is of other versions.
    package internal(set) var failure: CommandFailure?
  }

  private let context: EvidenceContext
  private let entries: [ProjectionRegistry.Entry]
  private let areNamed: Bool
  private var line = ProgressLine()
  private var report = Report()

  /// Of these projections; of all that are folded, by whichever instance, where none is named.
  package init(_ configuration: Configuration, projections: [String]) throws(CommandFailure) {
    areNamed = !projections.isEmpty
    let names = areNamed ? projections : ProjectionRegistry.names
    entries = try names.map { (name) throws(CommandFailure) in try EvidenceContext.entry(name) }
    context = try EvidenceContext(configuration)
  }

  private var target: ConnectionTarget { Database.target(context.configuration, for: "verify") }

  package mutating func run() throws(CommandFailure) -> Report {
    defer { line.end() }
    do {
      try checkChain()
      if report.difference == nil, report.firstPosition == 1 {
        for entry in entries where report.difference == nil {
          do {
            try verify(entry)
          } catch let error as StoreError where !areNamed {
            guard case .foreign = error else { throw error }
            report.failure = CommandFailure(error)
          }
        }
      }
      return report
    } catch {
      throw CommandFailure(any: error)
    }
  }

  // MARK: - The journal

  private mutating func checkChain() throws(StoreError) {
    let chain = try JournalChain(target)
    let began = SystemClock.monotonicNanoseconds()
    while !chain.isDone {
      if let found = try chain.step() {
        report.difference = Difference(
          kind: "segment", projection: nil, table: "journal",
          key: [.init(column: "first_position", value: "\(found.position)")],
          column: found.column, position: found.position, expected: found.expected, found: found.found)
        break
      }
      line.show(
        "the journal's chain", done: chain.position, of: chain.end,
        perSecond: ProgressLine.rate(chain.position - chain.firstPosition + 1, since: began))
    }
    report.firstPosition = chain.firstPosition
    report.openSegments = chain.openSegments
    report.segments = chain.segmentCount
    report.events = max(chain.position - chain.firstPosition + 1, 0)
  }

  // MARK: - A projection

  private mutating func verify(_ entry: ProjectionRegistry.Entry) throws {
    let source = context.store(entry, for: "verify")
    guard let live = try source.liveGeneration(), !live.isRetired else { return }
    guard live.foldVersion == entry.foldVersion, live.catalogVersion == entry.catalogVersion(context.catalog) else {
      throw StoreError.foreign(
        "generation \(live.generation) of \(entry.name) was folded by version \(live.foldVersion) with catalog "
          + "\(live.catalogVersion), this program has version \(entry.foldVersion) with catalog "
          + "\(entry.catalogVersion(context.catalog)): it can fold, and verify, only its own")
    }
    guard live.hasCurrentKey else {
      throw StoreError.foreign("generation \(live.generation) of \(entry.name) was folded with another hash key")
    }
    let store = TemporaryFoldStore(target, reading: source)
    let tables = try store.prepare(live)
    let folding = JournalFold(
      FoldRun(
        context.make(entry), at: store.beginning, in: store,
        settings: context.settings, publishes: true), context.journal(for: "verify"),
      now: SystemClock.now)
    let began = SystemClock.monotonicNanoseconds()
    var line = line
    try folding.fold(through: live.position) { position in
      line.show(
        "\(entry.name) is folded again", done: position, of: live.position,
        perSecond: ProgressLine.rate(position, since: began)
      )
    }
    var result = Projection(name: entry.name, generation: live.generation, position: live.position)
    let comparison = TableComparison(
      target, projection: entry.name, generation: live.generation, members: ExplainedView.membersByTable, with: store,
      follow: { try folding.fold(through: $0) { _ in } })
    var compared: [(kind: String, table: ComparedTable)] = try tables.map { name in
      (name.hasSuffix("_current") ? "row" : "version", try comparison.rows(name))
    }
    compared.append(("turn", try comparison.turns()))
    compared.append(
      ("derived event", try comparison.outbox(after: try source.liveSince(live.generation))))
    for (index, (kind, table)) in compared.enumerated() {
      let before = comparison.rowCount
      let difference = try comparison.compare(table, folded: folding.position) {
        line.show(
          "\(entry.name) is compared: \(table.name)", done: Int64(index), of: Int64(compared.count), perSecond: 0)
      }
      let count = comparison.rowCount - before
      switch kind {
      case "row": result.rows += count
      case "version": result.versions += count
      case "derived event": result.derivedEvents += count
      default: break
      }
      if let difference {
        report.difference = Difference(
          kind: kind, projection: entry.name, table: difference.table, key: difference.key, column: difference.column,
          position: difference.position, expected: difference.expected, found: difference.found)
        break
      }
    }
    result.position = folding.position
    report.projections.append(result)
    self.line = line
  }
}

extension VerifyRun.Report {
  package var json: JSONValue {
    .object([
      "ok": .bool(difference == nil && failure == nil), "first_position": .integer(firstPosition),
      "segments": .integer(segments),
      "events": .integer(events), "open_erasure_segments": .integer(openSegments),
      "projections": .array(
        projections.map {
          .object([
            "projection": .string($0.name), "generation": .integer(Int64($0.generation)),
            "position": .integer($0.position), "rows": .integer($0.rows), "versions": .integer($0.versions),
            "derived_events": .integer($0.derivedEvents),
          ])
        }),
      "difference": difference?.json ?? .null,
    ])
  }

  package var text: String {
    var text = "\(segments) segments with \(events) events are chained as they should be.\n"
    if openSegments > 0 {
      text +=
        "\(openSegments) of the segments are rewritten by an erasure that is not done: its event is to list them.\n"
    }
    if firstPosition > 1 {
      text += "The journal begins at position \(firstPosition): rows cannot be folded again.\n"
    }
    for projection in projections {
      text += "\(projection.name): generation \(projection.generation) to position \(projection.position), "
      text +=
        "\(projection.rows) rows, \(projection.versions) versions, \(projection.derivedEvents) derived events compared.\n"
    }
    if let difference { return (projections.isEmpty ? "" : text) + difference.text }
    return text + (failure == nil ? "No difference.\n" : "No difference in these.\n")
  }
}

extension VerifyRun.Difference {
  private var view: String? { ExplainedView.showing(table)?.name }

  package var json: JSONValue {
    .object([
      "kind": .string(kind), "projection": .optional(projection), "view": .optional(view), "table": .string(table),
      "key": .object(key.map { JSONValue.Member(name: $0.column, value: .string($0.value)) }),
      "column": .optional(column), "position": .optional(position), "expected": .optional(expected),
      "found": .optional(found),
    ])
  }

  package var text: String {
    let key = key.map { "\($0.column) \($0.value)" }.joined(separator: ", ")
    var text = "A \(kind) differs: pleat.\(table)"
    if let projection { text += " of \(projection)" }
    if let view { text += " (view \(view))" }
    text += ", \(key)"
    if let position { text += ", position \(position)" }
    text += "\n"
    if let column { text += "  \(column):\n" }
    return text + "    expected \(expected ?? (column == nil ? "nothing" : "null"))\n"
      + "    found    \(found ?? (column == nil ? "nothing" : "null"))\n"
  }
}
