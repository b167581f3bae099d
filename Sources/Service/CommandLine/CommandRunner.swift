import Glibc

/// Runs a command line: help and answers on standard output, what went wrong in a sentence on standard error.
package struct CommandRunner {
  private let root: any Command.Type

  package init(_ root: any Command.Type) { self.root = root }

  /// The command line of this process. What is not UTF-8 is refused: `CommandLine.arguments` mends it, and then it names something else.
  package func run() -> ExitCode {
    var words: [String] = []
    for place in 1..<max(Int(CommandLine.argc), 1) {
      guard let bytes = CommandLine.unsafeArgv[place] else { break }
      guard let word = String(validatingCString: bytes) else {
        return refuse(
          "argument \(place), \"\(String(cString: bytes).escaped)\", is not UTF-8", path: root.description.name)
      }
      words.append(word)
    }
    return run(words)
  }

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
      return refuse(error.message, path: error.path)
    }
  }

  private func refuse(_ message: String, path: String) -> ExitCode {
    standardError("\(root.description.name): \(message)\nSee `\(path) --help`.\n")
    return .usage
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
