/// An option without a value, false where it is not given: `--json`.
@propertyWrapper
package struct Flag: DeclaredArgument {
  let storage: ArgumentStorage<Bool>
  package let declaration: ArgumentDeclaration

  package var wrappedValue: Bool { storage.parsed }

  package init(name: String? = nil, help: String) {
    let storage = ArgumentStorage(false as Bool?)
    self.storage = storage
    declaration = ArgumentDeclaration(
      .flag, name: name, valueName: "", help: help, isRequired: false, repeats: false, defaultText: nil
    ) { _ in
      storage.value = true
      return nil
    }
  }
}
