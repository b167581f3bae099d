import Engine
import Events

/// An erasure as the cursor topic has it, with the id that the world knows.
struct RecordedErasure {
  var record: ErasureRecord
  var person: String
  /// Virtual time.
  var at: Int64

  /// Before which offset of a partition's incarnation everything of the person is erased; nil where nothing has to be. What is read
  /// again after a skip is, up to where the partition ended then.
  func end(_ partition: TopicPartition, incarnation: Int32, in database: Database) -> Int64? {
    guard let end = record.ends.first(where: { $0.partition == partition }) else { return nil }
    // A database that went back may count incarnations otherwise.
    if incarnation < end.incarnation, at > database.restoredAt { return .max }
    let later = database.state.skips.filter {
      $0.partition == partition && $0.incarnation <= incarnation && $0.at >= at
    }
    return min(end.offset, later.map(\.end).min() ?? .max)
  }

  /// The offset of an event below the end that still names the person.
  func standsIn(_ batch: EventBatch, of segment: Segment, in database: Database) -> Int64? {
    guard let end = end(segment.draft.partition, incarnation: segment.draft.incarnation, in: database) else {
      return nil
    }
    let named = batch.events.first { event in
      guard event.offset < end, event.type == .feedbackSubmitted else { return false }
      let feedback = batch.feedbackSubmitted[Int(event.row)]
      return !batch.erasedPeople.contains(feedback.userID) && batch.strings.string(feedback.userID) == person
    }
    if let named { return named.offset }
    // Where all of it lies below: no string and no text that holds the id, wherever it stands.
    guard let last = batch.events.map(\.offset).max(), last < end else { return nil }
    let id = Array(person.utf8)
    let isNamed =
      EscapedText.holds(id, in: batch.texts)
      || (0..<batch.strings.count).contains { index in
        let symbol = Symbol(index: UInt32(index))
        return !batch.erasedPeople.contains(symbol) && !batch.erasedIdentities.contains(symbol)
          && batch.strings.string(symbol).contains(person)
      }
    return isNamed ? last : nil
  }
}
