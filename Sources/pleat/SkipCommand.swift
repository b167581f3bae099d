import Engine
import Service

struct SkipCommand: Command {
  static var description: CommandDescription {
    CommandDescription(
      "skip", "Decide where a partition goes on after an alarm.",
      discussion: """
        When offsets are gone, or a topic was truncated or made anew, ingest stops at that partition, because going on would \
        lose or repeat events. This records the decision, with its reason, and lets it go on at an offset \
        that the partition holds, or its end; for one that its topic does not have any more, at any, so that nobody waits for \
        it. To the place it had reached, or before it, begins a new incarnation of the partition: events from there on are no \
        duplicates of older ones, and those that were journaled are counted again. Whoever was forgotten there is forgotten \
        again, but for ids in texts of others.
        """)
  }

  @OptionGroup var common: CommonOptions
  @Argument("TOPIC", help: "The input topic.") var topic: String
  @Argument("PARTITION", help: "Its partition, from 0.") var partition: Int32
  @Option("OFFSET", help: "The offset of the next record to read.") var to: Int64
  @Option("TEXT", help: "Why, for those who ask later.") var reason: String

  func validate() throws(UsageError) {
    if partition < 0 { throw UsageError("PARTITION: a partition is not negative") }
    if to < 0 { throw UsageError("--to: an offset is not negative") }
    if reason.allSatisfy(\.isWhitespace) { throw UsageError("--reason: say why") }
  }

  func run() throws(CommandFailure) {
    let configuration = try common.configuration()
    let connection = try Database.connect(configuration, for: "skip")
    let place = TopicPartition(topic, partition)
    var end = SkippedTo.End.unknown
    do throws(CommandFailure) {
      end = try SkippedTo.requireThere(to, of: place, configuration)
    } catch {
      guard error.exitCode == .unavailable else { throw error }
      standardError("pleat: \(error.message) Whether the partition holds offset \(to) is not known.\n")
    }
    let isAlarmed = try Decisions.standsStill(connection, place)
    let outcome = try Decisions.skip(connection, place, to: to, reason: reason, end: end.offset)
    if case .gone = end { standardError("pleat: the topic \(topic) has no partition \(partition) any more.\n") }
    guard let outcome else {
      print("\(place) is not waited for any more.")
      return
    }
    if !isAlarmed {
      standardError(
        "pleat: \(place) had no alarm: a daemon that reads it goes on from there at its next flush, or within a minute.\n"
      )
    }
    let forgotten = try Decisions.forgottenAhead(connection, place)
    if forgotten.again > 0 {
      standardError(
        "pleat: people who were forgotten (\(forgotten.again)) are forgotten again in what the partition held then: who came back "
          + "since, and is met there, leaves exact counts and teams once more. In texts of others their ids are not known: "
          + "`pleat forget` again finds them.\n")
    }
    if forgotten.strangers > 0 {
      standardError(
        "pleat: \(forgotten.strangers) were forgotten under another hash key: what is read of them again keeps their ids until "
          + "`pleat forget` is run again.\n")
    }
    print("\(place) goes on at offset \(outcome.nextOffset), incarnation \(outcome.incarnation).")
  }
}
