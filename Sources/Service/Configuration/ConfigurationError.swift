/// What is wrong with the configuration: a sentence for each problem, with its place. Exit code 78. Holds no secret.
package struct ConfigurationError: Error, Hashable, Sendable {
  package var problems: [String]

  package init(_ problems: [String]) { self.problems = problems }
  package init(_ problem: String) { problems = [problem] }

  package var message: String { problems.joined(separator: "\n") }
  package var failure: CommandFailure { CommandFailure(.configuration, message) }
}
