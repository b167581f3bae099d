import Engine
import Events
import Service

struct JournalCommand: Command {
  static var description: CommandDescription {
    CommandDescription(
      "journal", "Print journaled events in their order, a JSON object a line.",
      discussion: "Of each event: position, topic, partition, offset, type, source, id, time, data.")
  }

  @OptionGroup var common: CommonOptions
  @Option("POSITION", help: "The first position to print.") var from: Int64 = 1
  @Option("POSITION", help: "The last position to print.", default: "the journal's end") var to: Int64?
  @Flag(help: "As it is anyway: a JSON object a line.") var json: Bool

  func validate() throws(UsageError) {
    if from < 1 { throw UsageError("--from: positions begin at 1") }
    if let to, to < 1 { throw UsageError("--to: positions begin at 1") }
    if let to, to < from { throw UsageError("--from \(from) is behind --to \(to)") }
  }

  func run() throws(CommandFailure) {
    let connection = try Database.connect(try common.configuration(), for: "journal")
    let end = try JournalReader.end(connection)
    let last = min(to ?? end, end)
    let start = try JournalReader.start(connection)
    if from < start {
      standardError("pleat: positions before \(start) are not kept any more (retention.journal_days)\n")
    }
    var output = StandardOutput()
    try JournalReader.read(connection, from: from, to: last) {
      (segment: JournalReader.Segment) throws(CommandFailure) in
      let batch: EventBatch
      do throws(BatchFormError) {
        batch = try EventBatch(payload: segment.payload, identities: segment.identities)
      } catch {
        throw CommandFailure(.failure, "the segment at position \(segment.firstPosition) cannot be read: \(error).")
      }
      let wanted = max(from, segment.firstPosition)...max(from, segment.firstPosition, last)
      for index in batch.events.indices {
        let position = segment.firstPosition + Int64(index)
        if !wanted.contains(position) { continue }
        try output.line(
          EventJSON.line(
            index, of: batch, position: position, topic: segment.partition.topic,
            partition: segment.partition.partition))
      }
    }
    try output.flush()
  }
}
