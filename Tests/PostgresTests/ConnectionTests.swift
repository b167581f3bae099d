import Engine
import Events
import Glibc
import Projections
import Testing

@testable import Postgres

@Suite("Connections and private clusters")
struct ConnectionTests {
  @Test("values arrive as they were sent, and come back")
  func values() throws {
    let connection = try TestDatabase().connect()
    let time = Timestamp(microseconds: -1_234_567)
    let result = try connection.query(
      """
      SELECT $1::text, $2::bytea, $3::bigint, $4::integer, $5::smallint, $6::boolean, $7::timestamptz, $8::date, $9::text[],
             $10::text, $2 IS NULL, octet_length($2), $11::text
      """,
      [
        .text("ä\u{1F600}"), .bytea([]), .bigint(.min), .int(-1), .smallint(7), .bool(true), .timestamptz(time),
        .date(-1), .texts(["", "b"]), .text(nil), .text(""),
      ])
    #expect(result.rowCount == 1)
    result.eachRow { row in
      #expect(row.text() == "ä\u{1F600}")
      #expect(row.bytea() == [])
      #expect(row.bigint() == .min)
      #expect(row.int() == -1)
      #expect(row.smallint() == 7)
      #expect(row.bool() == true)
      #expect(row.timestamptz() == time)
      #expect(row.date() == -1)
      #expect(row.texts() == ["", "b"])
      #expect(row.text() == nil)
      #expect(row.bool() == false)
      #expect(row.int() == 0)
      #expect(row.text() == "")
    }
  }

  @Test("an error has its SQLSTATE, and the connection goes on")
  func errors() throws {
    let connection = try TestDatabase().connect()
    for (sql, state) in [("SELECT 1/0", "22012"), ("SELECT nonsense", "42703"), ("SELECT 'a'::integer", "22P02")] {
      let error = #expect(throws: PostgresError.self) { try connection.query(sql) }
      guard case .server(let server) = error else {
        Issue.record("\(String(describing: error))")
        continue
      }
      #expect(server.sqlState == state)
    }
    #expect(try connection.query("SELECT 5::bigint").map { $0.bigint() } == [5])
  }

  @Test("a script has its time as a whole: a COPY that nobody ends gives results without end")
  func scriptsTime() throws {
    let connection = try TestDatabase().connect()
    try connection.execute("CREATE TEMP TABLE rows (n integer)")
    let error = #expect(throws: PostgresError.self) { try connection.execute("COPY rows FROM STDIN", seconds: 1) }
    guard case .timeout(1) = error else {
      Issue.record("\(String(describing: error))")
      return
    }
  }

  @Test("a session is what stages rely on, whatever is set for the database")
  func settings() throws {
    let database = try TestDatabase()
    let settings = [
      ("default_transaction_isolation", "serializable", "read committed"), ("synchronous_commit", "off", "on"),
      ("statement_timeout", "1s", "0"), ("lock_timeout", "1s", "0"), ("idle_session_timeout", "1s", "0"),
      ("standard_conforming_strings", "off", "on"), ("quote_all_identifiers", "on", "off"),
      ("extra_float_digits", "0", "1"), ("TimeZone", "Asia/Kathmandu", "UTC"),
    ]
    let admin = try database.connect()
    for (name, value, _) in settings { try admin.execute("ALTER DATABASE \(database.name) SET \(name) = '\(value)'") }
    let connection = try database.connect(user: "pleat_writer")
    for (name, _, value) in settings {
      let found = try connection.query("SELECT current_setting($1)", [.text(name)]).map { $0.text() ?? "" }
      #expect(found == [value], "\(name)")
    }
  }

  @Test("a server that only reads is one that is away")
  func readOnly() throws {
    let database = try TestDatabase()
    try database.connect().execute("ALTER DATABASE \(database.name) SET default_transaction_read_only = on")
    let error = #expect(throws: PostgresError.self) { try database.connect(user: "pleat_writer") }
    guard case .connection(let text) = error else { throw TestFailure("\(String(describing: error))") }
    #expect(text.contains("read-only"))
  }

  @Test(
    "of several servers each has its part of the time",
    arguments: [
      ("host=a dbname=x", 5), ("postgresql://a,b/x", 2), ("host=a,b,c,d", 2), ("dbname=x", 5),
      ("hostaddr=10.0.0.1,10.0.0.2", 2), ("not a string", 5),
    ])
  func hosts(conninfo: String, seconds: Int) {
    #expect(Connection.secondsForEach(of: ConnectionParameters.hostCount(in: conninfo)) == seconds)
  }

  @Test("an error has its hint")
  func hint() throws {
    let error = #expect(throws: PostgresError.self) {
      try TestDatabase().connect().execute(
        "DO $$ BEGIN RAISE 'full' USING HINT = 'Make room.', DETAIL = 'Of x.'; END $$")
    }
    #expect(error?.description == "full (Of x. Make room.) [P0001]")
  }

  @Test("notices are handed over")
  func notices() throws {
    final class Heard { var texts: [String] = [] }
    let heard = Heard()
    let connection = try Connection(try TestDatabase().target(user: "postgres")) { heard.texts.append($0) }
    try connection.execute("DO $$ BEGIN RAISE WARNING 'mind the gap'; END $$")
    #expect(heard.texts.count == 1 && heard.texts[0].contains("mind the gap"))
  }

  @Test("an answer that does not come in time breaks the connection")
  func timeout() throws {
    let connection = try TestDatabase().connect()
    let error = #expect(throws: PostgresError.self) { try connection.query("SELECT pg_sleep(600)", seconds: 1) }
    guard case .timeout(1) = error else { throw TestFailure("\(String(describing: error))") }
    #expect(connection.isBroken)
  }

  @Test("a database that is away is unavailable, and the store goes on when it is back")
  func restart() throws {
    let cluster = try PrivateCluster(.loopback, settings: [("fsync", "off")])
    try cluster.start()
    _ = try Migrator(cluster.target(), files: [try TestCluster.core()]).migrate()
    let leases = PostgresLeaseStore(cluster.target(user: "pleat_writer"))
    let instance = try leases.register(name: "one")
    for shutdown in [PrivateCluster.Shutdown.fast, .immediate] {
      cluster.stop(shutdown)
      for _ in 0..<2 {
        let error = #expect(throws: StoreError.self) { try leases.register(name: "two") }
        guard case .unavailable = error else { throw TestFailure("\(String(describing: error))") }
      }
      try cluster.start()
    }
    #expect(try leases.acquire(instance, seconds: 10, resources: ["relay"]) == ["relay"])
    let (pid, directory) = (try #require(cluster.pid), cluster.directory)
    cluster.remove()
    #expect(kill(pid, 0) == -1)
    #expect(access(directory, F_OK) == -1)
  }
}
