/// An option with a value: `--seconds 30` or `--seconds=30`.
///
/// A property with a default is optional and its default shown; `Value?` is optional without one; `[Value]` may be given more
/// than once; any other must be given.
@propertyWrapper
package struct Option<Value>: DeclaredArgument {
  let storage: ArgumentStorage<Value>
  package let declaration: ArgumentDeclaration

  package var wrappedValue: Value { storage.parsed }

  private init(
    _ storage: ArgumentStorage<Value>, name: String?, valueName: String, help: String, isRequired: Bool = false,
    repeats: Bool = false, defaultText: String? = nil, accept: @escaping (String) -> String?
  ) {
    self.storage = storage
    declaration = ArgumentDeclaration(
      .option, name: name, valueName: valueName, help: help, isRequired: isRequired, repeats: repeats,
      defaultText: defaultText, accept: accept)
  }

  package init(name: String? = nil, _ valueName: String, help: String) where Value: ArgumentValue {
    let storage = ArgumentStorage<Value>(nil)
    self.init(
      storage, name: name, valueName: valueName, help: help, isRequired: true,
      accept: accepting(Value.self) { storage.value = $0 })
  }

  package init(wrappedValue: Value, name: String? = nil, _ valueName: String, help: String) where Value: ArgumentValue {
    let storage = ArgumentStorage(wrappedValue as Value?)
    self.init(
      storage, name: name, valueName: valueName, help: help, defaultText: "\(wrappedValue)",
      accept: accepting(Value.self) { storage.value = $0 })
  }

  package init<Wrapped: ArgumentValue>(
    name: String? = nil, _ valueName: String, help: String, default defaultText: String? = nil
  ) where Value == Wrapped? {
    let storage = ArgumentStorage<Value>(.some(nil))
    self.init(
      storage, name: name, valueName: valueName, help: help, defaultText: defaultText,
      accept: accepting(Wrapped.self) { storage.value = $0 })
  }

  package init<Element: ArgumentValue>(
    wrappedValue: Value, name: String? = nil, _ valueName: String, help: String, default defaultText: String? = nil
  ) where Value == [Element] {
    let storage = ArgumentStorage<Value>(wrappedValue)
    var isFirst = true
    self.init(
      storage, name: name, valueName: valueName, help: help, repeats: true, defaultText: defaultText,
      accept: accepting(Element.self) {
        storage.value = isFirst ? [$0] : storage.parsed + [$0]
        isFirst = false
      })
  }
}
