import Events
import Testing

@testable import Projections

@Suite("An organisation's settings")
struct SettingsTests {
  @Test("a change of settings that lets projects share what they shared before is folded with the others")
  func settings() throws {
    typealias Change = (time: Int64, learning: Bool?, sharing: Sharing?, fansOut: Bool)
    let cases: [[Change]] = [
      [
        (1, true, nil, false), (2, nil, .public, false), (3, nil, .org, true), (4, true, nil, false),
        (5, nil, .org, false),
      ],
      // Late ones, and what stays hidden.
      [
        (5, false, nil, true), (4, true, nil, false), (6, nil, .team, false), (7, true, nil, true),
        (6, nil, .public, true),
      ],
      [(5, nil, .team, true), (5, nil, .public, true), (4, nil, Sharing.none, false)],
      [(1, nil, nil, false), (2, false, .public, true), (3, true, .public, true)],
    ]
    for changes in cases {
      var projection = ProjectsWorld.projection()
      let store = ProjectsStore(projection.tables)
      for table in projection.tables { table.assumeEmpty() }
      for (index, change) in changes.enumerated() {
        let batch = EventBatch([
          Fact(change.time, .organisation("org", learning: change.learning, sharing: change.sharing))
        ])
        let fansOut = projection.fansOut(0, of: batch)
        #expect(fansOut == change.fansOut, "\(changes), \(index)")
        if fansOut {
          while try projection.fanOut(0, of: batch, position: Int64(index + 1), store: store) {}
        } else {
          let wants = projection.wantRows(for: 0..<1, of: batch, round: 0)
          #expect(!wants)
          projection.fold(0..<1, of: batch, firstPosition: Int64(index + 1))
        }
        store.flush()
      }
    }
    // In one batch the earlier change is not folded yet when it is asked about the later one: it may be what makes it count.
    let batch = EventBatch([
      Fact(1, .organisation("org", learning: false, sharing: Sharing.none)),
      Fact(2, .organisation("org", learning: nil, sharing: .public)),
      Fact(3, .organisation("other", learning: nil, sharing: .public)),
    ])
    var projection = ProjectsWorld.projection()
    for table in projection.tables { table.assumeEmpty() }
    #expect((0..<3).map { projection.fansOut($0, of: batch) } == [true, true, false])
    // And a row that is not in memory says nothing.
    projection = ProjectsWorld.projection()
    #expect(projection.fansOut(2, of: batch))
  }
}
