import Foundation
import Testing

extension SystemTests {
  @Suite("Each stage against its ceiling")
  struct BenchTests {
    private func content(_ folder: URL) throws -> [String] {
      try FileManager.default.contentsOfDirectory(atPath: folder.path)
    }

    @Test("bench measures every stage, of generated events and of a file's, and leaves nothing behind")
    func stages() throws {
      let folder = try Servers.clusterFolder("bench")
      defer { try? FileManager.default.removeItem(at: folder) }
      let program = try Servers.shared().program.path
      let file = folder.appendingPathComponent("events.tsv")
      try Shell.output(program, ["generate", "--events", "300", "--days", "1"]).write(to: file)
      for words in [["--events", "600", "--seed", "3"], ["--file", file.path]] {
        let output = try Shell.output(
          program, ["bench", "--json"] + words, environment: ["TMPDIR": folder.path])
        let report = try JSONSerialization.jsonObject(with: output) as! [String: Any]
        #expect(report["events"] as? Int == (words.contains("--file") ? 300 : 600))
        #expect((report["event_bytes"] as! Int) > 100 && (report["journal_bytes"] as! Int) > 10)
        let stages = report["stages"] as! [[String: Any]]
        #expect(
          stages.map { $0["stage"] as! String } == [
            "decoder", "window of duplicates", "encoding a batch", "digests of what is stored", "decoding a batch",
            "fold of projects, in memory", "fold of models, in memory", "fold of activity, in memory",
            "append to the journal", "projects, into PostgreSQL", "models, into PostgreSQL",
            "activity, into PostgreSQL",
          ])
        for stage in stages {
          #expect((stage["ns_per_event"] as! Double) > 0 && (stage["events_per_second"] as! Int) > 0, "\(stage)")
          guard let ceiling = stage["ceiling"] as? [String: Any] else { continue }
          #expect((ceiling["ns_per_event"] as! Double) > 0 && (ceiling["ratio"] as! Double) > 0, "\(stage)")
        }
        #expect(stages.filter { $0["ceiling"] is NSNull }.count == 5)
        #expect(try content(folder) == ["events.tsv"])
      }
      try Data("no event\n".utf8).write(to: file)
      let refused = try Shell.run(program, ["bench", "--file", file.path], environment: ["TMPDIR": folder.path])
      #expect(refused.status == 1 && String(decoding: refused.errors, as: UTF8.self).contains("record 1 is no event"))
      #expect(try Shell.run(program, ["bench", "--events", "0"]).status == 64)
    }

    @Test("Ctrl-C while PostgreSQL is at work shows what was measured, and leaves nothing behind")
    func stopped() throws {
      let folder = try Servers.clusterFolder("bench")
      defer { try? FileManager.default.removeItem(at: folder) }
      let bench = try DaemonProcess(
        program: try Servers.shared().program, arguments: ["bench", "--events", "20000", "--json"],
        environment: ["TMPDIR": folder.path], log: folder.appendingPathComponent("log"))
      try Wait.until("PostgreSQL is started") {
        try content(folder).contains { name in
          FileManager.default.fileExists(atPath: folder.appendingPathComponent("\(name)/data/postmaster.pid").path)
        }
      }
      bench.signal(SIGINT)
      #expect(bench.waitForExit(120) && bench.process.terminationStatus == 1, "\(bench.output)")
      #expect(bench.output.contains("it was stopped") && bench.output.contains("\"decoder\""), "\(bench.output)")
      #expect(try content(folder) == ["log"])
    }
  }
}
