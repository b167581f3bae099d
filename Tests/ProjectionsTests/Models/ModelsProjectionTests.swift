import Events
import Randomness
import Testing

@testable import Projections

private let hour = Timestamp.microsecondsPerHour

@Suite("The projection of models")
struct ModelsProjectionTests {
  private func store(_ projection: ModelsProjection) -> ModelsStore {
    for table in projection.tables { table.assumeEmpty() }
    return ModelsStore(projection.tables)
  }

  @Test("a call adds to its hour and its day, and other events to nothing")
  func rows() {
    var projection = ModelsProjection()
    let store = store(projection)
    let calls = [
      ModelCall(model: "m", time: 25 * hour - 1, response: 1500, tokens: 7, cost: 3, quality: 900_000, fallback: true),
      ModelCall(model: nil, time: 24 * hour),
      ModelCall(model: "m", complexity: .veryHigh, time: 24 * hour, response: 100, fallback: false),
      ModelCall(model: "m", time: 24 * hour, response: 1500, tokens: 1_000_000_000_000, cost: 1_000_000_000_000_000),
    ]
    let batch = EventBatch(calls: calls)
    projection.fold(0..<4, of: batch, firstPosition: 11)
    store.flush()

    let metrics = store.rows(of: "model_metrics")
    #expect(metrics.map { $0.text(0) } == ["m", "m"])
    #expect(metrics.map { $0.text(1) } == ["task", "task"])
    #expect(metrics.map { $0.text(2) } == ["simple", "very_high"])
    #expect(metrics.map { $0.time(3) } == [24 * hour, 24 * hour])
    #expect(ModelValues(metrics[0], keyColumns: 4) == ModelValues([(calls[0], 11), (calls[3], 14)]))
    #expect(ModelValues(metrics[1], keyColumns: 4) == ModelValues([(calls[2], 13)]))

    let days = store.rows(of: "model_days")
    #expect(days.map { $0.text(0) } == ["m"])
    #expect(days.map { $0.text(1) } == ["task"])
    #expect(days.map { $0.day(2) } == [1])
    #expect(ModelValues(days[0], keyColumns: 7) == ModelValues([(calls[0], 11), (calls[2], 13), (calls[3], 14)]))
  }

  @Test("sums beyond 64 bits are exact")
  func wideSums() {
    var projection = ModelsProjection()
    let store = store(projection)
    let call = ModelCall(
      model: "m", response: 1_000_000_000_000, tokens: 1_000_000_000_000, cost: 1_000_000_000_000_000,
      quality: 1_000_000)
    let batch = EventBatch(calls: Array(repeating: call, count: 20_000))
    projection.fold(0..<batch.count, of: batch, firstPosition: 1)
    store.flush()
    let values = store.rows(of: "model_days").map { ModelValues($0, keyColumns: 7) }
    #expect(values.map(\.cost) == [20_000_000_000_000_000_000])
    #expect(values.map(\.response) == [20_000_000_000_000_000])
    #expect(values.map(\.quality) == [20_000_000_000])
  }

  /// What memory forgot comes back as partial rows.
  @Test("the rows are the same whatever the borders, the flushes and what memory forgets", arguments: 0..<30)
  func anyBorders(seed: UInt64) {
    var random = SeededRandom(seed: seed)
    let calls = (0..<400).map { _ in ModelCall.random(&random) }

    var projection = ModelsProjection()
    let store = store(projection)
    var first = 0
    while first < calls.count {
      let batch = EventBatch(calls: calls[first..<min(first + 1 + random.below(40), calls.count)])
      let middle = random.below(batch.count + 1)
      for range in [0..<middle, middle..<batch.count] {
        projection.fold(range, of: batch, firstPosition: Int64(first + 1))
        if !random.chance(40) { continue }
        store.flush()
        store.floor = Int64(first + range.upperBound + 1)
        if random.chance(50) { projection.evict(keeping: random.below(4000)) }
      }
      first += batch.count
    }
    store.flush()

    let routed = calls.enumerated().filter { $0.element.model != nil }
      .map { (call: $0.element, position: Int64($0.offset + 1)) }
    let byHour = Dictionary(grouping: routed) {
      [$0.call.model ?? "", $0.call.task, $0.call.level, String($0.call.time / hour)]
    }
    let metrics = store.rows(of: "model_metrics")
    #expect(metrics.count == byHour.count)
    for row in metrics {
      let key = [row.text(0) ?? "", row.text(1) ?? "", row.text(2) ?? "", String((row.time(3) ?? -1) / hour)]
      #expect(ModelValues(row, keyColumns: 4) == byHour[key].map { ModelValues($0) }, "\(key), seed \(seed)")
    }
    let byDay = Dictionary(grouping: routed) {
      [$0.call.model ?? "", $0.call.task, String($0.call.time / (24 * hour))]
    }
    let days = store.rows(of: "model_days")
    #expect(days.count == byDay.count)
    for row in days {
      let key = [row.text(0) ?? "", row.text(1) ?? "", String(row.day(2))]
      #expect(ModelValues(row, keyColumns: 7) == byDay[key].map { ModelValues($0) }, "\(key), seed \(seed)")
    }
  }

  @Test("what the rule of a day needs stands in the day's row")
  func squares() {
    var projection = ModelsProjection()
    let store = store(projection)
    let batch = EventBatch(calls: [
      ModelCall(model: "m", response: 3, cost: 5, quality: 7), ModelCall(model: "m", response: 10, cost: 20),
    ])
    projection.fold(0..<2, of: batch, firstPosition: 1)
    store.flush()
    let rows = store.rows(of: "model_days")
    #expect(rows.map { row in (3...5).map { row.wideInteger($0) } } == [[109, 425, 49]])
    #expect(rows.map { $0.integer(6) } == [0])
  }

  @Test("a day whose mean moved is announced at the next turn, once, and remembered by its row")
  func announced() throws {
    var projection = ModelsProjection()
    let store = store(projection)
    var calls: [ModelCall] = []
    for day in 0..<9 {
      for _ in 0..<100 {
        calls.append(ModelCall(model: "m", time: Int64(day) * 24 * hour, response: day < 8 ? 1000 : 2000))
      }
    }
    let batch = EventBatch(calls: calls)
    projection.fold(0..<900, of: batch, firstPosition: 1)
    func turn(_ day: Int, _ position: Int64) throws -> [String] {
      store.flush()
      let time = Timestamp(microseconds: Int64(day * 24) * hour)
      let turn = Turn(
        position: position, watermark: Timestamp(microseconds: time.microseconds + hour), previousWatermark: time)
      return try projection.runRules(at: turn, store: store).map(\.subject)
    }
    #expect(try turn(7, 901) == [])
    #expect(try turn(8, 901) == [#"model/["m","task"]"#])
    #expect(try turn(8, 902) == [])
    #expect(store.rows(of: "model_days").map { $0.integer(6) } == [0, 0, 0, 0, 0, 0, 0, 0, 1])
  }

  @Test("no row is wanted, and no event fans out")
  func quiet() {
    var projection = ModelsProjection()
    let batch = EventBatch(calls: [ModelCall(model: "m")])
    #expect(!projection.fansOut(0, of: batch))
    let wants = projection.wantRows(for: 0..<1, of: batch, round: 0)
    #expect(!wants)
  }
}
