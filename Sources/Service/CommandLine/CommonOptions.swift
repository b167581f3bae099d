/// What every command takes.
package struct CommonOptions: OptionGroupContent {
  @Option(
    "FILE", help: "The configuration.", default: "$PLEAT_CONFIG, else /etc/pleat/pleat.yaml, else the environment alone"
  )
  package var config: String?

  package init() {}
}
