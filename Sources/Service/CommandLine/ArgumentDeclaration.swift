/// One declared flag, option or argument of a command, as the parser and the help see it.
package final class ArgumentDeclaration {
  package enum Kind { case flag, option, argument }

  package let kind: Kind
  /// Without dashes; from the property's name where the declaration gives none.
  package internal(set) var name: String?
  /// How help calls the value: `FILE`.
  package let valueName: String
  package let help: String
  package let isRequired: Bool
  /// Whether it may be given more than once; an option then takes all values up to the next option.
  package let repeats: Bool
  /// What holds if it is not given, for help.
  package let defaultText: String?
  /// Takes the text (of a flag: empty) and says what is wrong with it.
  let accept: (String) -> String?
  var isGiven = false

  init(
    _ kind: Kind, name: String?, valueName: String, help: String, isRequired: Bool, repeats: Bool, defaultText: String?,
    accept: @escaping (String) -> String?
  ) {
    (self.kind, self.name, self.valueName, self.help) = (kind, name, valueName, help)
    (self.isRequired, self.repeats, self.defaultText, self.accept) = (isRequired, repeats, defaultText, accept)
  }

  /// `--wait-caught-up`, or `TOPIC` for an argument.
  var shownName: String { kind == .argument ? valueName : "--\(name ?? "")" }
}

/// A property wrapper that declares something on the command line.
protocol DeclaredArgument {
  var declaration: ArgumentDeclaration { get }
}

/// The value behind a wrapper; nil until the parser has one.
final class ArgumentStorage<Value> {
  var value: Value?
  init(_ value: Value?) { self.value = value }
  var parsed: Value {
    guard let value else { preconditionFailure("a required argument is read before the command line was parsed") }
    return value
  }
}

/// How a value type takes one text from the command line.
func accepting<Value: ArgumentValue>(_: Value.Type, _ store: @escaping (Value) -> Void) -> (String) -> String? {
  { text in
    guard let value = Value(argument: text) else { return "\"\(text)\" is not \(Value.kind)" }
    store(value)
    return nil
  }
}
