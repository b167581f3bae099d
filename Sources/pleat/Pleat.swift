@preconcurrency import Glibc
import Service

/// The program: its commands, in the order of help.
struct Pleat: Command {
  static var description: CommandDescription {
    CommandDescription(
      "pleat", "Folds events from Kafka into projections in PostgreSQL, exactly once.",
      subcommands: [
        RunCommand.self, MigrateCommand.self, CheckCommand.self, ConfigCommand.self, StatusCommand.self,
        TopCommand.self,
        JournalCommand.self, VerifyCommand.self, ExplainCommand.self, RebuildCommand.self, DeadLettersCommand.self,
        SkipCommand.self,
        ResumeCommand.self, ForgetCommand.self, RetentionCommand.self,
        DemoCommand.self, GenerateCommand.self, BenchCommand.self, BrokerCommand.self,
      ])
  }
}

@main
enum Program {
  static func main() {
    let code = CommandRunner(Pleat.self).run(Array(CommandLine.arguments.dropFirst()))
    let isWritten = fflush(stdout) == 0 && ferror(stdout) == 0
    if !isWritten { standardError("pleat: standard output cannot be written.\n") }
    exit(isWritten || code != .success ? code.rawValue : ExitCode.failure.rawValue)
  }
}
