import Postgres
import Projections
import Testing

@Suite("Windows of days")
struct WindowTests {
  /// Days of technologies, of a sketch each: its people are `first`, `first` + 1 and so on, `n` of them.
  private static let rows = """
    CREATE TEMP TABLE days ON COMMIT DROP AS
    SELECT '2026-01-03'::date - age AS day, d.technology, d.estimate, d.position, d.n, (
        SELECT coalesce(array_agg(hashint8extended(k, 7) ORDER BY hashint8extended(k, 7)), '{}')
        FROM generate_series(d.first, d.first + d.n - 1) k
      ) AS hashes
    FROM (VALUES
      ('few', 0, 1, 3, false, 50), ('few', 1, 2, 4, false, 50), ('few', 29, 9, 2, false, 240), ('few', 30, 20, 9, false, 50),
      ('one day', 0, 1, 12, false, 50), ('one day', 1, 1, 0, false, 50), ('nobody', 0, 1, 0, false, 50),
      ('254 and less', 0, 1, 127, false, 50), ('254 and less', 1, 100, 127, false, 240),
      ('254', 0, 1, 127, false, 50), ('254', 1, 128, 127, false, 50),
      ('255', 0, 1, 128, false, 50), ('255', 1, 129, 127, false, 50), ('257', 0, 1, 128, false, 240), ('257', 1, 129, 129, false, 50),
      ('more in all', 0, 1, 250, false, 50), ('more in all', 1, 1, 250, false, 240), ('more', 0, 1, 200, false, 50),
      ('more', 1, 101, 200, false, 50), ('full', 0, 1, 256, false, 50), ('full', 1, 200, 57, false, 240),
      ('estimate alone', 0, 1, 256, true, 50), ('estimate', 0, 1, 256, true, 50), ('estimate', 1, 1, 1, false, 50),
      ('estimates', 0, 1, 256, true, 240), ('estimates', 1, 100, 256, true, 50), ('estimates', 2, 400, 90, false, 50)
    ) d (technology, age, first, n, estimate, position);
    -- An estimate is a bigint at most, and no sum of it may be more.
    INSERT INTO days
    SELECT '2026-01-03'::date, 'as many as can be', true, 50, 256, array_agg(-9223372036854775807 - 1 + k ORDER BY k)
    FROM generate_series(0, 255) k
    UNION ALL SELECT '2026-01-02'::date, 'as many as can be', false, 50, 1, ARRAY[5::bigint];
    INSERT INTO pleat.technologies_current (generation, technology, category, projects, selections, position)
    SELECT DISTINCT 1, technology, 'other', 1, 0, 50 FROM days;
    INSERT INTO pleat.technology_people_current (generation, technology, day, hashes, counts, estimate, position)
    SELECT 1, technology, day, hashes, array_fill(1::bigint, ARRAY[n]), estimate, position FROM days;
    INSERT INTO pleat.technology_usage_current (
      generation, technology, day, projects, selections, successes, failures, people, people_taken_out, position)
    SELECT 1, technology, day, n, 0, 0, 0, pleat.people(hashes, estimate), 0, position FROM days;
    -- What changed after the turn at 200 had two people fewer there.
    INSERT INTO pleat.technology_people (generation, technology, day, hashes, counts, estimate, position)
    SELECT 1, technology, day, trim_array(hashes, 2), array_fill(1::bigint, ARRAY[n - 2]), false, 100
    FROM days WHERE position > 200;
    INSERT INTO pleat.technology_usage (
      generation, technology, day, projects, selections, successes, failures, people, people_taken_out, position)
    SELECT 1, technology, day, n, 0, 0, 0, n - 2, 0, 100 FROM days WHERE position > 200;
    """

  @Test("people of a window are those of the union of its days, however many", arguments: ["", "200"])
  func people(setting: String) throws {
    let connection = try ReadingDatabase.shared.get().connect(as: "postgres")
    try connection.execute("BEGIN")
    try connection.execute(Self.rows)
    try connection.execute("SET LOCAL pleat.as_of = '\(setting)'")
    let other = try connection.query(
      """
      SELECT d.technology || ': ' || d.people || ', not ' || t.people
      FROM (
        SELECT d.technology, coalesce((
            SELECT pleat.people((array_agg(DISTINCT h ORDER BY h))[:257], bool_or(s.estimate AND NOT s.is_past))
            FROM (SELECT *, position > 200 AND current_setting('pleat.as_of') <> '' AS is_past FROM days) s
            CROSS JOIN unnest(CASE WHEN s.is_past THEN trim_array(s.hashes, 2) ELSE s.hashes END) h
            WHERE s.technology = d.technology AND s.day > '2026-01-03'::date - 30
            HAVING count(*) > 0
          ), 0) AS people
        FROM days d GROUP BY d.technology
      ) d
      JOIN pleat_unmasked.technology_trends t ON t.technology_name = d.technology
      WHERE d.people <> t.people
      """
    ).map { $0.text() ?? "" }
    #expect(other == [])
    let count = try connection.query(
      "SELECT count(*)::text FROM pleat_unmasked.technology_trends JOIN (SELECT DISTINCT technology FROM days) d "
        + "ON technology = technology_name"
    ).map { $0.text() }
    #expect(count == ["14"])
    try connection.execute("ROLLBACK")
  }

  /// What technologies were at the turns 100 and 200, and are, as `projects first_seen` each ('-' where they were not there): with the
  /// position since which nothing changed, and what the last turn left in the row.
  private static let technologies = """
    CREATE TEMP TABLE counted ON COMMIT DROP AS
    SELECT c.name, c.position, c.since, c.first::timestamptz, s.*, split_part(s.state, ' ', 1) AS projects,
      nullif(split_part(s.state, ' ', 2), '')::timestamptz AS first_seen
    FROM (VALUES
      ('as always', 50, 100, '2026-01-01Z', '3 2026-01-01Z', '3 2026-01-01Z', '3 2026-01-01Z'),
      ('more of it', 240, 100, '2026-01-01Z', '1 2026-01-01Z', '2 2026-01-01Z', '3 2026-01-01Z'),
      ('earlier between the turns', 240, 200, '2026-01-01Z', '1 2026-01-02Z', '2 2026-01-01Z', '3 2026-01-01Z'),
      ('earlier between, then nothing', 150, 200, '2026-01-01Z', '1 2026-01-02Z', '2 2026-01-01Z', '2 2026-01-01Z'),
      ('earlier since', 240, 100, '2026-01-02Z', '1 2026-01-02Z', '2 2026-01-02Z', '3 2026-01-01Z'),
      ('hidden between', 240, NULL, '2026-01-01Z', '1 2026-01-01Z', '0 2026-01-01Z', '1 2026-01-01Z'),
      ('hidden since', 240, 100, '2026-01-01Z', '1 2026-01-01Z', '1 2026-01-01Z', '0 2026-01-01Z'),
      ('back again', 240, 200, '2026-01-01Z', '0 2026-01-01Z', '1 2026-01-01Z', '2 2026-01-01Z'),
      ('begun between', 240, 200, '2026-01-01Z', '-', '1 2026-01-01Z', '2 2026-01-01Z'),
      ('begun since', 240, NULL, NULL, '-', '-', '2 2026-01-01Z'),
      ('selected', 240, 100, NULL, '1', '2', '3'),
      ('selected, then used', 240, 200, '2026-01-01Z', '1', '2 2026-01-01Z', '3 2026-01-01Z'),
      ('never counted', 50, NULL, NULL, '0', '0', '0')
    ) c (name, position, since, first, at_100, at_200, now)
    CROSS JOIN LATERAL (VALUES (100, c.at_100), (200, c.at_200), (NULL, c.now)) s (turn, state);
    INSERT INTO pleat.technologies_current (
      generation, technology, category, projects, selections, first_seen, position, counted_since, counted_first_seen)
    SELECT 1, name, 'other', projects::bigint, 0, first_seen, position, since, first FROM counted WHERE turn IS NULL;
    INSERT INTO pleat.technologies (generation, technology, category, projects, selections, first_seen, position)
    SELECT 1, name, 'other', projects::bigint, 0, first_seen, turn FROM counted WHERE position > turn - 100 AND projects <> '-';
    """

  @Test(
    "a technology is shown where something counted in it at the turn, with its first_seen then",
    arguments: ["", "100", "200"])
  func technologies(setting: String) throws {
    let connection = try ReadingDatabase.shared.get().connect(as: "postgres")
    try connection.execute("BEGIN")
    try connection.execute(Self.technologies)
    try connection.execute("SET LOCAL pleat.as_of = '\(setting)'")
    let shown = { (rows: String) in
      try connection.query("SELECT concat_ws(' ', name, first_seen AT TIME ZONE 'UTC') FROM \(rows) ORDER BY 1")
        .map { $0.text() ?? "" }
    }
    let trends =
      "(SELECT technology_name, first_seen FROM pleat_unmasked.technology_trends) t (name, first_seen)"
      + " WHERE name IN (SELECT name FROM counted)"
    let expected = try shown(
      "counted WHERE turn::text IS NOT DISTINCT FROM nullif('\(setting)', '') AND projects NOT IN ('0', '-')")
    #expect(expected.count == ["": 11, "100": 9, "200": 10][setting])
    #expect(try shown(trends) == expected)
    // Where the row says it, no version is asked.
    try connection.execute(
      "DELETE FROM pleat.technologies v USING counted c WHERE v.technology = c.name AND c.since <= v.position")
    #expect(try shown(trends) == expected)
    try connection.execute("ROLLBACK")
  }

  @Test("a trend's percentage is one fraction, rounded once, where double precision holds its parts")
  func percentage() throws {
    let connection = try ReadingDatabase.shared.get().connect(as: "postgres")
    let rows = try connection.query(
      """
      WITH counts AS MATERIALIZED (
        SELECT floor(9000001 ^ random())::bigint - 1 AS a, ceil(10000000 ^ random())::bigint AS b,
          ceil(9000000 ^ random())::bigint AS c, ceil(10000000 ^ random())::bigint AS d
        FROM generate_series(1, 20000), (SELECT setseed(0.5)) seed
        UNION ALL VALUES (9000000, 1, 1, 10000000), (0, 10000000, 9000000, 1), (9000000, 10000000, 9000000, 10000000)
      )
      SELECT concat_ws(', ', a, b, c, d) FROM counts
      WHERE pleat.trend_percentage(a, b, c, d)
        IS DISTINCT FROM (100 * (a::numeric * d - c::numeric * b)::numeric(200, 80) / (c::numeric * b))::float8
      """)
    #expect(rows.map { $0.text() ?? "" } == [])
    let beyond = try connection.query(
      """
      SELECT pleat.trend_percentage(a, b, c, d)::text
      FROM (VALUES (9000001, 10000001, 9000001, 20000002), (9223372036854775807, 9223372036854775807, 1, 9223372036854775807),
        (5, 0, 1, 1), (5, 1, 0, 1), (5, 1, 1, 0)) v (a, b, c, d)
      """)
    #expect(beyond.map { $0.text() } == ["100", "9.223372036854776e+20", nil, nil, nil])
  }
}
