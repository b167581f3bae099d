import Foundation
import Testing

extension SystemTests {
  @Suite("Worlds that change their mind")
  struct RandomWorldTests {
    @Test("views and derived events are what a slow fold says", arguments: [1])
    func world(seed: Int) throws {
      let pleat = try Installation(topics: ["in": 2], environment: ["PLEAT_RELAY_PUBLISH": "all"])
      var world = RandomWorld(seed: seed, events: 8_000, days: 50)
      let lines = world.lines()
      let daemon = try pleat.start()
      try pleat.produce(lines)
      try pleat.waitCaughtUp()
      try pleat.expectRight(produced: lines)
      #expect(daemon.terminate() == 0)

      // The threshold hides some of what there is of each, and not all.
      let fold = SlowFold(try pleat.journal())
      let unmasked = fold.views()
      for (view, rows) in fold.masked(unmasked) {
        #expect(0 < rows.count && rows.count < unmasked[view]!.count, "\(view)")
      }
      let said = Set(SlowRules.events(of: try pleat.journal()).map(\.type))
      #expect(said.count == 5, "the world says only \(said.sorted())")
    }
  }
}
