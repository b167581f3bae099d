/// Turns arguments into a command that is ready to run, or into the text that answers them.
package struct CommandParser {
  package enum Invocation {
    case run(any Command)
    case show(String)
  }

  /// A command line that was not understood, and the commands it got to.
  package struct Failure: Error {
    package var message: String
    /// `pleat status`.
    package var path: String
  }

  private let root: any Command.Type
  private let version: String

  package init(_ root: any Command.Type, version: String) { (self.root, self.version) = (root, version) }

  /// `arguments` without the program's name.
  package func parse(_ arguments: [String]) throws(Failure) -> Invocation {
    var rest = arguments[...]
    if rest.first == "help" {
      var path: [any Command.Type] = [root]
      for word in rest.dropFirst() { path.append(try subcommand(word, of: path)) }
      return .show(HelpText(path).text)
    }
    var path: [any Command.Type] = [root]
    while !path[path.count - 1].description.subcommands.isEmpty {
      guard let word = rest.popFirst() else {
        throw failure(path, "a command is missing: \(names(path).joined(separator: ", "))")
      }
      switch word {
      case "-h", "--help": return .show(HelpText(path).text)
      case "--version" where path.count == 1: return .show("\(root.description.name) \(version)\n")
      default:
        if word.hasPrefix("-") {
          throw failure(path, unknown("option", word, among: path.count == 1 ? ["--help", "--version"] : ["--help"]))
        }
        path.append(try subcommand(word, of: path))
      }
    }
    let command = path[path.count - 1].init()
    guard try fill(declarations(of: command), from: rest, path) else { return .show(HelpText(path).text) }
    do throws(UsageError) { try command.validate() } catch { throw failure(path, error.message) }
    return .run(command)
  }

  private func names(_ path: [any Command.Type]) -> [String] {
    path[path.count - 1].description.subcommands.map { $0.description.name }
  }

  private func subcommand(_ word: String, of path: [any Command.Type]) throws(Failure) -> any Command.Type {
    for type in path[path.count - 1].description.subcommands where type.description.name == word { return type }
    throw failure(path, unknown("command", word, among: names(path)))
  }

  private func unknown(_ what: String, _ word: String, among known: [String]) -> String {
    guard let nearest = nearestName(to: word, among: known) else { return "there is no \(what) \"\(word)\"" }
    return "there is no \(what) \"\(word)\"; the nearest is \"\(nearest)\""
  }

  private func failure(_ path: [any Command.Type], _ message: String) -> Failure {
    Failure(message: message, path: path.map { $0.description.name }.joined(separator: " "))
  }

  /// False if help is asked for.
  private func fill(
    _ declarations: [ArgumentDeclaration], from arguments: ArraySlice<String>, _ path: [any Command.Type]
  ) throws(Failure) -> Bool {
    var rest = arguments
    var places = declarations.filter { $0.kind == .argument }[...]
    var onlyPlaces = false
    while let word = rest.popFirst() {
      if word == "--", !onlyPlaces {
        onlyPlaces = true
      } else if !onlyPlaces, word == "-h" || word == "--help" {
        return false
      } else if !onlyPlaces, word.hasPrefix("--") {
        let parts = word.dropFirst(2).split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        let name = String(parts[0])
        guard let declaration = declarations.first(where: { $0.kind != .argument && $0.name == name }) else {
          let known = declarations.filter { $0.kind != .argument }.map(\.shownName) + ["--help"]
          throw failure(path, unknown("option", "--\(name)", among: known))
        }
        try take(declaration, attached: parts.count == 2 ? String(parts[1]) : nil, &rest, path)
      } else if !onlyPlaces, word.hasPrefix("-"), word.count > 1, Double(word) == nil {
        let known = declarations.filter { $0.kind != .argument }.map(\.shownName) + ["--help"]
        throw failure(path, unknown("option", word, among: known))
      } else {
        guard let place = places.first else { throw failure(path, "\"\(word)\" is one argument too many") }
        if !place.repeats { places.removeFirst() }
        try give(word, to: place, path)
      }
    }
    for declaration in declarations where declaration.isRequired && !declaration.isGiven {
      let shown =
        declaration.kind == .option ? "\(declaration.shownName) \(declaration.valueName)" : declaration.valueName
      throw failure(path, "\(shown) is missing")
    }
    return true
  }

  private func take(
    _ declaration: ArgumentDeclaration, attached: String?, _ rest: inout ArraySlice<String>, _ path: [any Command.Type]
  ) throws(Failure) {
    if declaration.isGiven, !declaration.repeats { throw failure(path, "\(declaration.shownName) is given twice") }
    if declaration.kind == .flag {
      if attached != nil { throw failure(path, "\(declaration.shownName) takes no value") }
      return try give("", to: declaration, path)
    }
    if let attached { return try give(attached, to: declaration, path) }
    guard let value = rest.first, !looksLikeOption(value) else {
      throw failure(path, "\(declaration.shownName) needs a value, \(declaration.valueName)")
    }
    rest.removeFirst()
    try give(value, to: declaration, path)
    while declaration.repeats, let next = rest.first, !looksLikeOption(next) {
      rest.removeFirst()
      try give(next, to: declaration, path)
    }
  }

  private func looksLikeOption(_ word: String) -> Bool { word.hasPrefix("--") || word == "-h" }

  private func give(_ text: String, to declaration: ArgumentDeclaration, _ path: [any Command.Type]) throws(Failure) {
    if let problem = declaration.accept(text) { throw failure(path, "\(declaration.shownName): \(problem)") }
    declaration.isGiven = true
  }
}

/// What a command declares, in the order of its properties. Names that the declaration leaves open come from the property.
func declarations(of command: Any) -> [ArgumentDeclaration] {
  var found: [ArgumentDeclaration] = []
  for child in Mirror(reflecting: command).children {
    if let group = child.value as? any DeclaredGroup {
      found += declarations(of: group.content)
    } else if let declared = child.value as? any DeclaredArgument {
      let declaration = declared.declaration
      if declaration.name == nil, declaration.kind != .argument, let label = child.label {
        declaration.name = optionName(label)
      }
      found.append(declaration)
    }
  }
  return found
}

/// `_waitCaughtUp` → `wait-caught-up`.
private func optionName(_ property: String) -> String {
  var name = ""
  for character in property.drop(while: { $0 == "_" }) {
    if character.isUppercase { name += "-" }
    name += character.lowercased()
  }
  return name
}
