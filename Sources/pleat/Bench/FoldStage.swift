import Engine
import Events
import Projections
import Service

/// A projection's fold of the workload: rows that all stay in memory, and become what `COPY` takes at the end. No hour turns, and what
/// fans out is left out: both would read what is stored.
struct FoldStage {
  static let rounds = 3

  private let entry: ProjectionRegistry.Entry
  private let catalog: TechnologyCatalog
  private let batches: [EventBatch]

  init(_ entry: ProjectionRegistry.Entry, _ catalog: TechnologyCatalog, _ batches: [EventBatch]) {
    (self.entry, self.catalog, self.batches) = (entry, catalog, batches)
  }

  func run() throws(CommandFailure) {
    var projection = entry.make(catalog, CodecStages.key)
    for table in projection.tables { table.assumeEmpty() }
    var position: Int64 = 1
    for batch in batches {
      var next = 0
      while next < batch.count {
        let end = (next..<batch.count).first { projection.fansOut($0, of: batch) } ?? batch.count
        if end > next { try fold(next..<end, of: batch, firstPosition: position, &projection) }
        next = end + 1
      }
      position += Int64(batch.count)
    }
    for table in projection.tables where table.dirtyCount > 0 {
      while let keys = table.takePartialKeys() { load(keys, table) }
      var (inserts, updates) = (RowWriter(), RowWriter())
      table.writeChanges(generation: 1, inserts: &inserts, updates: &updates)
    }
    if let fault = FoldFault.take() { throw CommandFailure(.failure, "the fold of \(entry.name) failed: \(fault).") }
  }

  private func fold(
    _ range: Range<Int>, of batch: EventBatch, firstPosition: Int64, _ projection: inout any Projection
  ) throws(CommandFailure) {
    var round = 0
    while projection.wantRows(for: range, of: batch, round: round) {
      for table in projection.tables { while let keys = table.takeWantedKeys() { load(keys, table) } }
      round += 1
      if round == tooManyWantingRounds { throw CommandFailure(.failure, "\(entry.name) asks for rows without end.") }
    }
    projection.fold(range, of: batch, firstPosition: firstPosition)
  }

  /// Nothing is stored.
  private func load(_ keys: KeyColumns, _ table: any Table) { table.settle() }
}
