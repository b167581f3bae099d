import Engine
import Events
import Postgres

/// The events behind the versions that are shown, collected while the journal is folded: those behind other versions are passed over.
struct FoundTouches {
  private struct Row: Hashable {
    var table: Int
    var fields: [UInt8]
  }

  /// Of each row shown, by table and key: the turn of the version before, and the position up to which events count.
  private var shown: [[UInt8]: ClosedRange<Int64>] = [:]
  /// Names of the rows that were noticed, by their key in binary form.
  private var names: [Row: [UInt8]] = [:]
  private var count = 0
  private(set) var touches: [[UInt8]: [ExplainRun.Touch]] = [:]

  init(_ rows: [RowHistory.Row]) {
    for row in rows {
      guard let last = row.versions.last else { continue }
      // A turn's version does not contain the event that turned.
      let first = row.before?.position ?? 0
      shown[ExplainRun.name(row.table, row.key)] = first...max(first, last.turn.map { $0 - 1 } ?? last.position)
    }
  }

  /// Takes an event that changed a row; `name` tells which, and is asked once for each.
  mutating func add(
    _ position: Int64, table: Int, _ fields: [UInt8], named name: () throws(StoreError) -> [UInt8],
    _ touch: () -> ExplainRun.Touch
  ) throws {
    let row = Row(table: table, fields: fields)
    let known = try names[row] ?? name()
    names[row] = known
    guard shown[known]?.contains(position) == true else { return }
    count += 1
    if count > ExplainRun.touchLimit { throw Self.tooMany }
    touches[known, default: []].append(touch())
  }

  static let tooMany = CommandFailure(
    .failure,
    "more than \(ExplainRun.touchLimit) events are behind what is to be shown: a smaller --limit shows fewer versions at once, "
      + "and `pleat journal` the events themselves.")
}
