import Foundation

/// Runs programs to their end.
enum Shell {
  struct Failure: Error, CustomStringConvertible {
    var description: String
  }

  /// What the program writes to standard output; throws if it fails, with what it said.
  static func output(
    _ program: String, _ arguments: [String], environment: [String: String] = [:], input: Data? = nil
  ) throws -> Data {
    let (status, out, err) = try run(program, arguments, environment: environment, input: input)
    guard status == 0 else {
      throw Failure(
        description:
          "\(program) \(arguments.joined(separator: " ")) ended with \(status): \(String(decoding: err, as: UTF8.self))"
      )
    }
    return out
  }

  static func run(
    _ program: String, _ arguments: [String], environment: [String: String] = [:], input: Data? = nil
  ) throws -> (status: Int32, output: Data, errors: Data) {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("pleat-shell-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    func file(_ name: String, _ content: Data = Data()) throws -> URL {
      let url = folder.appendingPathComponent(name)
      try content.write(to: url)
      return url
    }
    let (out, err) = (try file("out"), try file("err"))
    let process = Process()
    process.executableURL = URL(fileURLWithPath: program.hasPrefix("/") ? program : "/usr/bin/env")
    process.arguments = program.hasPrefix("/") ? arguments : [program] + arguments
    process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
    process.standardOutput = try FileHandle(forWritingTo: out)
    process.standardError = try FileHandle(forWritingTo: err)
    process.standardInput = try FileHandle(forReadingFrom: file("in", input ?? Data()))
    try process.run()
    process.waitUntilExit()
    return (process.terminationStatus, try Data(contentsOf: out), try Data(contentsOf: err))
  }
}
