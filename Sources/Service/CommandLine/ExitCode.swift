/// How a command ended, for whoever started it. Other programs rely on the numbers.
package enum ExitCode: Int32, Sendable {
  case success = 0
  case failure = 1
  /// `verify` found a row that differs.
  case differs = 2
  /// The command line is wrong.
  case usage = 64
  /// PostgreSQL or Kafka is away, or a topic is missing.
  case unavailable = 69
  /// Not yet: try again later.
  case tryAgain = 75
  /// The configuration is wrong, or the database is not migrated, or newer than this program.
  case configuration = 78
}
