import Postgres
import Service

struct MigrateCommand: Command {
  static var description: CommandDescription {
    CommandDescription(
      "migrate", "Bring the database up to date.",
      discussion: """
        Makes the roles (pleat_owner, pleat_writer, pleat_operator, pleat_reader, pleat_team_reader) and applies the migrations \
        that are missing, as the login of postgres.admin_url. A second time it does nothing.
        """)
  }

  @OptionGroup var common: CommonOptions
  @Flag(help: "Make no roles: they must be there.") var noRoles: Bool

  func run() throws(CommandFailure) {
    let configuration = try common.configuration()
    let files: [MigrationFile]
    do throws(ConfigurationError) {
      files = try Preparation.migrations(Installation())
    } catch {
      throw error.failure
    }
    let target = try Database.adminTarget(configuration, for: "migrate")
    let migrator = Migrator(target, files: files, createsRoles: !noRoles, onNotice: { standardError("\($0)\n") })
    do throws(MigrationError) {
      let steps = try migrator.migrate { print("\($0)") }
      if steps.isEmpty { print("The database is up to date.") }
    } catch {
      if case .unavailable = error, let refusal = LoginRefusal.diagnose(target) {
        throw CommandFailure(
          .configuration, "PostgreSQL refuses the login: \(refusal.message). Mend postgres.admin_url (or postgres.url)."
        )
      }
      throw CommandFailure(error)
    }
  }
}
