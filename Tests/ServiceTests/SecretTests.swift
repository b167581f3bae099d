import Postgres
import Service
import Testing

@Suite("Secrets")
struct SecretTests {
  @Test("a secret prints, logs and reflects as ***")
  func hidden() {
    let secret = Secret("hunter2")
    var dumped = ""
    dump(secret, to: &dumped)
    let holder = [secret as Secret?]
    for text in [
      "\(secret)", String(reflecting: secret), dumped, "\(holder)",
      String(describing: Mirror(reflecting: secret).children.count),
    ] {
      #expect(!text.contains("hunter2"))
    }
    #expect("\(secret)" == "***" && secret.reveal() == "hunter2")
  }

  @Test(
    "a connection is shown without its passwords",
    arguments: [
      ("postgresql://u:hunter2@h:5432/d", "postgresql://u:***@h:5432/d"),
      ("postgres://u:hun@ter2@h/d?sslmode=require", "postgres://u:***@h/d?sslmode=require"),
      ("postgresql://u@h/d", "postgresql://u@h/d"),
      ("postgresql://u:hunter2?x@h/d?options=a@b", "postgresql://u:***@h/d?options=a@b"),
      ("postgresql://u:hun?t=er2@h", "postgresql://u:***@h"),
      ("postgresql://h/a@b?x=1", "postgresql://h/a@b?x=1"),
      ("postgresql://u@h/d?pass%77ord=hunter2&x%3=1", "postgresql://u@h/d?pass%77ord=***&x%3=1"),
      ("postgresql:///d?host=/run&user=u&password=hunter2&x=1", "postgresql:///d?host=/run&user=u&password=***&x=1"),
      ("postgresql://h/d?sslpassword=hunter2", "postgresql://h/d?sslpassword=***"),
      ("host=h password=hunter2 dbname=d", "host=h password=*** dbname=d"),
      (#"host = h password = 'hunter2 \' dbname=x' user=u"#, "host=h password=*** user=u"),
      (#"password=hun\ ter2 user=u"#, "password=*** user=u"),
      ("hunter2", "***"),
      ("", ""),
    ])
  func connections(text: String, shown: String) {
    #expect(shownConnection(Secret(text)) == shown)
  }

  @Test("secrets come from files and systemd's credentials, the environment before the file before a credential")
  func files() throws {
    let files = [
      "/url": "postgresql://u:hunter2@h/d\n", "/pw": "hunter2\r\n", "/run/c/pg": "from credential",
      "/run/c/postgres.admin_password": "hunter2", "/run/c/postgres.url": "host=cred password=hunter2",
      "/run/c/kafka.sasl.password": "hunter2", "/run/c/kafka.ssl.key.password": "hunter2",
      "/c": """
      postgres: {url_file: /url, password_file: pg}
      kafka: {properties: {sasl.username: me, ssl.key.password_file: /pw, ssl.keystore.password: hunter2}}
      """,
    ]
    func load(_ file: String?, _ environment: [String: String] = [:]) throws -> Configuration {
      try ConfigurationLoader.load(
        file: file,
        sources: sources(environment.merging(["CREDENTIALS_DIRECTORY": "/run/c"]) { $1 }, files: files))
    }
    let configuration = try load("/c")
    #expect(configuration.postgres.url == Secret("postgresql://u:hunter2@h/d"))
    #expect(configuration.postgres.password == Secret("from credential"))
    #expect(configuration.postgres.adminPassword == Secret("hunter2"))
    let properties = Dictionary(
      uniqueKeysWithValues: configuration.kafka.properties.map { ($0.name, $0.value.reveal()) })
    #expect(
      properties == [
        "sasl.username": "me", "sasl.password": "hunter2", "ssl.key.password": "hunter2",
        "ssl.keystore.password": "hunter2",
      ])
    #expect(try load(nil).postgres.url == Secret("host=cred password=hunter2"))
    #expect(try load("/c", ["PLEAT_POSTGRES_URL": "host=env"]).postgres.url == Secret("host=env"))

    for configuration in [configuration, try load(nil)] {
      let report = ConfigurationReport(configuration)
      #expect(!report.text.contains("hunter2") && !report.json.description.contains("hunter2"))
      #expect(!"\(configuration)".contains("hunter2"))
    }
    let report = ConfigurationReport(configuration)
    #expect(report.text.contains("postgresql://u:***@h/d"))
    #expect(report.text.contains("# /url, by /c:1"))
  }

  @Test(
    "a connection that libpq cannot use is a problem of the configuration, and no piece of it is said",
    arguments: [
      "postgresql://u:hunter2@[::1/x", "postgresql://u:p%zzhunter2@h/x", "postgresql://u:sec@hunter2@h/x",
      "host=h password=my hunter2 port=1", "host=h passwort=hunter2", "postgresql://h/d?passwort=hunter2", "hunter2",
      "http://u:hunter2@h/x", "postgresql://u:hunter2@h:99999/x", "postgresql://u:hunter2@h:0/x",
      "host=h sslmode=hunter2", "host=a,b port=1,hunter2", "postgresql://u:sec@hun/ter2hunter2@h/x",
      "postgresql://u:12/hunter2@h/x", "postgresql://u:hunter2@@h/x", "u:hunter2@h/x?sslmode=require",
    ])
  func unusableConnection(_ text: String) throws {
    let error = #expect(throws: ConfigurationError.self) {
      try ConfigurationLoader.load(file: nil, sources: sources(["PLEAT_POSTGRES_URL": text]))
    }
    #expect(error?.problems.count == 1)
    #expect(error?.message.hasPrefix("postgres.url (PLEAT_POSTGRES_URL): ") == true)
    #expect(error?.message.contains("hunter2") == false)
    let credential = #expect(throws: ConfigurationError.self) {
      try ConfigurationLoader.load(
        file: nil, sources: sources(["CREDENTIALS_DIRECTORY": "/run/c"], files: ["/run/c/postgres.url": text]))
    }
    #expect(
      credential?.message.hasPrefix("postgres.url (credential /run/c/postgres.url): ") == true,
      "\(credential?.message ?? "")")
    // The administrator's is shown.
    let configuration = try ConfigurationLoader.load(file: nil, sources: sources(["PLEAT_POSTGRES_ADMIN_URL": text]))
    let report = ConfigurationReport(configuration)
    #expect(configuration.postgres.adminProblems.count == 1)
    #expect(!report.text.contains("hunter2") && !report.json.description.contains("hunter2"))
  }

  @Test(
    "what libpq can use is no problem",
    arguments: [
      "", "host=h", "postgresql://u:p%40ss@a:1,b:2/d?sslmode=verify-full&target_session_attrs=read-write",
      "host=/run/postgresql,@abstract port=5432 password='a b'", "postgres:///d?host=/run", "host=/run/pg@15",
      "service=x",
      "postgresql:///d?host=/a@b", "postgresql://%2Frun%2Fpg%4015/d", "host=a,b port='1, 55432 '",
      "postgresql://a:,b:2/d",
      "port=''", "postgresql://u:sec?ret@h/x",
    ])
  func usableConnection(_ text: String) throws {
    #expect(ConnectionParameters.problem(in: text) == nil)
  }

  @Test("what is wrong with the administrator's is said to who needs it")
  func administrator() throws {
    let configuration = try ConfigurationLoader.load(
      file: nil,
      sources: sources(
        [
          "PLEAT_POSTGRES_ADMIN_URL_FILE": "/admin", "PLEAT_POSTGRES_ADMIN_PASSWORD_FILE": "/none",
          "PLEAT_POSTGRES_URL": "host=h",
        ], files: ["/admin": "hunter2"]))
    #expect(configuration.postgres.url == Secret("host=h"))
    #expect(Database.target(configuration, for: "run").conninfo == "host=h")
    let failure = #expect(throws: CommandFailure.self) { try Database.adminTarget(configuration, for: "migrate") }
    #expect(failure?.exitCode == .configuration && failure?.message.contains("hunter2") == false)
    for part in ["postgres.admin_url (/admin, by PLEAT_POSTGRES_ADMIN_URL_FILE): is neither", "there is no file /none"]
    {
      #expect(failure?.message.contains(part) == true, "\(failure?.message ?? "")")
    }
  }

  @Test("a secret's file that is empty is refused")
  func emptyFile() {
    #expect(throws: ConfigurationError(["/pw holds no secret: it is empty"])) {
      try ConfigurationLoader.load(
        file: nil, sources: sources(["PLEAT_POSTGRES_PASSWORD_FILE": "/pw"], files: ["/pw": "\n"]))
    }
  }

  @Test("pleat config --json says each value and where it comes from")
  func report() throws {
    let configuration = try ConfigurationLoader.load(
      file: "/c", sources: sources(["PLEAT_LOG_LEVEL": "debug"], files: ["/c": "kafka:\n  topics: [a, b]"]))
    let json = ConfigurationReport(configuration).json.description
    #expect(json.hasPrefix(#"{"file":"/c","values":{"instance":{"value":"here","origin":"default"},"#))
    #expect(json.contains(#""kafka.topics":{"value":["a","b"],"origin":"file","file":"/c","line":2}"#))
    #expect(json.contains(#""log.level":{"value":"debug","origin":"environment","variable":"PLEAT_LOG_LEVEL"}"#))
    #expect(json.contains(#""ingest.flush_ms":{"value":20,"origin":"default"}"#))
    #expect(json.contains(#""postgres.url":{"value":null,"origin":"default"}"#))
  }
}
