import Glibc

package struct TestSupportError: Error, CustomStringConvertible {
  package var description: String
  package init(_ description: String) { self.description = description }
}

/// Looks at a condition again and again until it holds.
package func waitUntil(
  _ what: String, milliseconds: Int = 120_000, _ condition: () throws -> Bool
) throws {
  var waited = 0
  let step = 5
  while try !condition() {
    guard waited < milliseconds else {
      throw TestSupportError("after \(milliseconds) ms it still was not so that \(what)")
    }
    usleep(UInt32(step * 1_000))
    waited += step
  }
}
