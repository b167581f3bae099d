import Engine
import Events
import Projections

/// A projection's side of the simulated database: rows as `COPY` has them.
final class SimulatedProjectionStore: ProjectionStore {
  private let world: World
  private let process: Process
  let projection: String
  let version: Int
  let writer: Connection
  private let reader: Connection
  var generation: Int32 = 0
  private var underWay: Job<Void>?
  /// A transaction is open.
  private var isOpen = false
  /// One on which nothing is under way.
  var idle: Connection { underWay != nil || isOpen ? reader : writer }
  var onDone: (() -> Void)?

  /// - Parameter role: what it is for, in names.
  init(_ world: World, _ process: Process, _ projection: String, version: Int, role: String = "") {
    (self.world, self.process, self.projection, self.version) = (world, process, projection, version)
    writer = Connection(world, process, projection + role)
    reader = Connection(world, process, "\(projection)\(role) reader")
  }

  func takeOver(instance: InstanceID) throws(StoreError) -> ProjectionCursor {
    settle()
    isOpen = false
    let cursor = try writer.call("takeover of \(projection)") { [projection, version] session throws(StoreError) in
      try session.takeOverProjection(projection, instance, version: version)
    }
    generation = cursor.generation
    return cursor
  }

  func segments(after position: Int64, bytes: Int) throws(StoreError) -> [StoredSegment] {
    // Few at once, so that worlds stay small.
    let limit = 4
    return try idle.call("segments") { session throws(StoreError) in
      let journal = session.state.journal
      return journal[(journal.index(holding: position + 1) ?? 0)...].lazy
        .filter { $0.lastPosition > position }.prefix(limit).map {
          StoredSegment(
            firstPosition: $0.firstPosition, count: $0.draft.count, partition: $0.draft.partition,
            payload: $0.draft.payload, identities: $0.draft.identities, previousChain: $0.previousChain, chain: $0.chain
          )
        }
    }
  }

  private func key(_ statements: TableStatements) -> TableKey {
    TableKey(projection: projection, generation: generation, table: statements.name)
  }

  func load(_ statements: TableStatements, keys: KeyColumns, _ body: (inout RowReader) -> Void) throws(StoreError) {
    let table = key(statements)
    let wanted = StoredRow.keys(keys)
    let found = try (underWay == nil ? writer : reader).call("load") { session throws(StoreError) in
      wanted.compactMap { session.row(table, $0) }
    }
    for row in found { StoredRow.read(row, body) }
  }

  func rows(_ sql: String, _ parameters: [Parameter], _ body: (inout RowReader) throws -> Void) throws {
    let table = TableKey(projection: projection, generation: generation, table: sql)
    let found = try writer.call("rows", needsSession: true) { session throws(StoreError) in session.rows(table) }
    for (_, row) in found {
      try row.withUnsafeBytes {
        var reader = RowReader($0)
        try body(&reader)
      }
    }
  }
  func flush() {}

  // MARK: Transactions

  func begin(_ cursor: ProjectionCursor, to place: ProjectionPlace, state: ProjectionState) throws(StoreError) {
    generation = cursor.generation
    try Self.begin(writer, projection, cursor, to: place, state: state, isOpen: isOpen)
    isOpen = true
  }

  private static func begin(
    _ writer: Connection, _ projection: String, _ cursor: ProjectionCursor, to place: ProjectionPlace,
    state: ProjectionState, isOpen: Bool
  ) throws(StoreError) {
    try writer.call("begin", needsSession: isOpen) { session throws(StoreError) in
      session.begin()
      try session.moveProjection(projection, cursor, to: place, state)
      try session.linger()
    }
  }

  func write(_ changes: [TableChanges]) throws(StoreError) {
    try Self.write(writer, changes.map { (key($0.statements), $0) })
  }

  private static func write(_ writer: Connection, _ changes: [(TableKey, TableChanges)]) throws(StoreError) {
    if changes.isEmpty { return }
    try writer.call("write", needsSession: true) { session throws(StoreError) in
      for (table, change) in changes {
        try session.put(table, StoredRow.rows(of: change.inserts), replacing: false)
        try session.put(table, StoredRow.rows(of: change.updates), replacing: true)
      }
    }
  }

  func makeVersions(_ tables: [TableStatements], at turn: Turn, since lastTurn: Int64) throws(StoreError) {
    let keys = tables.filter { $0.version != nil }.map(key)
    try writer.call("versions", needsSession: true) { [projection, generation] session throws(StoreError) in
      for table in keys { session.makeVersions(table, at: turn.position, since: lastTurn) }
      try session.addTurn(projection, generation, at: turn.position)
    }
  }

  func appendOutbox(_ events: [DerivedEvent], at position: Int64, chain: [UInt8]) throws(StoreError) {
    let isInside = world.holds(.outboxInTransaction)
    try (isInside ? writer : reader).call("outbox", needsSession: isInside) { [projection] session throws(StoreError) in
      try session.addOutbox(projection, events, at: position, chain: chain)
    }
  }

  func commit() throws(StoreError) {
    isOpen = false
    try Self.commit(writer, world)
  }

  private static func commit(_ writer: Connection, _ world: World) throws(StoreError) {
    try writer.call("commit", needsSession: true) { session throws(StoreError) in
      try session.linger()
      try world.refuseWrites(false)
      session.commit()
    }
  }

  func startFlush(
    _ cursor: ProjectionCursor, to place: ProjectionPlace, state: ProjectionState, _ changes: [TableChanges]
  ) throws(StoreError) {
    try writer.requireProcess()
    generation = cursor.generation
    let keyed = changes.map { (key($0.statements), $0) }
    let wasOpen = isOpen
    isOpen = false
    inBackground { [writer, projection, world] () throws(StoreError) in
      try Self.begin(writer, projection, cursor, to: place, state: state, isOpen: wasOpen)
      try Self.write(writer, keyed)
      try Self.commit(writer, world)
    }
  }

  func startWrite(_ changes: [TableChanges]) throws(StoreError) {
    try writer.requireProcess()
    let keyed = changes.map { (key($0.statements), $0) }
    inBackground { [writer] () throws(StoreError) in try Self.write(writer, keyed) }
  }

  private func inBackground(_ body: @escaping () throws(StoreError) -> Void) {
    let job = Job(world, "\(process.name)/\(projection) flush", process) { [writer] () throws(StoreError) in
      do throws(StoreError) {
        try body()
      } catch {
        writer.reset()
        throw error
      }
    }
    job.onDone = onDone
    underWay = job
  }

  func flushIsDone() -> Bool { underWay?.isDone ?? true }

  func finishFlush() throws(StoreError) {
    guard let job = underWay else { throw .refused("no flush is under way") }
    defer { underWay = nil }
    try job.wait(process)
  }

  func noteState(_ state: ProjectionState, reason: String?) throws(StoreError) { settle() }

  func reset() {
    isOpen = false
    settle()
    writer.reset()
    reader.reset()
  }

  private func settle() {
    guard let job = underWay else { return }
    writer.reset()
    job.settle(process)
    underWay = nil
  }
}

/// Rows in PostgreSQL's binary form, as far as the simulated database looks into them: the first column behind `generation` is
/// the key, the last the position, both `bigint`.
enum StoredRow {
  private static func integer<T: FixedWidthInteger>(_ bytes: [UInt8], _ at: Int, _: T.Type) -> T {
    bytes.withUnsafeBytes { T(bigEndian: $0.loadUnaligned(fromByteOffset: at, as: T.self)) }
  }

  static func key(of row: [UInt8]) -> Int64 { integer(row, 4, Int64.self) }
  static func position(of row: [UInt8]) -> Int64 { integer(row, row.count - 8, Int64.self) }

  /// The keys of a load: arrays of `bigint`.
  static func keys(_ columns: KeyColumns) -> [Int64] {
    let array = columns.arrays[0]
    return (0..<array.count).map { integer(array.bytes, $0 * 12 + 4, Int64.self) }
  }

  /// Each row behind its field count and its generation.
  static func rows(of writer: RowWriter) -> [(key: Int64, row: [UInt8])] {
    let bytes = writer.bytes
    var rows: [(key: Int64, row: [UInt8])] = []
    var at = 0
    for _ in 0..<writer.count {
      let fields = Int(integer(bytes, at, Int16.self))
      // The field count, and the generation's length and value.
      at += 10
      let start = at
      for _ in 1..<fields { at += 4 + max(Int(integer(bytes, at, Int32.self)), 0) }
      let row = Array(bytes[start..<at])
      rows.append((key(of: row), row))
    }
    return rows
  }

  static func read(_ row: [UInt8], _ body: (inout RowReader) -> Void) {
    row.withUnsafeBytes {
      var reader = RowReader($0)
      body(&reader)
    }
  }
}
