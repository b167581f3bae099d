/// A value by its place: `pleat resume TOPIC PARTITION`. It must be given; of a list any number may be.
@propertyWrapper
package struct Argument<Value>: DeclaredArgument {
  let storage: ArgumentStorage<Value>
  package let declaration: ArgumentDeclaration

  package var wrappedValue: Value { storage.parsed }

  private init(_ storage: ArgumentStorage<Value>, _ declaration: ArgumentDeclaration) {
    (self.storage, self.declaration) = (storage, declaration)
  }

  package init(_ valueName: String, help: String) where Value: ArgumentValue {
    let storage = ArgumentStorage<Value>(nil)
    self.init(
      storage,
      ArgumentDeclaration(
        .argument, name: nil, valueName: valueName, help: help, isRequired: true, repeats: false, defaultText: nil,
        accept: accepting(Value.self) { storage.value = $0 }))
  }

  /// Any number of values, none included; the last of a command's arguments.
  package init<Element: ArgumentValue>(_ valueName: String, help: String) where Value == [Element] {
    let storage = ArgumentStorage<Value>([])
    self.init(
      storage,
      ArgumentDeclaration(
        .argument, name: nil, valueName: valueName, help: help, isRequired: false, repeats: true, defaultText: nil,
        accept: accepting(Element.self) { storage.value = storage.parsed + [$0] }))
  }
}
