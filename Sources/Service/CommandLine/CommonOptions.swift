/// What every command takes.
package struct CommonOptions: OptionGroupContent {
  @Option(
    "FILE", help: "The configuration.", default: "$PLEAT_CONFIG, else /etc/pleat/pleat.yaml, else the environment alone"
  )
  package var config: String?

  package init() {}

  /// For commands that need nothing of it: a file that is named must be one all the same.
  package func requireNamedConfiguration() throws(CommandFailure) {
    if config != nil { _ = try configuration() }
  }

  /// The configuration that the command is to work with.
  package func configuration() throws(CommandFailure) -> Configuration {
    do throws(ConfigurationError) {
      return try ConfigurationLoader.load(file: config)
    } catch {
      throw error.failure
    }
  }
}
