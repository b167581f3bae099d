package import Engine
import Events
package import Projections

extension PostgresProjectionStore {
  package func begin(_ cursor: ProjectionCursor, to place: ProjectionPlace, state: ProjectionState) throws(StoreError) {
    // Not written again in the background, where loads read it meanwhile.
    if generation != cursor.generation { generation = cursor.generation }
    let move: (sql: String, values: [SQLValue]) = (
      "SELECT pleat.move_projection($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
      [
        .text(projection), .int(cursor.generation), .bigint(cursor.epoch), .bigint(cursor.place.position),
        .bytea(cursor.place.chain), .bigint(place.position), .bytea(place.chain),
        .timestamptz(place.greatestTime), .bigint(place.lastDayTurn), .text(state.rawValue),
      ]
    )
    if isOpen {
      try store.useTransaction { (connection) throws(PostgresError) in _ = try connection.query(move.sql, move.values) }
    } else {
      try store.use { (connection) throws(PostgresError) in _ = try connection.pipeline([("BEGIN", []), move]) }
      isOpen = true
    }
  }

  package func write(_ changes: [TableChanges]) throws(StoreError) { try store.write(changes) }

  package func makeVersions(_ tables: [TableStatements], at turn: Turn, since lastTurn: Int64) throws(StoreError) {
    var statements: [(sql: String, values: [SQLValue])] = tables.compactMap(\.version).map {
      ($0, [.int(generation), .bigint(lastTurn), .bigint(turn.position)])
    }
    statements.append(
      (
        "SELECT pleat.add_turn($1, $2, $3, $4)",
        [.text(projection), .int(generation), .bigint(turn.position), .timestamptz(turn.watermark)]
      ))
    try store.useTransaction { (connection) throws(PostgresError) in
      _ = try connection.pipeline(statements, seconds: Connection.wholeTableSeconds)
    }
  }

  package func appendOutbox(_ events: [DerivedEvent], at position: Int64, chain: [UInt8]) throws(StoreError) {
    var ordinals = ArrayBuilder(.integer)
    var topics = ArrayBuilder(.integer)
    var subjects = ArrayBuilder(.text)
    var ids = ArrayBuilder(.text)
    var asOf = ArrayBuilder(.timestamptz)
    var json = ArrayBuilder(.text)
    for (ordinal, event) in events.enumerated() {
      ordinals.append(int: Int32(ordinal))
      topics.append(int: Int32(event.topic.rawValue))
      subjects.append(text: event.subject)
      ids.append(text: event.id)
      asOf.append(timestamptz: event.asOf)
      json.append(text: event.json)
    }
    let values: [SQLValue] = [
      .text(projection), .bigint(position), .bytea(chain), .array(ordinals), .array(topics), .array(subjects),
      .array(ids), .array(asOf), .array(json),
    ]
    try store.useTransaction { (connection) throws(PostgresError) in
      _ = try connection.query(
        """
        INSERT INTO pleat.outbox (projection, position, ordinal, chain, topic, subject, id, as_of, json)
        SELECT $1, $2, e.ordinal, $3, e.topic, e.subject, e.id, e.as_of, e.json
        FROM unnest($4, $5, $6, $7, $8, $9) AS e (ordinal, topic, subject, id, as_of, json)
        """, values)
    }
  }

  package func commit() throws(StoreError) {
    isOpen = false
    try store.commit()
  }

  package func rows(_ sql: String, _ parameters: [Parameter], _ body: (inout RowReader) throws -> Void) throws {
    try store.stream(sql, [.int(generation)] + parameters.map { SQLValue($0) }, body)
  }

  /// The store holds no changed rows of its own: who streams through the engine has them written by it.
  package func flush() {}
}
