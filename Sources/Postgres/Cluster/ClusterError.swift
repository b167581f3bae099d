/// Why there is no private PostgreSQL.
package enum ClusterError: Error, Sendable, CustomStringConvertible {
  /// Neither in `PATH` nor where the distributions put it.
  case notInstalled
  /// A program, and why.
  case cannotRun(String, String)
  /// The directory, and why.
  case directory(String, String)
  /// What was tried, and the end of the log.
  case failed(String, log: String)

  package var description: String {
    switch self {
    case .notInstalled:
      "PostgreSQL's server programs (initdb, postgres) are neither in PATH nor in /usr/lib/postgresql/*/bin: install postgresql"
    case .cannotRun(let program, let reason): "\(program) cannot be run: \(reason)"
    case .directory(let path, let reason): "\(path): \(reason)"
    case .failed(let what, let log): log.isEmpty ? "\(what) failed" : "\(what) failed:\n\(log)"
    }
  }
}
