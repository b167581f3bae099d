package import Events
package import Postgres
import Projections

/// A record that was refused.
package struct StoredDeadLetter: Sendable {
  package var id: Int64
  package var topic: String
  package var partition: Int32
  package var offset: Int64
  package var reason: String
  package var path: String?
  package var at: Timestamp?

  package init(
    id: Int64, topic: String, partition: Int32, offset: Int64, reason: String, path: String?, at: Timestamp?
  ) {
    (self.id, self.topic, self.partition, self.offset) = (id, topic, partition, offset)
    (self.reason, self.path, self.at) = (reason, path, at)
  }
}

/// What a refused record held.
package struct DeadLetterContent: Sendable {
  package var letter: StoredDeadLetter
  package var key: [UInt8]?
  /// nil for a record without a value.
  package var value: [UInt8]?
  package var headers: [(name: [UInt8], value: [UInt8]?)]

  package init(
    letter: StoredDeadLetter, key: [UInt8]?, value: [UInt8]?, headers: [(name: [UInt8], value: [UInt8]?)]
  ) {
    (self.letter, self.key, self.value, self.headers) = (letter, key, value, headers)
  }
}

package enum DeadLetters {
  private static let list = """
    SELECT id, topic, partition, record_offset, reason, path, at FROM pleat.dead_letters
    WHERE ($1::text IS NULL OR topic = $1) AND ($2::text IS NULL OR reason = $2) AND id > $3
    ORDER BY id LIMIT $4
    """

  private static let show = """
    SELECT id, topic, partition, record_offset, reason, path, at, key, value
    FROM pleat.dead_letters WHERE id = $1
    """

  private static let headers = """
    SELECT h.name, h.value
    FROM pleat.dead_letters d, unnest(d.header_names, d.header_values) WITH ORDINALITY AS h (name, value, place)
    WHERE d.id = $1 ORDER BY h.place
    """

  /// Read at once, so that no snapshot stays open while somebody reads the output.
  private static let pageSize: Int64 = 1_000

  /// Those of a topic and with a reason, where they are given, in the order in which they were refused.
  package static func list(
    _ connection: Connection, topic: String?, reason: String?, limit: Int64,
    _ body: (StoredDeadLetter) throws(CommandFailure) -> Void
  ) throws(CommandFailure) {
    var last: Int64 = 0
    var left = limit
    while left > 0 {
      let wanted = min(left, pageSize)
      let page: [StoredDeadLetter]
      do throws(PostgresError) {
        page = try connection.query(
          list, [.text(topic), .text(reason), .bigint(last), .bigint(wanted)]
        ).map { row in letter(&row) }
      } catch {
        throw CommandFailure(error)
      }
      for letter in page { try body(letter) }
      guard let newest = page.last, page.count == wanted else { return }
      last = newest.id
      left -= wanted
    }
  }

  /// nil if there is no such letter.
  package static func show(_ connection: Connection, id: Int64) throws(CommandFailure) -> DeadLetterContent? {
    do throws(PostgresError) {
      let found = try connection.query(show, [.bigint(id)]).map { row in
        DeadLetterContent(letter: letter(&row), key: row.bytea(), value: row.bytea(), headers: [])
      }
      guard var content = found.first else { return nil }
      content.headers = try connection.query(headers, [.bigint(id)]).map { row in (row.bytea() ?? [], row.bytea()) }
      return content
    } catch {
      throw CommandFailure(error)
    }
  }

  private static func letter(_ row: inout RowReader) -> StoredDeadLetter {
    StoredDeadLetter(
      id: row.bigint() ?? 0, topic: row.text() ?? "", partition: row.int() ?? 0, offset: row.bigint() ?? 0,
      reason: row.text() ?? "", path: row.text(), at: row.timestamptz())
  }
}

extension StoredDeadLetter {
  package var json: JSONValue { .object(members) }

  fileprivate var members: [JSONValue.Member] {
    [
      .init(name: "id", value: .integer(id)), .init(name: "topic", value: .string(topic)),
      .init(name: "partition", value: .integer(Int64(partition))), .init(name: "offset", value: .integer(offset)),
      .init(name: "reason", value: .string(reason)), .init(name: "path", value: .optional(path)),
      .init(name: "at", value: .time(at)),
    ]
  }
}

extension DeadLetterContent {
  /// The letter's members, `value_base64` (null for a record without a value), and `headers` in their order, each with `name`
  /// and `name_base64`, `value` (null where it is not UTF-8, or there is none) and `value_base64`.
  package var json: JSONValue {
    let headers = headers.map { header in
      JSONValue.object([
        "name": .string(String(decoding: header.name, as: UTF8.self)),
        "name_base64": .string(base64(header.name)),
        "value": .optional(header.value.flatMap { String(validating: $0, as: UTF8.self) }),
        "value_base64": .optional(header.value.map(base64)),
      ])
    }
    return .object(
      letter.members + [
        .init(name: "value_base64", value: .optional(value.map(base64))),
        .init(name: "headers", value: .array(headers)),
      ])
  }

  package var text: String {
    var text = "\(letter.topic)/\(letter.partition) at offset \(letter.offset), refused \(letter.at?.rfc3339 ?? ""): "
    text += letter.reason + (letter.path.map { " at \($0)" } ?? "") + "\n"
    for header in headers {
      text += "header \(Self.shown(header.name)): \(header.value.map(Self.shown) ?? "(none)")\n"
    }
    text += "key: \(key.map(Self.shown) ?? "(none)")\n"
    return text + "value: \(value.map(Self.shown) ?? "(none)")\n"
  }

  /// Text as it is, other bytes as base64; control characters could write over the terminal.
  private static func shown(_ bytes: [UInt8]) -> String {
    let text = String(validating: bytes, as: UTF8.self)
    if let text, !text.hasControlCharacters { return text }
    return "base64 \(base64(bytes))"
  }
}
