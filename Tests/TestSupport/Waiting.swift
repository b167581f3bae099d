import Glibc

package struct TestSupportError: Error, CustomStringConvertible {
  package var description: String
  package init(_ description: String) { self.description = description }
}

/// Looks at a condition again and again until it holds; what the looks take counts.
package func waitUntil(
  _ what: @autoclosure () -> String, milliseconds: Int = 120_000, pauseMilliseconds: UInt32 = 5,
  _ condition: () throws -> Bool
) throws {
  let clock = ContinuousClock()
  let deadline = clock.now.advanced(by: .milliseconds(milliseconds))
  while try !condition() {
    guard clock.now < deadline else {
      throw TestSupportError("after \(milliseconds) ms it still was not so that \(what())")
    }
    usleep(pauseMilliseconds * 1_000)
  }
}
