import Foundation
import Glibc
import Testing

extension SystemTests {
  @Suite("The demonstration")
  struct DemoTests {
    /// Processes that have this folder in their arguments.
    private func processes(of folder: URL) throws -> [String] {
      try FileManager.default.contentsOfDirectory(atPath: "/proc").filter { Int($0) != nil }.compactMap { pid in
        // Who has ended meanwhile has none.
        guard let words = FileManager.default.contents(atPath: "/proc/\(pid)/cmdline") else { return nil }
        let line = String(decoding: words, as: UTF8.self).replacingOccurrences(of: "\0", with: " ")
        return line.contains(folder.lastPathComponent) ? "\(pid): \(line)" : nil
      }
    }

    @Test("without a terminal it says at the end what it did, and leaves nothing behind")
    func summary() throws {
      let folder = try Servers.clusterFolder("demo")
      defer { try? FileManager.default.removeItem(at: folder) }
      let demo = try Shell.run(
        try Servers.shared().program.path, ["demo", "--seconds", "10", "--rate", "200", "--seed", "3"],
        environment: ["TMPDIR": folder.path])
      let said = String(decoding: demo.output + demo.errors, as: UTF8.self)
      #expect(demo.status == 0, "\(said)")
      let journaled = try #require(said.firstMatch(of: #/journaled +([\d,]+)/#), "\(said)")
      #expect(Int(journaled.1.replacing(",", with: ""))! > 0, "\(said)")
      #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == [])
      #expect(try processes(of: folder) == [])
    }

    @Test(
      "Ctrl-C and a terminal that is closed end it in the middle, and leave nothing behind",
      arguments: [SIGINT, SIGHUP])
    func stopped(_ signal: Int32) throws {
      // Who runs the tests may be under `nohup`.
      Glibc.signal(SIGHUP, SIG_DFL)
      let folder = try Servers.clusterFolder("demo")
      defer { try? FileManager.default.removeItem(at: folder) }
      let logs = try Servers.clusterFolder("logs")
      defer { try? FileManager.default.removeItem(at: logs) }
      let demo = try DaemonProcess(
        program: try Servers.shared().program, arguments: ["demo"], environment: ["TMPDIR": folder.path],
        log: logs.appendingPathComponent("log"))
      try Wait.until("PostgreSQL is started") {
        try !processes(of: folder).filter { $0.contains("postgres") }.isEmpty
      }
      demo.signal(signal)
      #expect(demo.waitForExit(120), "\(demo.output)")
      #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == [])
      #expect(try processes(of: folder) == [])
    }
  }
}
