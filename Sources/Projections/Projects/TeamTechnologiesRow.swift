import Events

/// The technologies of a team's projects, each with its counts: all of them in one row, which a team's project changes once and
/// not for each of its technologies.
struct TeamTechnologiesRow: CachedRow {
  struct Entry: Equatable {
    var technology: NameID
    var usageCount: Int32
    var successes: Int32
    var failures: Int32
  }

  /// In the order in which the team's projects brought them.
  fileprivate(set) var entries: [Entry] = []
  var position: Int64 = 0

  init(isPartial: Bool) {}

  mutating func add(_ technology: NameID, usageCount: Int64 = 0, successes: Int64, failures: Int64) {
    let index = index(of: technology)
    Self.add(usageCount, to: &entries[index].usageCount)
    Self.add(successes, to: &entries[index].successes)
    Self.add(failures, to: &entries[index].failures)
  }

  @inline(__always)
  private mutating func index(of technology: NameID) -> Int {
    let found = entries.withUnsafeBufferPointer { entries in
      var index = 0
      while index < entries.count, entries[index].technology != technology { index += 1 }
      return index
    }
    if found == entries.count {
      entries.append(Entry(technology: technology, usageCount: 0, successes: 0, failures: 0))
    }
    return found
  }

  /// A team's projects with one technology are counted in 32 bits.
  @inline(__always)
  private static func add(_ change: Int64, to count: inout Int32) {
    guard let sum = Int32(exactly: Int64(count) + change) else {
      return FoldFault.note("a team has more than \(Int32.max) projects with a technology")
    }
    count = sum
  }

  mutating func merge(onto stored: Self) {
    var merged = stored
    for entry in entries {
      merged.add(
        entry.technology, usageCount: Int64(entry.usageCount), successes: Int64(entry.successes),
        failures: Int64(entry.failures))
    }
    entries = merged.entries
  }

  var heapBytes: Int { entries.isEmpty ? 0 : 32 + entries.capacity * MemoryLayout<Entry>.stride }
}

struct TeamTechnologiesLayout: RowLayout {
  typealias Row = TeamTechnologiesRow

  let names: Names

  let statements = TableStatements(
    name: "team_technologies",
    load: """
      SELECT c.team_id, c.technologies, c.usage_counts, c.successes, c.failures, c.position
      FROM unnest($2::text[]) AS k (team_id)
      CROSS JOIN LATERAL (
        SELECT * FROM pleat.team_technologies_current AS x
        WHERE x.generation = $1 AND x.team_id = k.team_id
        OFFSET 0) AS c
      """,
    copy: """
      COPY pleat.team_technologies_current (
        generation, team_id, technologies, usage_counts, successes, failures, position)
      FROM STDIN (FORMAT binary)
      """,
    createStage:
      "CREATE TEMP TABLE stage_team_technologies (LIKE pleat.team_technologies_current)",
    copyToStage: """
      COPY stage_team_technologies (
        generation, team_id, technologies, usage_counts, successes, failures, position)
      FROM STDIN (FORMAT binary)
      """,
    update: """
      UPDATE pleat.team_technologies_current AS c
      SET technologies = s.technologies, usage_counts = s.usage_counts, successes = s.successes,
        failures = s.failures, position = s.position
      FROM stage_team_technologies AS s
      WHERE c.generation = s.generation AND c.team_id = s.team_id
      """,
    version: """
      INSERT INTO pleat.team_technologies (
        generation, team_id, technologies, usage_counts, successes, failures, position)
      SELECT generation, team_id, technologies, usage_counts, successes, failures, $3
      FROM pleat.team_technologies_current
      WHERE generation = $1 AND position >= $2
      """)

  var fields: Int16 { 7 }
  var keyArrays: [ArrayParameter] { [ArrayParameter(.text)] }

  func append(_ key: RowKey, to arrays: inout [ArrayParameter]) { arrays[0].append(key.name, names) }

  func precedes(_ a: RowKey, _ b: RowKey) -> Bool { names.compare(a.name, b.name) < 0 }

  func read(_ reader: inout RowReader) -> (key: RowKey, row: TeamTechnologiesRow) {
    let key = RowKey(reader.name(names))
    var row = TeamTechnologiesRow(isPartial: false)
    var technologies: [NameID] = []
    _ = reader.eachElement { technologies.append(names.intern($0)) }
    let (counts, successes, failures) = (reader.ints() ?? [], reader.ints() ?? [], reader.ints() ?? [])
    row.position = reader.count()
    guard [counts, successes, failures].allSatisfy({ $0.count == technologies.count }) else {
      FoldFault.note("the lists of a team's technologies are not of one length")
      return (key, row)
    }
    row.entries = technologies.indices.map {
      .init(
        technology: technologies[$0], usageCount: counts[$0], successes: successes[$0], failures: failures[$0])
    }
    return (key, row)
  }

  func write(_ key: RowKey, _ row: TeamTechnologiesRow, to writer: inout RowWriter) {
    writer.name(key.name, names)
    let technologies = writer.beginArray(.text, count: row.entries.count)
    for entry in row.entries { writer.name(entry.technology, names) }
    writer.endField(technologies)
    writer.ints(row.entries.lazy.map(\.usageCount))
    writer.ints(row.entries.lazy.map(\.successes))
    writer.ints(row.entries.lazy.map(\.failures))
    writer.bigint(row.position)
  }
}
