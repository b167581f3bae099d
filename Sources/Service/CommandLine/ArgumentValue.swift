/// What can stand as a value on the command line.
package protocol ArgumentValue {
  /// nil if the text is not such a value.
  init?(argument: String)
  /// With its article, for messages: `an integer`.
  static var kind: String { get }
}

extension String: ArgumentValue {
  package init?(argument: String) { self = argument }
  package static var kind: String { "a text" }
}

extension Int: ArgumentValue {
  package init?(argument: String) { self.init(argument, radix: 10) }
  package static var kind: String { "an integer" }
}

extension Int64: ArgumentValue {
  package init?(argument: String) { self.init(argument, radix: 10) }
  package static var kind: String { "an integer" }
}

extension Int32: ArgumentValue {
  package init?(argument: String) { self.init(argument, radix: 10) }
  package static var kind: String { "an integer" }
}

extension UInt64: ArgumentValue {
  package init?(argument: String) { self.init(argument, radix: 10) }
  package static var kind: String { "an integer that is not negative" }
}

extension Double: ArgumentValue {
  package init?(argument: String) {
    guard let value = Double(argument), value.isFinite else { return nil }
    self = value
  }
  package static var kind: String { "a number" }
}
