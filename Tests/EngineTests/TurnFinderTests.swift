import Projections
import Randomness
import Testing

@testable import Engine
@testable import Events

@Suite("Turns of the hour")
struct TurnFinderTests {
  private static let hour = Timestamp.microsecondsPerHour
  private func events(_ times: [Int64]) -> [Event] {
    times.map {
      Event(
        type: .other, envelope: .bare, row: 0, typeName: .none, source: .none, id: .none,
        time: Timestamp(microseconds: $0),
        offset: 0, attributes: .none, unknown: .none)
    }
  }

  /// Every turn of the events, cut into batches of a size.
  private func turns(_ times: [Int64], batch: Int) -> [Turn] {
    var finder = TurnFinder(greatestTime: nil)
    var turns: [Turn] = []
    var start = 0
    while start < times.count {
      let part = events(Array(times[start..<min(start + batch, times.count)]))
      var index = 0
      while index < part.count {
        index = finder.advance(through: part, in: index..<part.count)
        guard index < part.count else { break }
        turns.append(finder.turn(with: part[index], at: Int64(start + index + 1)))
        index += 1
      }
      start += batch
    }
    return turns
  }

  @Test("the journal's first event is no turn, an event at the lag behind the hour is")
  func borders() {
    let base = 1_000 * Self.hour
    let before = base + watermarkLagMicroseconds - 1
    let found = turns([base, before, before + 1], batch: 10)
    #expect(found.map(\.position) == [3])
    #expect(found[0].watermark.microseconds == base)
    #expect(found[0].previousWatermark.microseconds == base - 1)
    #expect(found[0].hour.microseconds == base)
  }

  @Test("a jump over several hours is one turn, and late events are none")
  func jump() {
    let base = 1_000 * Self.hour + watermarkLagMicroseconds
    let found = turns([base, base + 5 * Self.hour, base + 2 * Self.hour, base + 5 * Self.hour + 1], batch: 10)
    #expect(found.map(\.position) == [2])
    #expect(found[0].hour.microseconds == 1_005 * Self.hour)
  }

  @Test("the day turns with its first hour only")
  func day() {
    let midnight = 50 * Timestamp.microsecondsPerDay + watermarkLagMicroseconds
    let found = turns([midnight - 1, midnight, midnight + Self.hour], batch: 10)
    #expect(found.map(\.dayTurned) == [true, false])
  }

  @Test("batches do not matter", arguments: [1, 2, 3, 7, 100])
  func batches(size: Int) {
    var random = SeededRandom(seed: 7)
    var time = 3_000 * Self.hour
    let times = (0..<500).map { _ in
      time += Int64(random.next() % UInt64(Self.hour / 3))
      return time - Int64(random.next() % UInt64(Self.hour))
    }
    #expect(turns(times, batch: size).map(\.position) == turns(times, batch: 1_000).map(\.position))
    #expect(turns(times, batch: 1_000).count > 50)
  }
}
