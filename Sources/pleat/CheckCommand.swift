import Service

struct CheckCommand: Command {
  static var description: CommandDescription {
    CommandDescription(
      "check", "Validate the configuration and try every connection.",
      discussion: """
        Says for each thing whether `pleat run` would be content with it, and reads the last record of every partition; \
        and warns where this host's clock is not the database's, or the administrator of postgres.admin_url is not let in \
        (if this user may read the secrets). Ends with 0 if all is well, 78 if the configuration or the database's schema \
        must be mended, 69 if a service or a topic is not there, or cannot be read. With --json it prints one object: ok, \
        checks (name, ok, warning, message).
        """)
  }

  @OptionGroup var common: CommonOptions
  @Flag(help: "Print one JSON object.") var json: Bool

  func run() throws(CommandFailure) {
    let check = ConfigurationCheck(try common.configuration())
    print(json ? check.json.description + "\n" : check.text, terminator: "")
    if let code = check.exitCode { throw CommandFailure(code, "not everything is as it must be.") }
  }
}
