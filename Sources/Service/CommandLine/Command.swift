/// A command of the command line: a struct whose options are declared with `@Option`, `@Flag`, `@Argument` and `@OptionGroup`.
///
/// The parser makes one with `init`, fills in the declared properties, and calls `validate`, then `run`, once each. Help is
/// made from the declarations. A command that has subcommands is never run itself.
package protocol Command {
  static var description: CommandDescription { get }
  init()
  /// Refuses combinations that the declarations cannot express.
  func validate() throws(UsageError)
  func run() throws(CommandFailure)
}

extension Command {
  package func validate() throws(UsageError) {}
  package func run() throws(CommandFailure) {
    throw CommandFailure(.usage, "`\(Self.description.name)` is run with one of its subcommands.")
  }
}

/// What help says about a command, besides its options.
package struct CommandDescription {
  /// As typed: `status`.
  package var name: String
  /// One line, for the list of commands.
  package var summary: String
  /// What there is to know besides; shown in the command's own help.
  package var discussion: String
  package var subcommands: [any Command.Type]

  package init(_ name: String, _ summary: String, discussion: String = "", subcommands: [any Command.Type] = []) {
    (self.name, self.summary, self.discussion, self.subcommands) = (name, summary, discussion, subcommands)
  }
}

/// A command line that cannot be understood: exit code 64.
package struct UsageError: Error, Hashable, Sendable {
  package var message: String
  package init(_ message: String) { self.message = message }
}
