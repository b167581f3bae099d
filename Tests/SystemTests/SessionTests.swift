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
