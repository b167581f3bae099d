import Engine
import Service
import Testing

/// Sources that a test says: variables, and files by path.
func sources(_ environment: [String: String] = [:], files: [String: String] = [:]) -> ConfigurationSources {
  ConfigurationSources(environment: environment, hostName: "here") { path in
    files[path].map { .bytes(Array($0.utf8)) } ?? .missing
  }
}

private func load(_ yaml: String, _ environment: [String: String] = [:], files: [String: String] = [:]) throws
  -> Configuration
{
  try ConfigurationLoader.load(file: "/c", sources: sources(environment, files: files.merging(["/c": yaml]) { $1 }))
}

private func problems(_ body: () throws -> Configuration) -> [String] {
  do {
    _ = try body()
    return []
  } catch {
    return (error as? ConfigurationError)?.problems ?? ["\(error)"]
  }
}

@Suite("The configuration")
struct ConfigurationTests {
  @Test("without a file and a variable, every key has the design's default")
  func defaults() throws {
    let c = try ConfigurationLoader.load(file: nil, sources: sources())
    #expect(c.instance == "here" && c.file == nil)
    #expect(c.kafka.bootstrap == nil && c.kafka.group == "pleat" && c.kafka.topics == ["pleat.events"])
    #expect(c.kafka.outputTopic == "analytics.events" && c.kafka.teamTopic == "analytics.teams")
    #expect(c.kafka.cursorTopic == "pleat.cursors" && c.kafka.properties.isEmpty)
    #expect(c.postgres.url == nil && c.postgres.adminURL == nil && c.postgres.password == nil)
    #expect(c.ingest.flushMilliseconds == 20 && c.ingest.flushEvents == 10_000)
    #expect(c.projections.only == nil && c.projections.catalog == nil && c.relay.publishAll == false)
    #expect(c.limits.leaseSeconds == 10 && c.limits.memoryMegabytes == 200)
    #expect(c.log.level == .info && c.log.format == nil)
    #expect(c.entries.allSatisfy { $0.origin == .default })
    #expect(c.entries.map(\.key) == ConfigurationKey.allCases)
    #expect(throws: ConfigurationError.self) { try c.requireBootstrap() }
  }

  @Test(
    "bootstrap servers are HOST:PORT, and what librdkafka takes for them",
    arguments: [
      ("k:9092", true), ("k", true), (" a:1, b:65535,", true), ("SASL_SSL://k:9093", true), ("[::1]:9092", true),
      ("::1", true), ("[fe80::1%eth0]", true), ("[::ffff:10.0.0.1]:1", true), ("k:99999", false), ("k:0", false),
      ("k:x", false), ("k:", false), (":9092", false), ("a b:1", false), ("a\u{0}b", false), (",", false),
      ("a:1,b:y", false), ("a:1;b:2", false), ("a:1:2", false), ("k:+1", false), ("[::1", false), ("[::1]x:1", false),
      ("[]:1", false), ("http://k:1", false), ("://k", false), ("k ", false), ("a:1,\tb:2", false),
    ])
  func bootstrap(text: String, isFine: Bool) {
    let found = problems { try ConfigurationLoader.load(file: nil, sources: sources(["PLEAT_KAFKA_BOOTSTRAP": text])) }
    #expect(found.isEmpty == isFine, "\(found)")
    #expect(isFine || found.first?.contains("kafka.bootstrap") == true)
  }

  @Test("what is not UTF-8 is a problem, where it is Pleat's")
  func notUTF8() {
    var sources = sources()
    sources.notUTF8 = ["LANG", "PLEAT_INSTANCE"]
    #expect(problems { try ConfigurationLoader.load(file: nil, sources: sources) } == ["PLEAT_INSTANCE is not UTF-8"])
  }

  @Test("every key can be said in the file, and the environment goes before it")
  func precedence() throws {
    let yaml = """
      instance: a
      kafka:
        bootstrap: k:9092
        group: g
        topics: [t1, t2]
        output_topic: o
        team_topic: oo
        cursor_topic: c
        properties:
          fetch.wait.max.ms: 20
      postgres:
        url: postgresql://db/p
        admin_url: postgresql://admin@db/p
      ingest: {flush_ms: 5, flush_events: 100}
      projections: {only: [models], catalog: /cat.yaml}
      relay: {publish: all}
      limits: {lease_seconds: 20, memory_mb: 300}
      log: {level: debug, format: json}
      """
    let file = try load(yaml)
    #expect(file.instance == "a" && file.kafka.bootstrap == "k:9092" && file.kafka.group == "g")
    #expect(file.kafka.topics == ["t1", "t2"] && file.kafka.outputTopic == "o" && file.kafka.teamTopic == "oo")
    #expect(file.kafka.cursorTopic == "c" && file.kafka.properties.map(\.name) == ["fetch.wait.max.ms"])
    #expect(file.kafka.properties.map { $0.value.reveal() } == ["20"])
    #expect(file.postgres.url == Secret("postgresql://db/p"))
    #expect(file.postgres.adminURL == Secret("postgresql://admin@db/p"))
    #expect(file.ingest.flushMilliseconds == 5 && file.ingest.flushEvents == 100)
    #expect(file.projections.only == ["models"] && file.projections.catalog == "/cat.yaml" && file.relay.publishAll)
    #expect(file.limits.leaseSeconds == 20 && file.limits.memoryMegabytes == 300)
    #expect(file.log.level == .debug && file.log.format == .json)

    let both = try load(
      yaml,
      [
        "PLEAT_INSTANCE": "b", "PLEAT_KAFKA_BOOTSTRAP": "x:1,y:2", "PLEAT_KAFKA_TOPICS": "u, v,",
        "PLEAT_LOG_LEVEL": "error",
        "PLEAT_KAFKA_PROPERTIES": "client.id=me,ssl.ca.location=/a\\,b=c", "PLEAT_POSTGRES_URL": "host=h dbname=d",
        "PLEAT_INGEST_FLUSH_MS": "7", "PLEAT_RELAY_PUBLISH": "", "OTHER": "x", "PLEAT_CONFIG": "/not/read",
      ])
    #expect(both.instance == "b" && both.kafka.bootstrap == "x:1,y:2" && both.kafka.topics == ["u", "v"])
    #expect(both.kafka.properties.map(\.name) == ["client.id", "ssl.ca.location"])
    #expect(both.kafka.properties.map { $0.value.reveal() } == ["me", "/a,b=c"])
    #expect(both.postgres.url == Secret("host=h dbname=d") && both.ingest.flushMilliseconds == 7)
    #expect(both.relay.publishAll && both.log.level == .error && both.kafka.group == "g")
    let origins = Dictionary(uniqueKeysWithValues: both.entries.map { ($0.key, $0.origin) })
    #expect(origins[.instance] == .environment(variable: "PLEAT_INSTANCE"))
    #expect(origins[.kafkaGroup] == .file("/c", line: 4))
    #expect(origins[.relayPublish] == .file("/c", line: 16))
    #expect(origins[.postgresPasswordFile] == .default)
  }

  @Test("the file is --config, else $PLEAT_CONFIG, else /etc/pleat/pleat.yaml; one that is named must be there")
  func file() throws {
    let files = ["/a": "instance: a", "/b": "instance: b", "/etc/pleat/pleat.yaml": "instance: etc"]
    func instance(_ explicit: String?, _ environment: [String: String]) throws -> String {
      try ConfigurationLoader.load(file: explicit, sources: sources(environment, files: files)).instance
    }
    #expect(try instance("/a", ["PLEAT_CONFIG": "/b"]) == "a")
    #expect(try instance(nil, ["PLEAT_CONFIG": "/b"]) == "b")
    #expect(try instance(nil, [:]) == "etc")
    #expect(
      problems { try ConfigurationLoader.load(file: "/z", sources: sources()) } == ["there is no configuration /z"])
    #expect(
      problems { try ConfigurationLoader.load(file: nil, sources: sources(["PLEAT_CONFIG": "/z"])) }
        == ["there is no configuration /z (from PLEAT_CONFIG)"])
  }

  @Test(
    "what is wrong in the file is said with its line",
    arguments: [
      ("kafka:\n  bootstap: x", #"/c:2: there is no key "kafka.bootstap"; the nearest is "kafka.bootstrap""#),
      ("kafka.bootstrap: x", #"/c:1: kafka.bootstrap stands as "bootstrap:" under "kafka:" in a file of YAML"#),
      ("kafak:\n  bootstrap: x", #"/c:1: there is no key "kafak"; the nearest is "kafka""#),
      ("instanse: x", #"/c:1: there is no key "instanse"; the nearest is "instance""#),
      (
        "limits:\n  memory_mb: lots",
        #"limits.memory_mb (/c:2): "lots" is not a whole number from 16 to 1048576"#
      ),
      ("limits: {lease_seconds: 0}", #"limits.lease_seconds (/c:1): "0" is not a whole number from 2 to 3600"#),
      ("relay: {publish: life}", #"relay.publish (/c:1): "life" is none of live, all; the nearest is "live""#),
      ("log: {format: jsn}", #"log.format (/c:1): "jsn" is none of text, json, journal; the nearest is "json""#),
      ("kafka: x", #"/c:1: "kafka" is a section: its keys stand under it"#),
      ("- x", "/c:1: this is not a mapping of sections"),
      ("kafka:\n  group: [a]", "/c:2: kafka.group is one value, not several"),
      ("kafka:\n  topics: {a: b}", "/c:2: kafka.topics is a list of texts"),
      ("kafka:\n  topics: []", "kafka.topics (/c:2): is an empty list"),
      ("kafka:\n  topics: [a, a]", "kafka.topics (/c:2): names something twice"),
      (
        "kafka:\n  topics: [a b]",
        #"kafka.topics (/c:2): "a b" is not a topic's name: 1 to 249 of letters, digits, ".", "_", "-""#
      ),
      ("kafka:\n  topics: [analytics.teams]", #"kafka.team_topic: "analytics.teams" is also an input topic"#),
      (
        "kafka: {cursor_topic: analytics.events}",
        #"kafka.cursor_topic (/c:1): "analytics.events" is also an output topic; cursors need one of their own"#
      ),
      (
        "projections: {only: [project]}",
        #"projections.only (/c:1): there is no projection "project"; the nearest is "projects""#
      ),
      ("kafka:\n  properties: a=b", "/c:2: kafka.properties is a mapping of names to texts"),
      ("kafka:\n  properties: {a: [b]}", #"/c:2: kafka.properties is a mapping of names to texts; look at "a""#),
      ("instance: ''", "instance (/c:1): is empty"),
      ("instance: a\ninstance: b", #"/c:2: "instance" stands here for the second time"#),
      ("instance: &a b", "/c:1: anchors (&name) are not taken here"),
      ("a: b\n---\nc: d", "/c:2: a second document begins here; one is taken"),
      (
        "postgres: {url: host=a, url_file: /f}",
        "postgres.url (/c:1): postgres.url_file is set too (/c:1); one is enough"
      ),
      ("postgres: {password_file: /f}", "postgres.password_file (/c:1): there is no file /f"),
      (
        "kafka: {properties: {sasl.password_file: /f}}",
        "kafka.properties sasl.password_file (/c:1): there is no file /f"
      ),
    ])
  func fileProblems(yaml: String, expected: String) {
    #expect(problems { try load(yaml) } == [expected])
  }

  @Test(
    "text that is not YAML is refused with its line",
    arguments: [("a: [b\nc: d", 2), ("a:\n\tb: c", 2), ("a: \"b", 1), ("\u{1}", 1), ("a: b: c", 1)])
  func notYAML(yaml: String, line: Int) {
    let found = problems { try load(yaml) }
    #expect(found.count == 1)
    #expect(found.first?.hasPrefix("/c:\(line): this is not YAML: ") == true, "\(found)")
  }

  @Test(
    "what is wrong in the environment is said with the variable",
    arguments: [
      (
        "PLEAT_KAFKA_BOOTSTAP", "x",
        #"there is no variable "PLEAT_KAFKA_BOOTSTAP"; the nearest is "PLEAT_KAFKA_BOOTSTRAP""#
      ),
      ("PLEAT_CONFIQ", "x", #"there is no variable "PLEAT_CONFIQ"; the nearest is "PLEAT_CONFIG""#),
      (
        "PLEAT_INGEST_FLUSH_EVENTS", "1e4",
        #"ingest.flush_events (PLEAT_INGEST_FLUSH_EVENTS): "1e4" is not a whole number from 1 to 1000000"#
      ),
      (
        "PLEAT_KAFKA_PROPERTIES", "a=b,hunter2",
        #"PLEAT_KAFKA_PROPERTIES holds something without "="; it is name=value,name=value (a comma in a value is \,)"#
      ),
    ])
  func environmentProblems(variable: String, value: String, expected: String) {
    #expect(problems { try load("", [variable: value]) } == [expected])
  }

  @Test("everything that is wrong is said at once")
  func several() {
    let found = problems { try load("instanse: x\nlimits: {memory_mb: x}", ["PLEAT_X": "y"]) }
    #expect(found.count == 3)
  }

  @Test("nothing in the file is the same as no key")
  func empty() throws {
    for yaml in ["", "# nothing\n", "kafka:\n", "kafka:\n  group: ~\n  topics: null", "{}"] {
      #expect(try load(yaml).kafka.group == "pleat")
    }
    #expect(try load("instance: 'null'").instance == "null")
  }
}
