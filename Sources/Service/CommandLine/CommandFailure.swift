/// Why a command did not do what it was asked: what happened, to what, and what to do about it. Holds no secret.
package struct CommandFailure: Error, Hashable, Sendable, CustomStringConvertible {
  package var exitCode: ExitCode
  package var message: String

  package init(_ exitCode: ExitCode, _ message: String) { (self.exitCode, self.message) = (exitCode, message) }

  package var description: String { message }
}
