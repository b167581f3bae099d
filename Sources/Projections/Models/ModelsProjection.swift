package import Events

/// What was asked of which model, how fast and how well it answered, at what cost.
///
/// Calls belong to no project and always count, so each event only adds to two rows, and no stored row is ever needed first.
package struct ModelsProjection: Projection {
  package static let name = "models"
  package static let version = 1

  private let names = Names()
  private let metrics: RowCache<ModelMetricsLayout>
  private let days: RowCache<ModelDaysLayout>

  package init() {
    metrics = RowCache(ModelMetricsLayout(names: names))
    days = RowCache(ModelDaysLayout(names: names))
  }

  package var tables: [any Table] { [metrics, days] }
  package var tablesOfRules: [any Table] { [days] }
  package var tablesOfFolding: [any Table] { [] }

  package mutating func wantRows(for events: Range<Int>, of batch: EventBatch, round: Int) -> Bool { false }

  package mutating func fold(_ events: Range<Int>, of batch: EventBatch, firstPosition: Int64) {
    for index in events {
      let event = batch.events[index]
      if event.type != .modelRouted { continue }
      let call = batch.modelsRouted[Int(event.row)]
      let position = firstPosition + Int64(index)
      let model = batch.strings.withBytes(call.model) { names.intern($0) }
      let task = batch.strings.withBytes(call.taskType) { names.intern($0) }
      metrics.update(ModelMetricsLayout.key(model, task, call.complexity, hour: event.time.hour)) {
        $0.add(call, position: position)
      }
      days.update(ModelDaysLayout.key(model, task, day: event.time.day)) { $0.add(call, position: position) }
    }
  }

  package func fansOut(_ index: Int, of batch: EventBatch) -> Bool { false }

  package mutating func fanOut(_ index: Int, of batch: EventBatch, position: Int64, store: any RowStream) throws -> Bool
  {
    preconditionFailure("no event of the models fans out")
  }

  package mutating func runRules(at turn: Turn, store: any RowStream) throws -> [DerivedEvent] {
    try ModelPerformanceRule(names: names, days: days).run(at: turn, store)
  }

  package var nameBytes: Int { names.byteCount }

  /// A quarter of the memory is for names, the rest for rows.
  @discardableResult
  package mutating func evict(keeping bytes: Int) -> Bool {
    let dropsAll = names.byteCount > bytes / 4
    if dropsAll {
      metrics.removeAll()
      days.removeAll()
      names.removeAll()
    }
    Projections.evict([metrics, days], keeping: bytes - bytes / 4)
    return dropsAll
  }
}
