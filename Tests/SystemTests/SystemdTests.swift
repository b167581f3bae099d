import Foundation
import Glibc
import Testing

extension SystemTests {
  @Suite("Under systemd")
  struct SystemdTests {
    /// Waits until one came in like this, and tells where the first stands.
    private func wait(
      _ socket: NotifySocket, for what: String, from: Int = 0, _ daemon: DaemonProcess, _ isIt: (String) -> Bool
    ) throws -> Int {
      var index: Int?
      try Wait.until("\(what) is told\n\(socket.messages)\n\(daemon.output)") {
        socket.receive()
        index = socket.messages[from...].firstIndex(where: isIt)
        return index != nil
      }
      return index!
    }

    private static let feed = "WATCHDOG=1"
    private static let ready = "READY=1"

    @Test("who waits for a server says so, and is not ready")
    func waiting() throws {
      let pleat = try Installation()
      let socket = try NotifySocket()
      let daemon = try pleat.start(
        "one", ["NOTIFY_SOCKET": socket.name, "PLEAT_POSTGRES_URL": "postgresql://pleat_writer@127.0.0.1:1/pleat"])
      _ = try wait(socket, for: "what it waits for", daemon) { $0 == "STATUS=waiting for PostgreSQL" }
      #expect(daemon.terminate() == 0)
      socket.receive()
      #expect(!socket.messages.contains(Self.ready))
    }

    @Test("it is ready once it runs, says what it does, and feeds the watchdog while every stage makes progress")
    func notifies() throws {
      let pleat = try Installation()
      let socket = try NotifySocket()
      let daemon = try pleat.start("one", ["NOTIFY_SOCKET": socket.name, "WATCHDOG_USEC": "400000"])
      let isFed = { $0 == Self.feed }
      let ready = try wait(socket, for: "that it is ready", daemon) { $0 == Self.ready }
      #expect(!socket.messages[..<ready].contains(Self.feed))
      let working = "STATUS=reading 1 partition; folding projects, models, activity; relaying"
      let works = try wait(socket, for: "what it does", from: ready, daemon) { $0 == working }
      let fed = try wait(socket, for: "that it lives", from: works, daemon, isFed)
      _ = try wait(socket, for: "that it still lives", from: fed + 1, daemon, isFed)

      // A backend that answers nothing: whoever waits for it makes no progress.
      let backend = try #require(
        pid_t(
          try pleat.sql(
            "SELECT pid FROM pg_stat_activity WHERE application_name = 'pleat leases' AND datname = current_database()")
        ))
      kill(backend, SIGSTOP)
      defer { kill(backend, SIGCONT) }
      let isStuck = { (message: String) in message.contains("without progress: leases") }
      let stuck = try wait(socket, for: "who is stuck", from: fed, daemon, isStuck)
      try Wait.until("it is said why") { daemon.output.contains("the watchdog is not fed") }
      socket.receive()
      #expect(!socket.messages[stuck...].contains(Self.feed), "\(socket.messages)")
      kill(backend, SIGCONT)
      let on = try wait(socket, for: "that it goes on", from: stuck, daemon) {
        $0.hasPrefix("STATUS=") && !$0.contains("without progress")
      }
      _ = try wait(socket, for: "that it lives again", from: stuck, daemon, isFed)
      #expect(daemon.terminate() == 0)
      socket.receive()
      let stopping = try #require(socket.messages.firstIndex(of: "STOPPING=1"))
      #expect(stopping > on && socket.messages.last == "STATUS=stopping", "\(socket.messages)")
      #expect(socket.messages.filter { $0 == Self.ready }.count == 1)
    }
  }
}
