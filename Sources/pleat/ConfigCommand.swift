import Service

struct ConfigCommand: Command {
  static var description: CommandDescription {
    CommandDescription(
      "config", "Show the configuration in force, and where each value comes from.",
      discussion: """
        Values come from one YAML file and the environment, which goes before the file: `kafka.bootstrap` is also \
        PLEAT_KAFKA_BOOTSTRAP, lists are separated by commas, and kafka.properties is name=value,name=value. Secrets are \
        shown as ***. With --json it prints one object: file (null where there is none), values (by key: value, null where \
        nothing is set; origin: default, file, environment, credential or secret_file; and file, line, variable or named_by).
        """)
  }

  @OptionGroup var common: CommonOptions
  @Flag(help: "Print one JSON object.") var json: Bool

  func run() throws(CommandFailure) {
    let configuration = try common.configuration()
    let report = ConfigurationReport(configuration)
    print(json ? report.json.description + "\n" : report.text, terminator: "")
    for problem in configuration.postgres.adminProblems {
      standardError("pleat: \(problem); migrate, forget and retention need it\n")
    }
  }
}
