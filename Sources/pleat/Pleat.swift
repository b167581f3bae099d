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
        ResumeCommand.self, ForgetCommand.self, RetentionCommand.self, RetireCommand.self,
        DemoCommand.self, GenerateCommand.self, BenchCommand.self, BrokerCommand.self,
      ])
  }
}

@main
enum Program {
  static func main() {
    holdStandardDescriptors()
    let code = CommandRunner(Pleat.self).run()
    let isWritten = fflush(stdout) == 0 && ferror(stdout) == 0
    if !isWritten { standardError("pleat: standard output cannot be written.\n") }
    // Not `exit`: what it takes down threads may still use, and a crash there would be the program's end.
    _exit(isWritten || code != .success ? code.rawValue : ExitCode.failure.rawValue)
  }

  /// What is closed stays so: else the next socket would have its number, and be sent what is meant for people. Open the other
  /// way round, it fails as something closed does.
  private static func holdStandardDescriptors() {
    for (descriptor, mode) in [(STDIN_FILENO, O_WRONLY), (STDOUT_FILENO, O_RDONLY), (STDERR_FILENO, O_RDONLY)]
    where fcntl(descriptor, F_GETFD) < 0 {
      // The lowest number that is free, which is this one.
      guard open("/dev/null", mode) == descriptor else { exit(ExitCode.failure.rawValue) }
    }
  }
}
