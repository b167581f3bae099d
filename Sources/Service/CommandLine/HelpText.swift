import Glibc

/// A command's help, made from its declarations, as wide as the terminal allows.
struct HelpText {
  private let path: [any Command.Type]
  private static let lineWidth = min(100, max(60, terminalColumns() ?? 100))
  /// Where descriptions begin; what is longer pushes its description to the next line.
  private static let column = 30

  init(_ path: [any Command.Type]) { self.path = path }

  var text: String {
    let description = path[path.count - 1].description
    let declared = declarations(of: path[path.count - 1].init())
    var text = Self.wrapped(description.summary, indent: 0) + "\n"
    if !description.discussion.isEmpty {
      for paragraph in description.discussion.split(separator: "\n", omittingEmptySubsequences: false) {
        text += Self.wrapped(String(paragraph), indent: 0)
      }
      text += "\n"
    }
    text += Self.wrapped(
      ["USAGE: \(path.map { $0.description.name }.joined(separator: " "))"] + usage(description, declared), indent: 0,
      next: 7)

    let arguments = declared.filter { $0.kind == .argument }
    if !arguments.isEmpty {
      text += "\nARGUMENTS:\n"
      for argument in arguments { text += Self.entry(argument.valueName, argument.help) }
    }
    if !description.subcommands.isEmpty {
      text += "\nCOMMANDS:\n"
      for type in description.subcommands { text += Self.entry(type.description.name, type.description.summary) }
    }
    text += "\nOPTIONS:\n"
    for option in declared where option.kind != .argument {
      var help = option.help
      if let defaultText = option.defaultText { help += " (default: \(defaultText))" }
      text += Self.entry(form(option), help)
    }
    if path.count == 1 { text += Self.entry("--version", "Print the version.") }
    text += Self.entry("-h, --help", "Print this.")
    if !description.subcommands.isEmpty {
      let program = path.map { $0.description.name }
      let help = [program[0], "help"] + program.dropFirst() + ["COMMAND"]
      text += "\n`\(help.joined(separator: " "))` tells more about one of them.\n"
    }
    return text
  }

  private func form(_ option: ArgumentDeclaration) -> String {
    option.kind == .flag ? option.shownName : "\(option.shownName) \(option.valueName)\(option.repeats ? " …" : "")"
  }

  private func usage(_ description: CommandDescription, _ declared: [ArgumentDeclaration]) -> [String] {
    if !description.subcommands.isEmpty { return ["COMMAND …"] }
    var words: [String] = []
    for argument in declared where argument.kind == .argument {
      words.append(argument.repeats ? "[\(argument.valueName) …]" : argument.valueName)
    }
    for option in declared where option.kind != .argument {
      words.append(option.isRequired ? form(option) : "[\(form(option))]")
    }
    return words
  }

  private static func entry(_ name: String, _ help: String) -> String {
    let lead = "  " + name
    let body = wrapped(help, indent: column)
    if lead.count + 2 > column { return lead + "\n" + body }
    return lead + String(repeating: " ", count: column - lead.count) + body.drop(while: { $0 == " " })
  }

  private static func wrapped(_ text: String, indent: Int) -> String {
    wrapped(text.split(separator: " ").map { String($0) }, indent: indent, next: indent)
  }

  /// Words stay whole; lines after the first begin at `next`.
  private static func wrapped(_ words: [String], indent: Int, next: Int) -> String {
    var result = ""
    var line = String(repeating: " ", count: indent)
    var margin = indent
    for word in words {
      if line.count + word.count + 1 > lineWidth, line.count > margin {
        result += line + "\n"
        margin = next
        line = String(repeating: " ", count: margin)
      }
      line += (line.count > margin ? " " : "") + word
    }
    return result + line + "\n"
  }
}

/// How wide the terminal behind standard output is; nil where there is none.
package func terminalColumns() -> Int? { terminalSize()?.columns }

/// Columns and rows of the terminal behind standard output; nil where there is none.
package func terminalSize() -> (columns: Int, rows: Int)? {
  var size = winsize()
  guard ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0, size.ws_row > 0 else { return nil }
  return (Int(size.ws_col), Int(size.ws_row))
}
