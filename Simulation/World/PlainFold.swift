import Events
import Projections

/// The same fold, written as plainly as can be: one event after the other, dictionaries, nothing cached. What the tables must
/// hold at a position is what this holds.
struct PlainFold {
  struct Row: Equatable {
    var count: Int64 = 0
    var firsts: Int64 = 0
    var sum: Int64 = 0
    var bonus: Int64 = 0
    var announced: Int64?
    var position: Int64 = 0
  }
  struct Seen: Equatable {
    var count: Int64 = 0
    var position: Int64 = 0
  }
  struct Version: Equatable {
    var key: Int64
    var position: Int64
    var row: Row
  }

  let projection: String
  private let rules: Tally.Rules
  private(set) var tally: [Int64: Row] = [:]
  private(set) var seen: [Int64: Seen] = [:]
  private(set) var versions: [Version] = []
  private(set) var turns: [Int64] = []
  /// Derived events with their positions.
  private(set) var outbox: [(position: Int64, event: DerivedEvent)] = []
  private(set) var greatestTime: Timestamp?
  private(set) var lastDayTurn: Int64 = 0

  init(_ projection: String, version: Int) {
    (self.projection, rules) = (projection, Tally.Rules(version: version))
  }

  mutating func fold(_ event: Event, of batch: EventBatch, at position: Int64) {
    let before = greatestTime
    let greatest = max(before ?? event.time, event.time)
    greatestTime = greatest
    if let before {
      let (was, isNow) = (World.watermark(before), World.watermark(greatest))
      if isNow.hour > was.hour { turn(Turn(position: position, watermark: isNow, previousWatermark: was)) }
    }
    if event.type == .orgSettingsChanged {
      for key in tally.keys {
        tally[key]?.bonus += rules.bonus
        tally[key]?.position = position
      }
      return
    }
    let kind = Tally.kind(event, batch)
    if event.type == .personErased {
      seen[kind] = Seen(count: 0, position: position)
      return
    }
    let isFirst = (seen[kind]?.count ?? 0) == 0
    seen[kind, default: Seen()].count += 1
    seen[kind]?.position = position
    var row = tally[Tally.source(event, batch)] ?? Row()
    row.count += 1
    row.firsts += isFirst ? 1 : 0
    row.sum += position
    row.position = position
    tally[Tally.source(event, batch)] = row
  }

  private mutating func turn(_ turn: Turn) {
    if turn.dayTurned {
      for (key, row) in tally.sorted(by: { $0.key < $1.key }) where row.position >= lastDayTurn {
        versions.append(Version(key: key, position: turn.position, row: row))
      }
      turns.append(turn.position)
      lastDayTurn = turn.position
    }
    for (key, row) in tally.sorted(by: { $0.key < $1.key })
    where row.count - (row.announced ?? 0) >= rules.announceEvery {
      tally[key]?.announced = row.count
      tally[key]?.position = turn.position
      outbox.append((turn.position, Tally.derived(projection, key, at: turn, count: row.count)))
    }
  }
}
