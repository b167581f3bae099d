import Engine
import Events
import Postgres
import Testing

@testable import Service

@Suite("The events behind the versions of rows")
struct FoundTouchesTests {
  private static func row(_ name: String, at position: Int64) -> RowHistory.Row {
    RowHistory.Row(
      table: "t", key: [RowDifference.Pair(column: "technology", value: name)],
      versions: [
        RowHistory.Version(turn: nil, watermark: nil, appendedAt: nil, position: position, values: [])
      ])
  }

  private static func touch(_ position: Int64) -> ExplainRun.Touch {
    ExplainRun.Touch(
      position: position, json: "", type: "x", partition: TopicPartition("t", 0), offset: position,
      time: Timestamp(microseconds: 0))
  }

  @Test("rows whose keys differ in bytes alone keep their events apart")
  func bytes() throws {
    let rows = [Self.row("Caf\u{E9}", at: 1), Self.row("Cafe\u{301}", at: 2)]
    var found = FoundTouches(rows)
    for (index, row) in rows.enumerated() {
      let position = Int64(index) + 1
      let name = { () throws(StoreError) in ExplainRun.name(row.table, row.key) }
      try found.add(position, table: 0, Array(row.key[0].value.utf8), named: name) { Self.touch(position) }
    }
    let positions = rows.map { found.touches[ExplainRun.name($0.table, $0.key)]?.map(\.position) }
    #expect(positions == [[1], [2]])
  }
}
