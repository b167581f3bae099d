import Glibc

/// Runs a command line: help and answers on standard output, what went wrong in a sentence on standard error.
package struct CommandRunner {
  private let root: any Command.Type

  package init(_ root: any Command.Type) { self.root = root }

  /// `arguments` without the program's name.
  package func run(_ arguments: [String]) -> ExitCode {
    let program = root.description.name
    do throws(CommandParser.Failure) {
      switch try CommandParser(root, version: pleatVersion).parse(arguments) {
      case .show(let text):
        print(text, terminator: "")
        return .success
      case .run(let command):
        do throws(CommandFailure) {
          try command.run()
          return .success
        } catch {
          fflush(nil)
          standardError("\(program): \(error.message)\n")
          return error.exitCode
        }
      }
    } catch {
      standardError("\(program): \(error.message)\nSee `\(error.path) --help`.\n")
      return .usage
    }
  }
}

/// Writes to standard error, unbuffered. A standard error that is closed has nobody to tell.
package func standardError(_ text: String) {
  var bytes = Array(text.utf8)[...]
  while !bytes.isEmpty {
    let written = bytes.withUnsafeBytes { write(STDERR_FILENO, $0.baseAddress, $0.count) }
    if written < 0 {
      if errno == EINTR { continue }
      return
    }
    bytes = bytes.dropFirst(written)
  }
}
