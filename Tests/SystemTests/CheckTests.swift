import Foundation
import TestSupport
import Testing

extension SystemTests {
  @Suite("Checking an installation")
  struct CheckTests {
    @discardableResult
    private func check(_ pleat: Installation, expecting code: Int32 = 0, _ more: [String: String] = [:]) throws
      -> [String: Any]
    {
      let text = try pleat.pleat("check", "--json", expecting: code, environment: more)
      return try JSONSerialization.jsonObject(with: Data(text.utf8)) as! [String: Any]
    }

    @Test("says yes where `run` would, and else what is to be mended, or is not there")
    func check() throws {
      let pleat = try Installation()
      let content = try check(pleat)
      #expect(content["ok"] as? Bool == true, "\(content)")
      let names = (content["checks"] as! [[String: Any]]).map { $0["name"] as! String }
      #expect(
        names == ["configuration", "postgres", "clock", "catalog", "kafka", "reading"]
          + (pleat.broker.isReal ? ["cursor topic"] : []) + ["administrator"])
      // Nobody listens on these ports: they are not given out.
      let nowhere = "127.0.0.1:1"
      var missing = [
        ("PLEAT_KAFKA_BOOTSTRAP", nowhere), ("PLEAT_POSTGRES_URL", "postgresql://pleat_writer@\(nowhere)/pleat"),
      ]
      // The embedded broker makes every topic that it is asked for.
      if pleat.broker.isReal { missing.append(("PLEAT_KAFKA_TOPICS", "a.topic.that.is.not.there")) }
      for (name, value) in missing {
        let found = try check(pleat, expecting: 69, [name: value])
        #expect(found["ok"] as? Bool == false, "\(name): \(found)")
      }
      try pleat.pleat("check", expecting: 78, environment: ["PLEAT_INGEST_FLUSH_EVENTS": "many"])
      _ = try pleat.sql("DELETE FROM pleat.migrations WHERE number = (SELECT max(number) FROM pleat.migrations)")
      #expect(try check(pleat, expecting: 78)["ok"] as? Bool == false)
    }

    @Test("a clock that is not the database's is said, and run goes on with a warning")
    func clock() throws {
      let pleat = try Installation()
      let clock = try SteppingClock(in: pleat.folder)
      func said() throws -> String? {
        let checks =
          try check(pleat, clock.environment)["checks"] as! [[String: Any]]
        return checks.first { $0["name"] as? String == "clock" }?["message"] as? String
      }
      #expect(try said() == "as the database's")
      clock.step(hours: -1)
      #expect(try said()?.hasPrefix("this host's clock is 3600 s behind the database's: events of now are") == true)
      let daemon = try pleat.start("one", clock.environment)
      try Wait.until("it runs\(pleat.logs)") { daemon.output.contains("running") }
      #expect(daemon.output.contains("this host's clock is 3600 s behind"))
      #expect(daemon.terminate() == 0)
      clock.step(hours: 2)
      #expect(try said()?.hasPrefix("this host's clock is 7200 s ahead of the database's") == true)
    }

    @Test("tries the administrator's login, and looks at the cursor topic")
    func everyConnection() throws {
      let pleat = try Installation()
      func said(_ check: [String: Any], _ name: String) -> String? {
        (check["checks"] as! [[String: Any]]).first { $0["name"] as? String == name }?["message"] as? String
      }
      let fine = try check(pleat)
      #expect(said(fine, "administrator") == "is let in")
      let nobody = pleat.servers.url(database: pleat.name, user: "nobody_at_all")
      let refused = try check(pleat, ["PLEAT_POSTGRES_ADMIN_URL": nobody])
      #expect(said(refused, "administrator")?.contains("mend postgres.admin_url") == true, "\(refused)")
      let forget = try Shell.run(
        pleat.servers.program.path, ["forget", "u"],
        environment: pleat.environment.merging(["PLEAT_POSTGRES_ADMIN_URL": nobody]) { $1 })
      #expect(forget.status == 78 && String(decoding: forget.errors, as: UTF8.self).contains("mend postgres.admin_url"))
      guard pleat.broker.isReal else { return }
      #expect(said(fine, "cursor topic") == "not there yet: the relay makes it")
      let cursors = "\(pleat.name).wrong"
      try pleat.broker.createTopic(cursors, partitions: 1)
      let wrong = try check(pleat, expecting: 78, ["PLEAT_KAFKA_CURSOR_TOPIC": cursors])
      #expect(said(wrong, "cursor topic")?.contains("cleanup.policy=delete") == true, "\(wrong)")
    }

    @Test("a topic that may be seen and not be read is said", .enabled(if: Servers.hasRealKafka))
    func missingRight() throws {
      let servers = try Servers.own(kafkaSettings: [
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "allow.everyone.if.no.acl.found": "true",
      ])
      defer { servers.stop() }
      let pleat = try Installation(on: servers)
      #expect(try pleat.pleat("check").contains("ok      reading        "))
      try pleat.broker.produceValues([[UInt8]("{}".utf8)], to: pleat.input)
      let added = try Shell.run(
        "\(RealKafka.home!)/bin/kafka-acls.sh",
        [
          "--bootstrap-server", pleat.broker.bootstrap, "--add", "--allow-principal", "User:ANONYMOUS", "--operation",
          "Describe", "--topic", pleat.input,
        ], environment: [:])
      #expect(added.status == 0)
      // What anybody may do ends with the first rule.
      try Wait.until("the right is gone") {
        let check = try Shell.run(servers.program.path, ["check"], environment: pleat.environment)
        let unread = String(decoding: check.output, as: UTF8.self).split(separator: "\n").first {
          $0.hasPrefix("failed  reading        \(pleat.input)/")
        }
        return check.status == 69 && unread?.hasSuffix("Topic authorization failed") == true
      }
    }

    @Test("a catalog that says something else under the same version is refused, and nothing is folded with it")
    func otherCatalog() throws {
      let pleat = try Installation()
      func catalog(_ version: Int, _ name: String?) throws -> [String: String] {
        let file = pleat.folder.appendingPathComponent("\(name ?? "none")-\(version).yaml")
        try "version: \(version)\ntechnologies: [\(name.map { "{name: \($0), category: language}" } ?? "")]\n"
          .write(to: file, atomically: true, encoding: .utf8)
        return ["PLEAT_PROJECTIONS_CATALOG": file.path]
      }
      func serve(_ catalog: [String: String]) throws {
        let daemon = try pleat.start("one", catalog)
        try Wait.until("it runs\(pleat.logs)") { daemon.output.contains("running") }
        try Wait.until("it folds\(pleat.logs)") {
          try pleat.sql("SELECT count(*) FROM pleat.live_generations WHERE projection = 'projects'") == "1"
        }
        #expect(daemon.terminate() == 0)
      }
      try serve(try catalog(7, "Swift"))
      try serve(try catalog(7, "Swift"))
      let other = try catalog(7, "Rust")
      let found = try check(pleat, expecting: 78, other)["checks"] as! [[String: Any]]
      let said = found.first { $0["name"] as? String == "catalog" }?["message"] as? String
      #expect(said?.contains("is not the one that was folded with as version 7") == true, "\(found)")
      for command in [["run"], ["verify"], ["rebuild", "projects"]] {
        try pleat.pleat(command, expecting: 78, environment: other)
      }
      try check(pleat, expecting: 0, try catalog(7, "Swift"))
      func shown() throws -> String {
        try pleat.sql("SELECT coalesce(max(technology), '') FROM pleat_unmasked.technology_catalog")
      }
      // What is rebuilt with is no other one from then on, and readers see it with the daemon's.
      try pleat.pleat(["rebuild", "projects"], expecting: 78, environment: try catalog(6, "Go"))
      #expect(try pleat.sql("SELECT string_agg(version::text, ',') FROM pleat.catalog_versions") == "7")
      // What is not folded with it is not.
      try pleat.pleat(["rebuild", "models"], environment: try catalog(8, "Go"))
      try pleat.pleat(["rebuild", "projects"], environment: try catalog(8, "Rust"))
      #expect(try shown() == "Swift")
      try check(pleat, expecting: 78, try catalog(8, "Swift"))
      try pleat.pleat(["run"], expecting: 78, environment: try catalog(8, "Swift"))
      try serve(try catalog(8, "Rust"))
      #expect(try shown() == "Rust")
      try serve(try catalog(9, nil))
      try check(pleat, expecting: 78, try catalog(9, "Rust"))
    }

    @Test("an argument that is not UTF-8 is refused, and so is a variable: mended, it would name something else")
    func notUTF8() throws {
      let pleat = try Installation()
      for (command, code, message) in [
        (#"forget "$(printf 'z\377y')""#, 64, "argument 2, \"z\u{FFFD}y\", is not UTF-8"),
        (#"skip "$(printf 't\037\377')" 0"#, 64, "argument 2, \"t\\u{1F}\u{FFFD}\", is not UTF-8"),
        ("config", 78, "PLEAT_LOG_LEVEL is not UTF-8"),
      ] as [(String, Int32, String)] {
        let result = try Shell.run(
          "/bin/sh",
          ["-c", #"test "\#(code)" = 64 || export PLEAT_LOG_LEVEL="$(printf '\377')"; exec "$0" \#(command)"#]
            + [pleat.servers.program.path], environment: pleat.environment)
        let said = String(decoding: result.errors, as: UTF8.self)
        #expect(result.status == code && said.contains(message), "\(command): \(said)")
      }
    }

    @Test("what cannot be written is a failure")
    func fullDisk() throws {
      // The status is more than is kept before it is written.
      let pleat = try Installation(topics: ["in": 60])
      for command in ["config --json", "check", "status --json", "--help"] {
        let result = try Shell.run(
          "/bin/sh", ["-c", "exec \(pleat.servers.program.path) \(command) >/dev/full"],
          environment: pleat.environment)
        #expect(result.status == 1, "\(command)")
        #expect(String(decoding: result.errors, as: UTF8.self).contains("standard output cannot be written"))
      }
    }
  }
}
