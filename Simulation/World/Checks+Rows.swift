import Engine
import Events
import Projections

extension Checks {
  func plainFold(_ projection: String, version: Int, to position: Int64) -> PlainFold {
    var fold = PlainFold(projection, version: version)
    for segment in state.journal where segment.firstPosition <= position {
      guard let batch = try? segment.events() else { return fold }
      for (index, event) in batch.events.enumerated() where segment.firstPosition + Int64(index) <= position {
        fold.fold(event, of: batch, at: segment.firstPosition + Int64(index))
      }
    }
    return fold
  }

  /// Rows, memory, versions and turns are what a plain fold of the journal up to the cursor gives: of the live generation, and of
  /// one in the making whose journal this is.
  /// - Parameter evenOld: also one that has just been replaced, of which nothing is deleted yet.
  func checkGeneration(_ key: DatabaseState.GenerationKey, evenOld: Bool = false) {
    guard let generation = state.generations[key] else { return }
    let (projection, number, place) = (key.projection, key.number, generation.place)
    guard evenOld || generation.phase != .old,
      generation.phase == .live || state.journal.has(place.position, place.chain)
    else { return }
    let fold = plainFold(projection, version: generation.version, to: place.position)
    let tally = state.tables[TableKey(projection: projection, generation: number, table: "tally")] ?? TableRows()
    let seen = state.tables[TableKey(projection: projection, generation: number, table: "seen")] ?? TableRows()
    let name = "\(projection)/\(number) at \(place.position)"
    if place.greatestTime != fold.greatestTime { world.violation("\(name): greatest time") }
    if place.lastDayTurn != fold.lastDayTurn { world.violation("\(name): last turn of the day") }
    for key in Set(tally.current.keys).union(fold.tally.keys).sorted() {
      let found = tally.current[key].map(Self.tally)
      if found != fold.tally[key] {
        world.violation(
          "\(name): row \(key) is \(String(describing: found)), and should be \(String(describing: fold.tally[key]))")
      }
    }
    for key in Set(seen.current.keys).union(fold.seen.keys).sorted() {
      let found = seen.current[key].map(Self.seen)
      if found != fold.seen[key] {
        world.violation(
          "\(name): seen \(key) is \(String(describing: found)), and should be \(String(describing: fold.seen[key]))")
      }
    }
    let versions = tally.versions.map { PlainFold.Version(key: $0.key, position: $0.position, row: Self.tally($0.row)) }
    let sorted = versions.sorted { ($0.position, $0.key) < ($1.position, $1.key) }
    if sorted != fold.versions {
      world.violation("\(name): \(sorted.count) versions, and should be \(fold.versions.count)")
    }
    let turns = state.turns[DatabaseState.GenerationKey(projection: projection, number: number)] ?? []
    if turns.sorted() != fold.turns { world.violation("\(name): turns \(turns), and should be \(fold.turns)") }
  }

  /// Of each stretch that a version was live for, what its fold derives there.
  func checkOutbox(_ projection: String) {
    guard let place = live(projection)?.place else { return }
    var folds: [Int: PlainFold] = [:]
    var due: [(position: Int64, event: DerivedEvent)] = []
    let reigns = state.reigns[projection] ?? []
    for (index, reign) in reigns.enumerated() {
      let end = index + 1 < reigns.count ? reigns[index + 1].since : place.position
      let fold = folds[reign.version] ?? plainFold(projection, version: reign.version, to: place.position)
      folds[reign.version] = fold
      due += fold.outbox.filter { $0.position > reign.since && $0.position <= end }
    }
    let outbox = state.outbox[projection]?.entries ?? []
    let same =
      outbox.count == due.count
      && zip(outbox, due).allSatisfy {
        $0.position == $1.position && $0.id == $1.event.id && $0.json == $1.event.json
      }
    if !same {
      world.violation(
        "\(projection) at \(place.position): the outbox holds \(outbox.map(\.id)), and should hold \(due.map(\.event.id))"
      )
    }
  }

  private static func tally(_ row: [UInt8]) -> PlainFold.Row {
    row.withUnsafeBytes {
      var reader = RowReader($0)
      _ = reader.bigint()
      let row = TallyRow(&reader)
      return PlainFold.Row(
        count: row.count, firsts: row.firsts, sum: row.sum, bonus: row.bonus, announced: row.announced,
        position: row.position)
    }
  }

  private static func seen(_ row: [UInt8]) -> PlainFold.Seen {
    row.withUnsafeBytes {
      var reader = RowReader($0)
      _ = reader.bigint()
      let count = reader.bigint() ?? 0
      return PlainFold.Seen(count: count, position: reader.bigint() ?? 0)
    }
  }
}
