/// A value by its place: `pleat resume TOPIC PARTITION`. It must be given.
@propertyWrapper
package struct Argument<Value: ArgumentValue>: DeclaredArgument {
  let storage: ArgumentStorage<Value>
  package let declaration: ArgumentDeclaration

  package var wrappedValue: Value { storage.parsed }

  package init(_ valueName: String, help: String) {
    let storage = ArgumentStorage<Value>(nil)
    self.storage = storage
    declaration = ArgumentDeclaration(
      .argument, name: nil, valueName: valueName, help: help, isRequired: true, repeats: false, defaultText: nil,
      accept: accepting(Value.self) { storage.value = $0 })
  }
}
