import Engine
import Projections

/// What was written to a stage since it was last truncated.
struct StageContent {
  private var rows = 0
  private var bytes = 0

  /// Deleted rows stay in the stage's pages, and are read again and again: beyond so much it is truncated, which costs more than a few
  /// deletes.
  var isFull: Bool { rows > 5_000 || bytes > 1 << 20 }

  mutating func add(_ writer: RowWriter) {
    rows += writer.count
    bytes += writer.byteCount
  }
}

extension StoreConnection {
  /// Writes changed rows in the open transaction: new ones are copied; those that replace one are copied into the table's stage, and
  /// come from there with the others of all tables.
  func write(_ changes: [TableChanges]) throws(StoreError) {
    try dropOldStages()
    var updates: [TableChanges] = []
    for change in changes {
      if change.inserts.count > 0 {
        try useTransaction { (connection) throws(PostgresError) in
          try connection.copyIn(change.statements.copy, change.inserts)
        }
      }
      guard change.updates.count > 0 else { continue }
      try prepareStage(change.statements)
      try useTransaction { (connection) throws(PostgresError) in
        try connection.copyIn(change.statements.copyToStage, change.updates)
      }
      stages[change.statements.name]?.add(change.updates)
      updates.append(change)
    }
    if updates.isEmpty { return }
    // Truncating every stage at every commit, as `ON COMMIT` would, costs milliseconds a flush.
    let results = try useTransaction { (connection) throws(PostgresError) in
      try connection.pipeline(
        updates.flatMap { [($0.statements.update, []), ($0.statements.emptyStage, [])] },
        seconds: Connection.wholeTableSeconds)
    }
    for (index, change) in updates.enumerated() where results[2 * index].affectedRows != change.updates.count {
      let affected = results[2 * index].affectedRows
      reset()
      throw .refused("\(affected) of \(change.updates.count) changed rows are in \(change.statements.name)_current")
    }
  }

  /// Nobody freezes another session's temporary tables: those of one that lives for months would stop the whole server, which gives out
  /// transaction numbers only so far ahead of the oldest table. Statements over them are planned anew by themselves.
  func dropOldStages() throws(StoreError) {
    let now = Deadline.now
    if stages.isEmpty { stagesMadeAt = now }
    guard now - stagesMadeAt >= stageMilliseconds else { return }
    let names = stages.keys.sorted().map { "pg_temp.stage_\($0)" }.joined(separator: ", ")
    try use { (connection) throws(PostgresError) in try connection.execute("DROP TABLE \(names)") }
    stages = [:]
    stagesMadeAt = now
  }

  /// Has a stage there, which is empty.
  private func prepareStage(_ statements: TableStatements) throws(StoreError) {
    guard let content = stages[statements.name] else {
      try useTransaction { (connection) throws(PostgresError) in try connection.execute(statements.createStage) }
      stages[statements.name] = StageContent()
      return
    }
    guard content.isFull else { return }
    try useTransaction { (connection) throws(PostgresError) in try connection.execute(statements.truncateStage) }
    stages[statements.name] = StageContent()
  }
}
