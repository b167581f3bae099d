import Engine
import Events
import Postgres
import Projections

/// A table like `team_technologies`, of a projection `p`.
enum Sample {
  static let create = """
    SET ROLE pleat_owner;
    CREATE TABLE pleat.sample_current (
      generation integer NOT NULL, team_id text COLLATE "C" NOT NULL, technology text COLLATE "C" NOT NULL,
      usage_count bigint NOT NULL, successes bigint NOT NULL, failures bigint NOT NULL, position bigint NOT NULL,
      PRIMARY KEY (generation, team_id, technology)) WITH (fillfactor = 80);
    CREATE TABLE pleat.sample (
      generation integer NOT NULL, team_id text COLLATE "C" NOT NULL, technology text COLLATE "C" NOT NULL,
      usage_count bigint NOT NULL, successes bigint NOT NULL, failures bigint NOT NULL, position bigint NOT NULL,
      PRIMARY KEY (generation, team_id, technology, position));
    GRANT SELECT, INSERT ON pleat.sample TO pleat_writer;
    GRANT SELECT, INSERT, UPDATE ON pleat.sample_current TO pleat_writer;
    """

  static let statements = TableStatements(
    name: "sample",
    load: """
      SELECT c.team_id, c.technology, c.usage_count, c.successes, c.failures, c.position
      FROM unnest($2, $3) AS k (team_id, technology)
        JOIN pleat.sample_current c ON c.generation = $1 AND c.team_id = k.team_id AND c.technology = k.technology
      """,
    copy: "COPY pleat.sample_current FROM STDIN (FORMAT binary)",
    createStage: "CREATE TEMP TABLE stage_sample (LIKE pleat.sample_current)",
    copyToStage: "COPY stage_sample FROM STDIN (FORMAT binary)",
    update: """
      UPDATE pleat.sample_current c
      SET usage_count = s.usage_count, successes = s.successes, failures = s.failures, position = s.position
      FROM stage_sample s
      WHERE c.generation = s.generation AND c.team_id = s.team_id AND c.technology = s.technology
      """,
    version: """
      INSERT INTO pleat.sample
      SELECT generation, team_id, technology, usage_count, successes, failures, $3
      FROM pleat.sample_current WHERE generation = $1 AND position >= $2
      """)

  struct Row: Hashable {
    var team: String
    var technology: String
    var usage: Int64
    var position: Int64
  }

  static func write(_ rows: [Row]) -> RowWriter {
    var writer = RowWriter()
    for row in rows {
      writer.beginRow(fields: 7)
      writer.int(1)
      writer.text(row.team)
      writer.text(row.technology)
      writer.bigint(row.usage)
      writer.bigint(1)
      writer.bigint(2)
      writer.bigint(row.position)
    }
    return writer
  }

  static func changes(inserts: [Row] = [], updates: [Row] = []) -> TableChanges {
    TableChanges(statements: statements, inserts: write(inserts), updates: write(updates))
  }

  static func keys(_ rows: [Row]) -> KeyColumns {
    var teams = ArrayParameter(.text)
    var technologies = ArrayParameter(.text)
    for row in rows {
      append(row.team, to: &teams)
      append(row.technology, to: &technologies)
    }
    return KeyColumns(count: rows.count, arrays: [teams, technologies])
  }

  private static func append(_ text: String, to array: inout ArrayParameter) {
    withUnsafeBytes(of: Int32(text.utf8.count).bigEndian) { array.bytes.append(contentsOf: $0) }
    array.bytes.append(contentsOf: text.utf8)
    array.count += 1
  }

  static func read(_ row: inout RowReader) -> Row {
    let team = row.text() ?? ""
    let technology = row.text() ?? ""
    let usage = row.bigint() ?? 0
    _ = row.bigint()
    _ = row.bigint()
    return Row(team: team, technology: technology, usage: usage, position: row.bigint() ?? 0)
  }
}

extension TestDatabase {
  func makeSample() throws { try connect().execute(Sample.create) }

  func projection() throws -> PostgresProjectionStore {
    PostgresProjectionStore(try target(), projection: "p", foldVersion: 1, catalogVersion: 1)
  }

  func sampleRows() throws -> [Sample.Row] {
    try connect().query(
      """
      SELECT team_id, technology, usage_count, successes, failures, position FROM pleat.sample_current
      ORDER BY team_id, technology
      """
    ).map { Sample.read(&$0) }
  }
}
