/// Options that several commands share: a struct of declarations, laid into the command's own.
@propertyWrapper
package struct OptionGroup<Group: OptionGroupContent>: DeclaredGroup {
  package let wrappedValue: Group
  package init() { wrappedValue = Group() }
  var content: Any { wrappedValue }
}

package protocol OptionGroupContent {
  init()
}

protocol DeclaredGroup {
  var content: Any { get }
}
