import Postgres
import Projections
import Synchronization
import Testing

@Suite("Reading")
struct ReadingTests {
  private static let readers = ["pleat_reader", "pleat_team_reader", "pleat_operator"]
  private static let teams: Set = ["team_stats", "team_activity", "team_technologies"]

  private func texts(_ connection: Connection, _ sql: String) throws -> [String] {
    try connection.query(sql).map { $0.text() ?? "NULL" }
  }

  private func state(_ connection: Connection, _ sql: String) throws -> String? {
    do throws(PostgresError) {
      _ = try connection.query(sql)
    } catch {
      guard case .server(let server) = error else { throw error }
      return server.sqlState
    }
    return nil
  }

  @Test("every view has its comments, its barrier, its readers and its past")
  func contract() throws {
    let reading = try ReadingDatabase.shared.get()
    let admin = try reading.database.connect()
    let all = try reading.views("insights", of: "pleat_owner")
    #expect(all.count == 17)
    #expect(try Set(reading.views("insights", of: "pleat_team_reader")) == Self.teams)
    #expect(try Set(reading.views("insights", of: "pleat_reader")) == Set(all).subtracting(Self.teams))
    #expect(try reading.views("insights", of: "pleat_operator") == all)
    #expect(try reading.views("pleat_unmasked", of: "pleat_operator") == all)
    #expect(try reading.views("pleat_unmasked", of: "pleat_reader") == [])

    let missing = """
      SELECT format('%s.%s', v.oid::regclass, a.attname) FROM pg_class v
      LEFT JOIN pg_attribute a ON a.attrelid = v.oid AND a.attnum > 0
      WHERE v.relnamespace IN ('insights'::regnamespace, 'pleat_unmasked'::regnamespace) AND v.relkind = 'v'
        AND (obj_description(v.oid, 'pg_class') IS NULL OR col_description(v.oid, a.attnum) IS NULL)
      """
    #expect(try texts(admin, missing) == [])
    let withoutBarrier = """
      SELECT v.relname::text FROM pg_class v WHERE v.relnamespace = 'insights'::regnamespace AND v.relkind = 'v'
        AND NOT v.reloptions @> '{security_barrier=true}'
      """
    #expect(try texts(admin, withoutBarrier) == [])

    let past = Set(all).subtracting(ReadingDatabase.withoutPast)
    for schema in ["insights", "pleat_unmasked"] {
      let functions = try texts(
        admin,
        """
        SELECT regexp_replace(p.proname, '_at$', '') || ' ' || p.proargtypes[0]::regtype FROM pg_proc p
        WHERE p.pronamespace = '\(schema)'::regnamespace AND obj_description(p.oid, 'pg_proc') IS NOT NULL
          AND p.prorettype = to_regtype('\(schema).' || regexp_replace(p.proname, '_at$', ''))
        """)
      #expect(Set(functions) == Set(past.flatMap { ["\($0) bigint", "\($0) timestamp with time zone"] }))
      for role in Self.readers {
        let callable = try texts(
          admin,
          """
          SELECT DISTINCT regexp_replace(p.proname, '_at$', '') FROM pg_proc p
          WHERE p.pronamespace = '\(schema)'::regnamespace AND p.proname LIKE '%\\_at'
            AND has_function_privilege('\(role)', p.oid, 'EXECUTE')
          """)
        #expect(try Set(callable) == Set(reading.views(schema, of: role)).intersection(past), "\(schema), \(role)")
      }
    }
  }

  @Test("nothing public holds a person, a session or a hash")
  func noPeople() throws {
    let reading = try ReadingDatabase.shared.get()
    let columns = try texts(
      reading.database.connect(),
      """
      SELECT format('%s.%s %s', a.attrelid::regclass, a.attname, a.atttypid::regtype) FROM pg_attribute a
      JOIN pg_class v ON v.oid = a.attrelid
      WHERE v.relnamespace IN ('insights'::regnamespace, 'pleat_unmasked'::regnamespace) AND v.relkind = 'v' AND a.attnum > 0
        AND (a.attname ~ 'user|person|hash|session_id|sketch|key' OR a.atttypid = ANY (
          ARRAY['bigint[]', 'bytea']::regtype[]))
      """)
    #expect(columns == [])
  }

  @Test("what is hidden reaches no function and no cast of a reader", arguments: readers)
  func leaks(role: String) throws {
    let reading = try ReadingDatabase.shared.get()
    let admin = try reading.database.connect()
    // Roles are tried at the same time.
    let spy = "public.spy_\(role)"
    try admin.execute(
      """
      CREATE FUNCTION \(spy)(anyelement) RETURNS boolean LANGUAGE plpgsql COST 0.0000001 AS
        $$ BEGIN RAISE NOTICE 'saw %', $1; RETURN true; END $$
      """)
    let seen = NoticeList()
    let reader = try reading.connect(as: role) { seen.append($0) }
    for view in try reading.views("insights", of: role) {
      for setting in ["", "200"] where setting.isEmpty || !ReadingDatabase.withoutPast.contains(view) {
        try reader.execute("SET pleat.as_of = '\(setting)'")
        let columns = try texts(
          admin,
          "SELECT attname::text FROM pg_attribute WHERE attrelid = 'insights.\(view)'::regclass AND attnum > 0 ORDER BY attnum"
        )
        for condition in ["\(spy)(v::text)"] + columns.map({ "\(spy)(v.\($0)::text)" }) {
          seen.removeAll()
          let shown = try texts(reader, "SELECT v::text FROM insights.\(view) v WHERE \(condition)")
          #expect(!shown.isEmpty && seen.count >= shown.count, "\(view)")
          // Teams see themselves.
          if Self.teams.contains(view) { continue }
          #expect(!shown.contains { $0.contains("hidden") }, "\(view)")
          #expect(!seen.contains("hidden"), "\(view), \(condition)")
        }
        if Self.teams.contains(view) { continue }
        // A key that is no number would be an error, if anybody looked at it.
        for key in ["technology", "technology_name", "technology_a", "domain"] where columns.contains(key) {
          #expect(try state(reader, "SELECT FROM insights.\(view) WHERE \(key)::integer > 0") == nil, "\(view)")
        }
        if view == "stack_combinations" {
          let sql = "SELECT FROM insights.\(view) WHERE (technologies ->> 0)::integer > 0"
          #expect(try state(reader, sql) == nil)
        }
      }
    }
  }

  @Test("a stack that everybody saw once reaches no function of a reader when it is hidden")
  func shownOnce() throws {
    let reading = try ReadingDatabase.shared.get()
    let seen = NoticeList()
    let reader = try reading.connect(as: "postgres") { seen.append($0) }
    // Nobody else sees it.
    try reader.execute(
      """
      BEGIN;
      UPDATE pleat.stack_combinations_current SET public_turns = '{100,200}' WHERE technologies = '{hidden}';
      UPDATE pleat.stack_combinations SET people = 12 WHERE technologies = '{hidden}' AND position = 100;
      CREATE FUNCTION public.spy_once(text) RETURNS boolean LANGUAGE plpgsql COST 0.0000001 AS
        $$ BEGIN RAISE NOTICE 'saw %', $1; RETURN true; END $$;
      SET LOCAL ROLE pleat_reader
      """)
    for (setting, isShown) in [("", false), ("200", false), ("100", true), ("99", false)] {
      for column in ["v", "v.technologies", "v.size", "v.usage_count", "v.trend_z", "concat(v.technologies, v.share)"] {
        try reader.execute("SET LOCAL pleat.as_of = '\(setting)'")
        seen.removeAll()
        let sql =
          "SELECT v.technologies ->> 0 FROM insights.stack_combinations v WHERE public.spy_once(\(column)::text)"
        let shown = try texts(reader, sql)
        #expect(shown.contains("hidden") == isShown, "\(setting), \(column)")
        #expect(seen.count == shown.count, "\(setting), \(column)")
        #expect(isShown || !seen.contains("hidden"), "\(setting), \(column)")
      }
    }
    try reader.execute("ROLLBACK")
  }

  @Test("a condition on a stack's names is applied before anything is looked up for it")
  func stacksByName() throws {
    let reading = try ReadingDatabase.shared.get()
    let reader = try reading.connect(as: "postgres")
    let query = "SELECT * FROM insights.stack_combinations WHERE technologies = '[\"1\"]'"
    for setting in ["", "200"] {
      try reader.execute("SET pleat.as_of = '\(setting)'")
      let plan = try texts(reader, "EXPLAIN (COSTS OFF) \(query)")
      let filters = plan.indices.filter { plan[$0].contains("technologies = '") }
      // Now and the past, each where it comes out of its barrier.
      #expect(filters.count == 2, "\(plan)")
      for line in filters {
        #expect(plan[line - 1].contains("Subquery Scan on c"), "\(plan[line - 1])")
        // Besides the one row that says which turn it is.
        let below =
          plan[(line + 1)...].first {
            $0.contains(" Scan") && !$0.contains("Function Scan") && !$0.contains("Subquery Scan on s")
          } ?? ""
        #expect(below.contains("stack_combinations_current"), "\(below)")
      }
    }
  }

  @Test("a view shows the turn at which it began, also where a reader's condition sets another one meanwhile")
  func oneTurn() throws {
    let reading = try ReadingDatabase()
    // At 100 stack 1 had people too few.
    try reading.database.connect().execute(
      """
      UPDATE pleat.stack_combinations_current SET public_turns = '{200}' WHERE technologies = '{1}';
      UPDATE pleat.stack_combinations SET people = 4 WHERE technologies = '{1}' AND position = 100;
      INSERT INTO pleat.stack_days_current (generation, stack_id, day, usage_count, position)
        SELECT 1, stack_id, '2026-01-01', 9, 240 FROM pleat.stack_combinations_current WHERE technologies = '{1}';
      INSERT INTO pleat.stack_days (generation, stack_id, day, usage_count, position)
        SELECT 1, stack_id, '2026-01-01', usage_count, position FROM pleat.stack_combinations WHERE technologies = '{1}'
      """)
    let reader = try reading.connect(as: "pleat_reader")
    // A condition that needs no barrier, on one row after the other: the first shows nothing.
    try reader.execute("SET pleat.as_of = ''")
    let shown = try texts(
      reader,
      """
      SELECT coalesce(s.usage_count::text, 'none') FROM (
        SELECT set_config('pleat.as_of', v.turn, false) AS turn, (
          SELECT max(s.usage_count) FROM insights.stack_combinations s WHERE s.size = v.size AND s.technologies = '["1"]') AS usage_count
        FROM (VALUES ('200', 999::bigint), ('100', 1)) v (turn, size)
      ) s
      """)
    #expect(!shown.contains("5"), "\(shown)")
    for view in try reading.views("insights", of: "pleat_reader") where !ReadingDatabase.withoutPast.contains(view) {
      let columns = try texts(
        reader,
        "SELECT attname::text FROM pg_attribute WHERE attrelid = 'insights.\(view)'::regclass AND attnum > 0 ORDER BY attnum"
      )
      for column in columns {
        for other in ["", "100"] {
          let query = "SELECT v::text FROM insights.\(view) v"
          let spy =
            "set_config('pleat.as_of', left(coalesce(\(column)::text, ''), 0) || '\(other)', false) = '\(other)'"
          try reader.execute("SET pleat.as_of = '200'")
          let plain = try texts(reader, query)
          #expect(!plain.isEmpty, "\(view)")
          #expect(try texts(reader, "\(query) WHERE \(spy)") == plain, "\(view).\(column), \(other)")
        }
      }
    }
  }

  @Test("a time is found among all tables of the journal, and before and behind them")
  func asOfTime() throws {
    let reading = try ReadingDatabase()
    let admin = try reading.database.connect()
    try admin.execute("SELECT pleat.add_journal_partitions(9000000)")
    try admin.execute(
      """
      INSERT INTO pleat.journal (
        first_position, event_count, topic, partition, incarnation, first_offset, next_offset, least_time, greatest_time,
        greatest_so_far, appended_at, payload, payload_digest, identities, identities_digest, chain)
      SELECT p, 10, 't', 0, 0, p, p + 10, '2026-01-01Z', '2026-01-01Z', '2026-01-01Z',
        '2026-01-05T12:00:00Z'::timestamptz + p / 500000 * interval '1 hour', '', d, '', d, d
      FROM generate_series(600001, 8600001, 400000) p CROSS JOIN (SELECT sha256('') AS d) x
      """)
    #expect(try texts(admin, "SELECT (count(*) > 5)::text FROM pleat.journal_tables") == ["true"])
    for hour in 9...32 {
      let time = "2026-01-0\(5 + hour / 24)T\(hour % 24 < 10 ? "0" : "")\(hour % 24):00:00Z"
      try admin.execute("SET pleat.as_of = '\(time)'")
      let slow = """
        SELECT coalesce(max(first_position + event_count - 1), 0)::text FROM pleat.journal WHERE appended_at <= '\(time)'
        """
      #expect(try texts(admin, "SELECT pleat.as_of_position()::text") == texts(admin, slow), "\(time)")
    }
  }

  @Test("a list inside a row has the threshold of its own")
  func lists() throws {
    let reading = try ReadingDatabase.shared.get()
    let list = "SELECT jsonb_path_query_array(popular_stacks, '$[*].technologies[0]')::text FROM"
    for setting in ["", "200"] {
      let reader = try reading.connect(as: "pleat_operator")
      try reader.execute("SET pleat.as_of = '\(setting)'")
      #expect(try texts(reader, "\(list) insights.domain_patterns WHERE domain = '2'") == [#"["1", "2"]"#])
      #expect(
        try texts(reader, "\(list) pleat_unmasked.domain_patterns WHERE domain = '2'") == [#"["1", "hidden", "2"]"#])
    }
  }

  @Test("a prepared statement follows the setting")
  func prepared() throws {
    let reading = try ReadingDatabase.shared.get()
    let reader = try reading.connect(as: "pleat_reader")
    try reader.execute(
      """
      SET plan_cache_mode = force_generic_plan;
      PREPARE one AS SELECT projects::text FROM insights.technology_usage WHERE technology = '1'
      """)
    for (setting, expected) in [("", ["9"]), ("100", ["5"]), ("99", []), ("2026-01-05T11:00:00Z", ["8"]), ("", ["9"])] {
      try reader.execute("SET pleat.as_of = '\(setting)'")
      #expect(try texts(reader, "EXECUTE one") == expected)
    }
  }

  @Test("one stack is found by its technologies, if it may be shown")
  func oneStack() throws {
    let reading = try ReadingDatabase.shared.get()
    let reader = try reading.connect(as: "pleat_reader")
    for setting in ["", "200", "99"] {
      try reader.execute("SET pleat.as_of = '\(setting)'")
      for name in ["1", "hidden", "nowhere"] {
        let list = "'[\"\(name)\"]'::jsonb"
        #expect(
          try texts(reader, "SELECT s::text FROM insights.stack_combination(\(list)) s")
            == texts(reader, "SELECT s::text FROM insights.stack_combinations s WHERE technologies = \(list)"))
      }
      for wrong in ["{}", "null", "[]", "[[1]]", "1"] {
        #expect(try texts(reader, "SELECT s::text FROM insights.stack_combination('\(wrong)') s") == [])
      }
    }
  }

  @Test(
    "a view shows itself at the last turn of the day up to a position or a time",
    arguments: [
      ("", "9"), ("250", "8"), ("200", "8"), ("199", "5"), ("100", "5"), ("0100", "5"), ("99", nil), ("0", nil),
      ("9223372036854775807", "8"), ("2026-01-05T11:00:00Z", "8"), ("2026-01-05t12:00:00.0000009+01:00", "8"),
      ("2026-01-05T10:59:59.9999999z", "5"), ("2026-01-05T10:00:00Z", "5"), ("2026-01-05T09:59:59.999999Z", nil),
      ("0001-01-01T00:00:00+23:59", nil), ("9999-12-31T23:59:59Z", "8"), ("2024-02-29T00:00:00-00:00", nil),
    ] as [(String, String?)])
  func asOf(setting: String, expected: String?) throws {
    let reading = try ReadingDatabase.shared.get()
    let reader = try reading.connect(as: "pleat_operator")
    try reader.execute("SET TimeZone = 'Asia/Tokyo'; SET DateStyle = 'SQL, DMY'; SET pleat.as_of = '\(setting)'")
    let columns = [
      "technology_usage": ("projects", "technology"), "stack_combinations": ("usage_count", "technologies ->> 0"),
      "technology_pairs": ("together", "technology_a"), "domain_patterns": ("sample_size", "domain"),
      "technology_trends": ("usage_count", "technology_name"), "team_stats": ("members", "team_id"),
      "team_activity": ("wizard_steps", "team_id"), "team_technologies": ("usage_count", "team_id"),
      "model_metrics": ("requests", "model_name"), "prediction_calibration": ("predictions", "model_version"),
      "wizard_activity": ("completions", "step::text"), "errors": ("occurrences", "component"),
    ]
    for (view, (column, key)) in columns {
      for schema in ["insights", "pleat_unmasked"] {
        #expect(
          try texts(reader, "SELECT \(column)::text FROM \(schema).\(view) WHERE \(key) = '1'")
            == [expected].compactMap { $0 }, "\(schema).\(view)")
      }
    }
    for view in try reading.views("insights", of: "pleat_operator")
    where expected == nil && !ReadingDatabase.withoutPast.contains(view) {
      #expect(try texts(reader, "SELECT v::text FROM insights.\(view) v") == [], "\(view)")
    }
    let sessions = ["9": ["1 1"], "8": ["4 1"], "5": ["1 5", "3 2"]]
    #expect(
      try texts(reader, "SELECT concat(step, ' ', sessions) FROM insights.wizard_now ORDER BY 1")
        == expected.map { sessions[$0]! } ?? [])
    let watermark = ["9": "2026-01-03 12:00", "8": "2026-01-03 00:00", "5": "2026-01-02 00:00"]
    #expect(
      try texts(
        reader,
        "SELECT DISTINCT to_char(aggregated_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI') FROM insights.technology_trends"
      )
        == [expected.map { watermark[$0]! }].compactMap { $0 })
  }

  @Test(
    "what is neither a position nor a time is refused",
    arguments: [
      "+1", " 1", "1 ", "-1", "1.0", "1e3", "0x10", "9223372036854775808", "99999999999999999999", "now", "today",
      "yesterday", "2026-01-05", "2026-01-05T11:00Z", "2026-01-05 11:00:00Z", "2026-01-05T11:00:00",
      "2026-01-05T11:00:60Z",
      "2026-01-05T24:00:00Z", "2026-02-29T00:00:00Z", "2026-13-01T00:00:00Z", "2026-00-01T00:00:00Z",
      "2026-01-00T00:00:00Z",
      "0000-01-01T00:00:00Z", "2026-01-05T11:00:00.Z", "2026-01-05T11:00:00+1:00", "2026-01-05T11:00:00+24:00",
      "infinity",
      "1\n", "١",
    ])
  func refused(setting: String) throws {
    let reading = try ReadingDatabase.shared.get()
    let reader = try reading.connect(as: "pleat_operator")
    _ = try reader.query("SELECT set_config('pleat.as_of', $1, false)", [.text(setting)])
    for view in try reading.views("insights", of: "pleat_operator") where !ReadingDatabase.withoutPast.contains(view) {
      #expect(try state(reader, "SELECT * FROM insights.\(view)") == "22023", "\(view)")
      #expect(try state(reader, "SELECT * FROM pleat_unmasked.\(view)") == "22023", "\(view)")
    }
  }

  @Test("what is neither a position nor a time is refused where there is nothing to read, too")
  func refusedOfNothing() throws {
    let database = try TestDatabase(migrated: false)
    let files = try MigrationFile.read(directory: TestCluster.migrations)
    _ = try Migrator(database.target(user: "postgres"), files: files).migrate()
    let admin = try database.connect()
    // Now the planner knows that the tables are empty, and begins with them.
    try admin.execute("ANALYZE")
    let reading = try ReadingDatabase.shared.get()
    for view in try reading.views("insights", of: "pleat_operator") where !ReadingDatabase.withoutPast.contains(view) {
      for schema in ["insights", "pleat_unmasked"] {
        let query = "SELECT * FROM \(schema).\(view)"
        try admin.execute("SET pleat.as_of = 'yesterday'")
        #expect(try state(admin, query) == "22023", "\(schema).\(view)")
        #expect(try state(admin, "\(query) LIMIT 1") == "22023", "\(schema).\(view)")
        #expect(try state(admin, "SELECT count(*) FROM \(schema).\(view)") == "22023", "\(schema).\(view)")
        try admin.execute("SET pleat.as_of = '1'")
        #expect(try state(admin, query) == nil, "\(schema).\(view)")
      }
    }
  }

  @Test("V_at shows what the setting shows, and leaves the setting as it was")
  func at() throws {
    let reading = try ReadingDatabase.shared.get()
    let reader = try reading.connect(as: "pleat_operator")
    for view in try reading.views("insights", of: "pleat_operator") where !ReadingDatabase.withoutPast.contains(view) {
      for schema in ["insights", "pleat_unmasked"] {
        for (position, time) in [
          ("99", "2026-01-05T09:00:00Z"), ("100", "2026-01-05T10:30:00Z"), ("250", "2027-01-01T00:00:00Z"),
        ] {
          try reader.execute("SET pleat.as_of = '\(position)'")
          let expected = try texts(reader, "SELECT v::text FROM \(schema).\(view) v ORDER BY 1")
          for setting in ["", "100"] {
            try reader.execute("SET pleat.as_of = '\(setting)'")
            let past = "SELECT v::text FROM \(schema).\(view)_at"
            #expect(try texts(reader, "\(past)(\(position)) v ORDER BY 1") == expected, "\(view)")
            #expect(try texts(reader, "\(past)('\(time)'::timestamptz) v ORDER BY 1") == expected, "\(view)")
            #expect(try texts(reader, "SHOW pleat.as_of") == [setting])
          }
        }
      }
    }
    try reader.execute("SET pleat.as_of = '100'")
    for wrong in ["-1", "NULL::bigint", "'infinity'::timestamptz", "'0044-03-15 BC'::timestamptz", "NULL::timestamptz"]
    {
      #expect(try state(reader, "SELECT * FROM insights.errors_at(\(wrong))") == "22023")
      #expect(try texts(reader, "SHOW pleat.as_of") == ["100"])
    }
    // Also inside a transaction that lives on.
    try reader.execute("BEGIN; SET LOCAL pleat.as_of = '200'; SAVEPOINT before")
    #expect(try state(reader, "SELECT * FROM insights.errors_at(-1)") == "22023")
    try reader.execute("ROLLBACK TO before")
    #expect(try texts(reader, "SHOW pleat.as_of") == ["200"])
    #expect(try texts(reader, "SELECT occurrences::text FROM insights.errors_at(100)") == ["5"])
    #expect(try texts(reader, "SELECT occurrences::text FROM insights.errors") == ["8"])
    try reader.execute("COMMIT")
    #expect(try texts(reader, "SHOW pleat.as_of") == ["100"])
  }
}

/// What the server said beside its results.
private final class NoticeList: Sendable {
  private let texts = Mutex<[String]>([])
  var count: Int { texts.withLock { $0.count } }
  func append(_ text: String) { texts.withLock { $0.append(text) } }
  func removeAll() { texts.withLock { $0.removeAll() } }
  func contains(_ part: String) -> Bool { texts.withLock { $0.contains { $0.contains(part) } } }
}
