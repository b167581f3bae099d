import Postgres
import Testing

@Suite("Logins that are refused")
struct LoginRefusalTests {
  @Test(
    "a role or a database that does not exist is told apart from a server that is away",
    arguments: [
      ("postgres", "nobody_at_all", "28000"), ("nowhere_at_all", "postgres", "3D000"), ("postgres", "postgres", nil),
    ] as [(String, String, String?)])
  func refusals(database: String, user: String, state: String?) throws {
    let target = ConnectionTarget(try TestCluster.conninfo(database: database, user: user))
    #expect(LoginRefusal.diagnose(target)?.sqlState == state)
  }

  @Test("where no server is there is no refusal")
  func away() {
    #expect(LoginRefusal.diagnose(ConnectionTarget("host=/nowhere port=1 dbname=x user=y")) == nil)
    #expect(LoginRefusal.diagnose(ConnectionTarget("this is no connection string")) == nil)
  }
}
