import Glibc

/// A PostgreSQL of one's own in a temporary directory, for `demo` and for tests: trust authentication, a Unix socket that only
/// its user can reach or a port of 127.0.0.1, and nothing left when it is removed, or when this process ends, however it does.
///
/// Started by root it runs as `postgres`, or `nobody` where there is none.
package final class PrivateCluster {
  package enum Address: Sendable {
    case unixSocket
    /// A free port of 127.0.0.1.
    case loopback
  }

  package enum Shutdown: Sendable {
    /// Sessions are ended, and what is in memory is written.
    case fast
    /// As a crash: the next start recovers.
    case immediate
  }

  private static let startSeconds = 60
  private static let stopSeconds = 30
  private static let logBytes = 4000

  /// The directory that holds everything.
  package let directory: String
  private let binaries: String
  private let user: ClusterUser?
  private let host: String
  package let port: UInt16
  private let settings: [(String, String)]
  private var server: ChildProcess?
  private var clusterGuard: ClusterGuard?

  /// Makes a cluster; `start` runs it. On an error nothing is left.
  ///
  /// - Parameters:
  ///   - parent: where the directory is made; nil for the system's place for temporary files.
  ///   - settings: further settings of the server, by PostgreSQL's names.
  package init(
    _ address: Address = .unixSocket, in parent: String? = nil, settings: [(String, String)] = []
  ) throws(ClusterError) {
    binaries = try Self.findBinaries()
    user = geteuid() == 0 ? try ClusterUser.find() : nil
    directory = try Self.makeDirectory(in: parent, owner: user)
    self.settings = settings
    do throws(ClusterError) {
      clusterGuard = try ClusterGuard(directory: directory)
      switch address {
      case .unixSocket: (host, port) = (directory, 5432)
      case .loopback: (host, port) = ("127.0.0.1", try Self.freePort())
      }
      try run(
        "initdb",
        [
          "--pgdata", directory + "/data", "--auth", "trust", "--username", "postgres", "--encoding", "UTF8",
          "--locale", "C.UTF-8", "--no-sync",
        ])
    } catch {
      clusterGuard?.dismiss()
      // `deinit` follows.
      clusterGuard = nil
      Self.remove(directory)
      throw error
    }
  }

  deinit { remove() }

  /// The server's process; nil while it does not run.
  package var pid: Int32? { server?.pid }

  /// How to connect, as the superuser unless another user is named.
  package func target(database: String = "postgres", user: String = "postgres", applicationName: String = "pleat")
    -> ConnectionTarget
  {
    ConnectionTarget(conninfo(database: database, user: user), applicationName: applicationName)
  }

  package func conninfo(database: String = "postgres", user: String = "postgres") -> String {
    "host=\(host) port=\(port) dbname=\(database) user=\(user)"
  }

  /// Starts the server and waits until it answers.
  package func start() throws(ClusterError) {
    if server != nil { return }
    var options: [(String, String)] = [
      ("unix_socket_directories", host == directory ? directory : ""),
      ("listen_addresses", host == directory ? "" : host), ("port", String(port)), ("max_connections", "50"),
      ("wal_level", "minimal"), ("max_wal_senders", "0"), ("max_wal_size", "2GB"), ("log_min_messages", "warning"),
    ]
    options += settings
    let child = try spawn(
      "postgres", ["-D", directory + "/data"] + options.flatMap { ["-c", "\($0.0)=\($0.1)"] }, log: "server.log")
    server = child
    let deadline = Deadline(seconds: Self.startSeconds)
    while true {
      do throws(PostgresError) {
        _ = try Connection(target(applicationName: "pleat/start"))
        return
      } catch {
        if child.poll() != nil {
          server = nil
          throw .failed("starting PostgreSQL", log: logEnd("server.log"))
        }
        guard !deadline.hasPassed else {
          stop(.immediate)
          throw .failed("waiting for PostgreSQL: \(error)", log: logEnd("server.log"))
        }
        usleep(ChildProcess.pollMicroseconds)
      }
    }
  }

  /// Stops the server; the cluster can be started again.
  package func stop(_ shutdown: Shutdown = .fast) {
    guard let child = server else { return }
    server = nil
    child.send(shutdown == .fast ? SIGINT : SIGQUIT)
    if child.wait(seconds: Self.stopSeconds) != nil { return }
    child.send(SIGQUIT)
    if child.wait(seconds: Self.stopSeconds) != nil { return }
    child.send(SIGKILL)
    _ = child.wait(seconds: Self.stopSeconds)
  }

  /// Stops the server and removes the directory; the cluster is of no use any more.
  package func remove() {
    stop(.immediate)
    clusterGuard?.dismiss()
    clusterGuard = nil
    Self.remove(directory)
  }

  // MARK: - Programs

  private func spawn(_ program: String, _ arguments: [String], log: String) throws(ClusterError) -> ChildProcess {
    // `env` and `setpriv` become the program, so that the process is the server itself. PostgreSQL does not start in a
    // directory that its user may not read.
    var command = ["--chdir=/"]
    if let user {
      command += [
        try Self.findProgram("setpriv"), "--reuid=\(user.uid)", "--regid=\(user.gid)", "--clear-groups",
      ]
    }
    command.append("\(binaries)/\(program)")
    return try ChildProcess(try Self.findProgram("env"), command + arguments, log: "\(directory)/\(log)")
  }

  private func run(_ program: String, _ arguments: [String]) throws(ClusterError) {
    let log = "\(program).log"
    let child = try spawn(program, arguments, log: log)
    guard let status = child.wait(seconds: Self.startSeconds) else {
      child.send(SIGKILL)
      _ = child.wait(seconds: Self.stopSeconds)
      throw .failed("\(program) (no end within \(Self.startSeconds) s)", log: logEnd(log))
    }
    guard status == 0 else { throw .failed(program, log: logEnd(log)) }
  }

  private func logEnd(_ name: String) -> String {
    guard let file = fopen("\(directory)/\(name)", "re") else { return "" }
    defer { fclose(file) }
    fseek(file, -Self.logBytes, SEEK_END)
    var bytes = [UInt8](repeating: 0, count: Self.logBytes)
    let count = fread(&bytes, 1, bytes.count, file)
    return String(decoding: bytes[..<count], as: UTF8.self)
  }

  private static func findProgram(_ name: String) throws(ClusterError) -> String {
    for directory in searchPath() + ["/usr/bin", "/bin", "/usr/sbin", "/sbin"]
    where access("\(directory)/\(name)", X_OK) == 0 { return "\(directory)/\(name)" }
    throw .cannotRun(name, "it is not in PATH")
  }

  private static func searchPath() -> [String] {
    guard let path = getenv("PATH") else { return [] }
    return String(cString: path).split(separator: ":").map(String.init)
  }

  /// Where both programs are: in `PATH`, else the newest of a distribution's versions.
  private static func findBinaries() throws(ClusterError) -> String {
    let versioned = (10...99).reversed().flatMap {
      ["/usr/lib/postgresql/\($0)/bin", "/usr/pgsql-\($0)/bin", "/usr/lib64/pgsql-\($0)/bin"]
    }
    for directory in searchPath() + versioned
    where access("\(directory)/initdb", X_OK) == 0 && access("\(directory)/postgres", X_OK) == 0 { return directory }
    throw .notInstalled
  }

  // MARK: - Directory and port

  private static func makeDirectory(in given: String?, owner: ClusterUser?) throws(ClusterError) -> String {
    let parent = given ?? getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp"
    var template = Array("\(parent)/pleat-XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else { throw .directory(parent, String(cString: strerror(errno))) }
    let path = template.withUnsafeBufferPointer { String(cString: $0.baseAddress!) }
    if let owner, chown(path, owner.uid, owner.gid) != 0 {
      let reason = String(cString: strerror(errno))
      rmdir(path)
      throw .directory(path, reason)
    }
    return path
  }

  private static func remove(_ directory: String) {
    if let handle = opendir(directory) {
      while let entry = Glibc.readdir(handle) {
        let name = withUnsafePointer(to: &entry.pointee.d_name) {
          $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
        }
        if name == "." || name == ".." { continue }
        let path = "\(directory)/\(name)"
        // Links are removed, not followed.
        if unlink(path) != 0 { remove(path) }
      }
      closedir(handle)
    }
    rmdir(directory)
  }

  /// A port that was free a moment ago.
  private static func freePort() throws(ClusterError) -> UInt16 {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    guard descriptor >= 0 else { throw .directory("127.0.0.1", String(cString: strerror(errno))) }
    defer { close(descriptor) }
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let bound = withUnsafeMutablePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        bind(descriptor, $0, length) == 0 && getsockname(descriptor, $0, &length) == 0
      }
    }
    guard bound else { throw .directory("127.0.0.1", "no port is free: \(String(cString: strerror(errno)))") }
    return UInt16(bigEndian: address.sin_port)
  }
}

/// Whom a server started by root runs as: PostgreSQL refuses root.
private struct ClusterUser {
  let uid: uid_t
  let gid: gid_t

  static func find() throws(ClusterError) -> ClusterUser {
    for name in ["postgres", "nobody"] {
      if let entry = getpwnam(name) { return ClusterUser(uid: entry.pointee.pw_uid, gid: entry.pointee.pw_gid) }
    }
    throw .cannotRun("postgres", "started by root it needs the user postgres or nobody")
  }
}
