import Events
import Projections

/// Publishes through a log with transactions: each `publish` is one, with the cursor records in it.
///
/// Nothing is ever sent again from memory. Whatever fails, the producer is thrown away: whether the transaction happened, only
/// the cursor records read back by a successor tell. On the embedded broker, which acknowledges transactions without having any,
/// it is a plain producer that waits for delivery and writes no cursor records.
package final class LogPublisher: Publisher {
  private let log: any OutputLog
  private var isOpen = false

  /// Known from the first `open` on.
  package private(set) var isTransactional = true

  package init(_ log: any OutputLog) { self.log = log }

  package func open() throws(PublishError) {
    close()
    isTransactional = try log.connect()
    // Before anything is read: what a predecessor has under way is either there by then, or never.
    if isTransactional, holds(.fencingBeforeReading) { try log.initializeTransactions() }
    isOpen = true
  }

  package func close() {
    isOpen = false
    log.close()
  }

  // MARK: Publishing

  package func publish(_ entries: [OutboxEntry], places: [String: RelayPlace]) throws(PublishError) {
    guard isOpen else { throw .inDoubt("the publisher is not open") }
    do throws(PublishError) {
      if isTransactional, !holds(.fencingBeforeReading) { try log.initializeTransactions() }
      if isTransactional { try log.beginTransaction() }
      for entry in entries { try log.send(to: .output(entry.topic), key: entry.subject, value: entry.json) }
      guard isTransactional else { return try log.flush() }
      for (projection, place) in places.sorted(by: { $0.key < $1.key }) {
        try log.send(to: .cursor, key: projection, value: CursorRecord.write(place))
      }
      try log.commitTransaction()
    } catch {
      close()
      throw error
    }
  }

  // MARK: The cursor

  package func readCursor() throws(PublishError) -> PublishedCursor {
    guard try log.hasCursorTopic() else { return .topicMissing }
    var places: [String: RelayPlace] = [:]
    var foreign: Int64?
    try readAll(.cursor, partition: 0) { record in
      guard let key = record.key else {
        foreign = record.offset
        return false
      }
      if ErasureRecordForm.isKey(key) { return true }
      let projection = String(decoding: key, as: UTF8.self)
      guard let value = record.value else {
        places[projection] = nil
        return true
      }
      guard let place = CursorRecord.read(value) else {
        foreign = record.offset
        return false
      }
      places[projection] = place
      return true
    }
    if let foreign { throw .alarm("the record at offset \(foreign) of the cursor topic is none of Pleat's") }
    return .places(places)
  }

  @discardableResult
  package func createCursorTopic() throws(PublishError) -> Bool { try log.createCursorTopic() }

  // MARK: Reading back

  /// Records of one piece: a step that reads them is short.
  private static let pieceRecords = 20_000

  package func readBack(_ state: inout ReadBack) throws(PublishError) -> Bool {
    if state.left == nil { state.left = try stretches() }
    var left = state.left ?? []
    guard var stretch = left.first else {
      state.left = []
      return true
    }
    var (count, last) = (0, stretch.next)
    var (ids, greatest) = (state.ids, state.greatest)
    let from = state.from
    try log.readCommitted(stretch.topic, partition: stretch.partition, from: stretch.next, to: stretch.end) { record in
      (count, last) = (count + 1, record.offset)
      // Others may write there, too: what has no id or no as_of is none of ours.
      if let json = record.value.flatMap({ ReadJSON($0) }), let id = json["id"]?.text,
        let asOf = json["data"]?["as_of"]?.text.flatMap({ RFC3339.parse($0) }), asOf >= from
      {
        ids.insert(id)
        greatest = max(greatest ?? asOf, asOf)
      }
      return count < Self.pieceRecords
    }
    (state.ids, state.greatest) = (ids, greatest)
    left.removeFirst()
    stretch.next = last + 1
    if count == Self.pieceRecords, stretch.next < stretch.end { left.insert(stretch, at: 0) }
    state.left = left
    return left.isEmpty
  }

  /// What the output topics hold now.
  private func stretches() throws(PublishError) -> [ReadBack.Stretch] {
    var all: [ReadBack.Stretch] = []
    for topic in [RelayTopic.output(.events), .output(.teams)] {
      for partition in 0..<(try log.partitionCount(of: topic)) {
        let (low, high) = try log.bounds(of: topic, partition: partition)
        if low < high { all.append(.init(topic: topic, partition: partition, next: low, end: high)) }
      }
    }
    return all
  }

  /// Reads all that is committed, to an EOF at or past the high watermark that a `read_uncommitted` client reports now:
  /// an open transaction of anybody would else hide what is committed behind it.
  private func readAll(
    _ topic: RelayTopic, partition: Int32, _ body: (RelayRecord) -> Bool
  ) throws(PublishError) {
    let (low, high) = try log.bounds(of: topic, partition: partition)
    guard low < high else { return }
    try log.readCommitted(topic, partition: partition, from: low, to: high, body)
  }
}
