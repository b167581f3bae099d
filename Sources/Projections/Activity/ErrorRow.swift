import Events

/// Errors of a component and severity in an hour.
struct ErrorRow: CachedRow {
  var occurrences: Int64 = 0
  var position: Int64 = 0

  init(isPartial: Bool) {}

  mutating func merge(onto stored: Self) {
    occurrences += stored.occurrences
    position = max(position, stored.position)
  }
}

/// `errors`.
struct ErrorLayout: RowLayout {
  typealias Row = ErrorRow

  let names: Names

  /// `hour` counts from 1970-01-01T00:00Z.
  static func key(_ component: NameID, _ severity: ErrorSeverity, hour: Int32) -> RowKey {
    RowKey(UInt64(component.index), UInt64(UInt32(bitPattern: hour)) << 8 | UInt64(severity.rawValue))
  }

  private static func hour(_ key: RowKey) -> Int32 { Int32(bitPattern: UInt32(key.low >> 8)) }
  private static func severity(_ key: RowKey) -> ErrorSeverity {
    guard let severity = ErrorSeverity(rawValue: UInt8(truncatingIfNeeded: key.low)) else {
      preconditionFailure("errors: a key without a severity")
    }
    return severity
  }

  let statements = TableStatements(
    name: "errors",
    load: """
      SELECT c.component, c.severity, c.hour, c.occurrences, c.position
      FROM unnest($2::text[], $3::text[], $4::timestamptz[]) AS k (component, severity, hour)
      CROSS JOIN LATERAL (
        SELECT * FROM pleat.errors_current AS x
        WHERE x.generation = $1 AND x.component = k.component AND x.severity = k.severity AND x.hour = k.hour
        OFFSET 0) AS c
      """,
    copy: """
      COPY pleat.errors_current (generation, component, severity, hour, occurrences, position)
      FROM STDIN (FORMAT binary)
      """,
    createStage: "CREATE TEMP TABLE stage_errors (LIKE pleat.errors_current)",
    copyToStage: """
      COPY stage_errors (generation, component, severity, hour, occurrences, position)
      FROM STDIN (FORMAT binary)
      """,
    update: """
      UPDATE pleat.errors_current AS c
      SET occurrences = s.occurrences, position = s.position
      FROM stage_errors AS s
      WHERE c.generation = s.generation AND c.component = s.component AND c.severity = s.severity AND c.hour = s.hour
      """,
    version: """
      INSERT INTO pleat.errors (generation, component, severity, hour, occurrences, position)
      SELECT generation, component, severity, hour, occurrences, $3
      FROM pleat.errors_current
      WHERE generation = $1 AND position >= $2
      """)

  var fields: Int16 { 6 }
  var keyArrays: [ArrayParameter] { [ArrayParameter(.text), ArrayParameter(.text), ArrayParameter(.timestamptz)] }

  func append(_ key: RowKey, to arrays: inout [ArrayParameter]) {
    arrays[0].append(key.name, names)
    Self.severity(key).columnValue.withUTF8Buffer { arrays[1].append(UnsafeRawBufferPointer($0)) }
    arrays[2].append(timestamptz: Timestamp(hour: Self.hour(key)))
  }

  func read(_ reader: inout RowReader) -> (key: RowKey, row: ErrorRow) {
    let component = reader.name(names)
    let severity = ErrorSeverity(columnValue: reader.text())
    if severity == nil { FoldFault.note("errors: a stored row has a severity that there is not") }
    let hour = reader.timestamptz()?.hour ?? 0
    var row = ErrorRow(isPartial: false)
    row.occurrences = reader.count()
    row.position = reader.count()
    return (Self.key(component, severity ?? .info, hour: hour), row)
  }

  func write(_ key: RowKey, _ row: ErrorRow, to writer: inout RowWriter) {
    writer.name(key.name, names)
    Self.severity(key).columnValue.withUTF8Buffer { writer.raw(UnsafeRawBufferPointer($0)) }
    writer.timestamptz(Timestamp(hour: Self.hour(key)))
    writer.bigint(row.occurrences)
    writer.bigint(row.position)
  }

  func precedes(_ a: RowKey, _ b: RowKey) -> Bool {
    let order = names.compare(a.name, b.name)
    if order != 0 { return order < 0 }
    let (x, y) = (Self.severity(a).columnOrder, Self.severity(b).columnOrder)
    return x == y ? Self.hour(a) < Self.hour(b) : x < y
  }
}

/// How the column `severity` writes a severity: as the events do.
extension ErrorSeverity {
  fileprivate var columnValue: StaticString {
    switch self {
    case .info: "info"
    case .warning: "warning"
    case .error: "error"
    case .critical: "critical"
    }
  }

  fileprivate init?(columnValue: String?) {
    switch columnValue {
    case "info": self = .info
    case "warning": self = .warning
    case "error": self = .error
    case "critical": self = .critical
    default: return nil
    }
  }

  /// By the bytes of `columnValue`.
  fileprivate var columnOrder: Int {
    switch self {
    case .critical: 0
    case .error: 1
    case .info: 2
    case .warning: 3
    }
  }
}
