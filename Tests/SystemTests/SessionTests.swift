import Foundation
import Glibc
import Testing

@testable import Postgres

extension SystemTests {
  @Suite("The daemon's sessions with PostgreSQL")
  struct SessionTests {
    @Test("a commit is on disk, and a silent transaction ends, whatever the database's settings say")
    func settings() throws {
      let pleat = try Installation(environment: ["PLEAT_RELAY_PUBLISH": "all"])
      // Each session that writes notes what holds in it.
      let tables = ["journal", "leases", "projects_current", "model_metrics_current", "relay_cursor"]
      _ = try pleat.sql(
        """
        ALTER DATABASE \(pleat.name) SET synchronous_commit = off;
        CREATE TABLE noted (session text, commits text, silence text);
        CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN
          INSERT INTO public.noted SELECT current_setting('application_name'), current_setting('synchronous_commit'),
            current_setting('idle_in_transaction_session_timeout');
          RETURN NULL;
        END $$;
        """
          + tables.map {
            "CREATE TRIGGER note AFTER INSERT OR UPDATE ON pleat.\($0) FOR EACH STATEMENT EXECUTE FUNCTION note();"
          }.joined())
      try pleat.produce(lines: try pleat.lines(events: 200, seed: 4))
      let daemon = try pleat.start()
      try pleat.waitCaughtUp()
      let sessions = Set(["ingest", "leases", "projects", "models", "relay"].map { "pleat \($0)" })
      try Wait.until("each of them has written\(pleat.logs)") {
        let noted = try pleat.sql("SELECT DISTINCT session FROM noted").split(separator: "\n").map { String($0) }
        return sessions.isSubset(of: noted)
      }
      #expect(try pleat.sql("SELECT DISTINCT commits, silence FROM noted") == "on|30s")
      #expect(daemon.terminate() == 0)
    }

    @Test("the numbers are what they must be in a database that is set for somebody else")
    func strange() throws {
      let set = try ConformanceSet("edges")
      let pleat = try Installation(environment: ["PLEAT_RELAY_PUBLISH": "all"], migrate: false)
      let settings = [
        "default_transaction_isolation = serializable", "lock_timeout = '1s'", "idle_session_timeout = '1s'",
        "standard_conforming_strings = off", "quote_all_identifiers = on",
        "extra_float_digits = -5", "DateStyle = 'SQL, DMY'", "IntervalStyle = iso_8601", "bytea_output = escape",
        "TimeZone = 'Asia/Kathmandu'", "search_path = nowhere", "check_function_bodies = off", "array_nulls = on",
        "default_toast_compression = pglz", "plan_cache_mode = force_custom_plan", "row_security = off",
        "client_min_messages = debug1", "lc_monetary = 'C'", "backslash_quote = off", "transform_null_equals = on",
      ]
      _ = try pleat.sql(
        settings.map { "ALTER DATABASE \(pleat.name) SET \($0);" }.joined()
          + "ALTER ROLE pleat_writer IN DATABASE \(pleat.name) SET statement_timeout = '1s'")
      try pleat.pleat("migrate")
      try pleat.produce(set.events)
      let first = try pleat.start("one")
      try Wait.until("something is folded\(pleat.logs)") {
        try pleat.sql("SELECT count(*) > 0 FROM pleat.projection_cursors WHERE position > 0") == "t"
      }
      first.killHard()
      let daemon = try pleat.start("two")
      try pleat.waitCaughtUp()
      try pleat.pleat("verify")
      #expect(daemon.terminate() == 0)
      _ = try pleat.sql("ALTER DATABASE \(pleat.name) RESET ALL")
      try pleat.expect(set.views("unmasked"))
      try pleat.expect(set.views("masked"), in: "insights")
    }

    @Test("a daemon without standard input, output and error does its work")
    func closedDescriptors() throws {
      let pleat = try Installation()
      try pleat.produce(lines: try pleat.lines(events: 200, seed: 5))
      let daemon = try DaemonProcess(
        program: URL(fileURLWithPath: "/bin/sh"),
        arguments: ["-c", "exec \"$0\" run <&- >&- 2>&-", pleat.servers.program.path],
        environment: pleat.environment,
        log: pleat.folder.appendingPathComponent("closed.log"))
      defer { if daemon.isRunning { daemon.killHard() } }
      try pleat.waitCaughtUp(seconds: 30)
      for descriptor in 0...2 {
        let file = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/\(daemon.pid)/fd/\(descriptor)")
        #expect(file == "/dev/null")
      }
      #expect(daemon.terminate() == 0)
    }

    @Test("what is sent and not taken for ten seconds ends a connection", arguments: [SessionProfile.standard, .fold])
    func userTimeout(profile: SessionProfile) throws {
      let servers = try Servers.shared()
      let connection = try Connection(
        ConnectionTarget(servers.url(database: "postgres", user: "postgres")), profile: profile)
      var (milliseconds, size) = (Int32(0), socklen_t(MemoryLayout<Int32>.size))
      let failed = getsockopt(
        connection.fileDescriptor, Int32(IPPROTO_TCP), TCP_USER_TIMEOUT, &milliseconds, &size)
      #expect(failed == 0 && milliseconds == 10_000)
    }
  }
}
