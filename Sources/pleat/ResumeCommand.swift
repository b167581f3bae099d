import Engine
import Service

struct ResumeCommand: Command {
  static var description: CommandDescription {
    CommandDescription(
      "resume", "Let a partition go on that paused for too many bad records.",
      discussion: """
        A partition pauses where more than half of its last 10,000 records were refused. Once whoever sends them is mended, \
        this lets it go on where it stopped, and counts anew.
        """)
  }

  @OptionGroup var common: CommonOptions
  @Argument("TOPIC", help: "The input topic.") var topic: String
  @Argument("PARTITION", help: "Its partition, from 0.") var partition: Int32

  func validate() throws(UsageError) {
    if partition < 0 { throw UsageError("PARTITION: a partition is not negative") }
  }

  func run() throws(CommandFailure) {
    let connection = try Database.connect(try common.configuration(), for: "resume")
    let place = TopicPartition(topic, partition)
    let outcome = try Decisions.resume(connection, place)
    print("\(place) goes on at offset \(outcome.nextOffset).")
  }
}
