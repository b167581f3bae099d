package import Engine
package import Events
import Kafka
import Postgres
import Projections

/// One `pleat forget`: begins an erasure, or goes on with one that was begun, and sees it through.
///
/// What is done is in the database with each step, so a run that was killed is done again from where it ended; whoever runs the
/// daemon ends it as well, but for what only somebody who knows the id can find.
package struct ForgetRun {
  package struct Outcome: Sendable {
    /// The keyed hash that stands in the id's place.
    package var hash: UInt64
    package var findings: ErasureFindings
    package var segments: Int
    package var deadLetters: Int64
    /// Of the erasure's event; nil while it is waited for, 0 where the journal is empty.
    package var position: Int64?
    package var lags: [ErasureLag]
    /// Tables that are still to be written anew: too large for it, or in use.
    package var unscrubbed: [String]
  }

  /// For so long after each step nobody else ends the erasure.
  private static let busySeconds: Int32 = 10
  private static let pollNanoseconds: Int64 = 100_000_000
  private static let progressNanoseconds: Int64 = 1_000_000_000
  private static let appendAttempts = 50
  /// How often it is begun, where each time somebody else ends what it has begun.
  private static let beginAttempts = 3

  private let configuration: Configuration
  private let say: (String) -> Void
  private let pause = Waker()

  /// `say` is told of progress.
  package init(_ configuration: Configuration, say: @escaping (String) -> Void) {
    (self.configuration, self.say) = (configuration, say)
  }

  /// - Parameter waitSeconds: how long ingest may take to read what Kafka holds now.
  package func run(_ userID: String, waitSeconds: Double) throws(CommandFailure) -> Outcome {
    let id = Array(userID.utf8)
    let client: KafkaClientConfiguration
    do throws(ConfigurationError) { client = try Cluster.client(configuration) } catch { throw error.failure }
    let owner = try Owner.connect(configuration, for: "forget")
    let keys = try owner.erasureKeys()
    let cursorTopic = CursorTopic(configuration.kafka.cursorTopic, client, log: { _, _ in })
    try require(cursorTopic, owner)
    let hash = keys.hash(of: id)
    let ends = try ends(client, owner)
    let store = PostgresErasureStore(try Database.adminTarget(configuration, for: "forget"), profile: .owner)
    defer { store.reset() }
    do throws(StoreError) {
      let ends = try owner.ends(ends.map { ($0.key, $0.value.high) })
      var attempt = 1
      while true {
        // Each request has an id of its own, also where it extends what is begun: that may be ended before this one is known.
        let record = ErasureRecord(
          id: try owner.newID(), hash: hash, keyMark: keys.mark, requestedAt: try owner.now(), ends: ends)
        // First where it outlives the database: whoever finds it there alone does the same.
        try add(record, to: cursorTopic)
        var erasureID = record.id
        do throws(StoreError) {
          erasureID = try store.begin(record, busySeconds: Self.busySeconds)
          guard let erasure = try store.open().first(where: { $0.id == erasureID }) else {
            throw .lost("the erasure was ended by somebody else")
          }
          return try erase(erasure, id, keys, store, owner, waitSeconds)
        } catch {
          // An earlier erasure of the same person that this one has extended, or this one, found in the cursor topic: whoever was at it
          // has ended it, and may have known nothing of the id. Another one finds what is left.
          guard case .lost = error, attempt < Self.beginAttempts,
            try !store.open().contains(where: { $0.id == erasureID })
          else { throw error }
          attempt += 1
          say("the erasure was ended by somebody else: it is begun again")
        }
      }
    } catch {
      throw CommandFailure(error)
    }
  }

  /// Where the cursor topic keeps what it is given; made where it is missing and nothing was published yet, as the relay would.
  private func require(_ topic: CursorTopic, _ owner: Owner) throws(CommandFailure) {
    let exists: Bool
    do throws(PublishError) { exists = try topic.exists() } catch { throw CommandFailure(error) }
    if exists { return }
    if try owner.hasPublished() {
      throw CommandFailure(
        .unavailable,
        "the cursor topic \(topic.name) is missing, though derived events were published: point kafka.cursor_topic at it, or, where it "
          + "is lost, create it (one partition, cleanup.policy=compact), and forget again who was forgotten.")
    }
    do throws(PublishError) { try topic.create() } catch { throw CommandFailure(error) }
  }

  /// Of this configuration's topics, and of those that another one's daemon reads.
  private func ends(
    _ client: KafkaClientConfiguration, _ owner: Owner
  ) throws(CommandFailure) -> [TopicPartition: PartitionEnds] {
    let named = configuration.kafka.topics
    let others: Set<String>
    do throws(StoreError) { others = Set(try owner.topics()) } catch { throw CommandFailure(error) }
    return try Cluster.ends(
      client, topics: named, others: others.subtracting(named).sorted(), log: { _, _ in }
    ).all()
  }

  private func add(_ record: ErasureRecord, to topic: CursorTopic) throws(StoreError) {
    do throws(PublishError) {
      try topic.add(record)
    } catch {
      throw .unavailable("the erasure could not be recorded in \(topic.name): \(error.message)")
    }
  }

  private func erase(
    _ erasure: OpenErasure, _ id: [UInt8], _ keys: ErasureKeys, _ store: any ErasureStore, _ owner: Owner,
    _ waitSeconds: Double
  ) throws(StoreError) -> Outcome {
    let eraser = JournalEraser(erasure, id: id, keys: keys, store: store, busySeconds: Self.busySeconds)
    try search(eraser, store)
    let unscrubbed = try scrub(owner, erasure, store)

    let deadline = SystemClock.monotonicNanoseconds() + Int64(min(waitSeconds, 1e9) * 1e9)
    var lags = try store.lags(erasure.id)
    var said = 0
    while !lags.isEmpty, SystemClock.monotonicNanoseconds() < deadline {
      if said != lags.count { say("waiting until ingest has read \(Self.describe(lags))") }
      said = lags.count
      try store.rewrite(erasure.id, searchedTo: 0, busySeconds: Self.busySeconds, [])
      pause.wait(until: min(deadline, SystemClock.monotonicNanoseconds() + Self.pollNanoseconds))
      lags = try store.lags(erasure.id)
    }
    // What came meanwhile, besides what ingest could tell by the hash.
    eraser.searchLettersAgain()
    try search(eraser, store)
    let more = try scrub(owner, erasure, store)
    var position: Int64?
    if lags.isEmpty { position = try appendEvent(of: erasure, store) }
    return Outcome(
      hash: erasure.hash, findings: eraser.findings, segments: Set(eraser.rewritten).count,
      deadLetters: eraser.erasedLetters, position: position, lags: lags,
      unscrubbed: Array(Set(unscrubbed + more)).sorted())
  }

  /// Rewrites the journal to its end as it is now, and the dead letters. Where another (a daemon that found the erasure in the cursor
  /// topic) has rewritten a segment in between, it is read again.
  private func search(_ eraser: JournalEraser, _ store: any ErasureStore) throws(StoreError) {
    var sayAt = SystemClock.monotonicNanoseconds() + Self.progressNanoseconds
    let end = try store.head().position
    var lost = 0
    while true {
      do throws(StoreError) {
        if try eraser.step(until: end) { return }
        lost = 0
      } catch {
        lost += 1
        guard case .lost = error, lost < Self.appendAttempts else { throw error }
      }
      let now = SystemClock.monotonicNanoseconds()
      if now >= sayAt {
        say("searched \(eraser.searchedTo) of \(end) positions: \(eraser.findings.events) events")
        sayAt = now + Self.progressNanoseconds
      }
    }
  }

  private func scrub(_ owner: Owner, _ erasure: OpenErasure, _ store: any ErasureStore) throws(StoreError) -> [String] {
    // Nobody else appends the event meanwhile, whose list of segments says what is to be scrubbed.
    let seconds = Int32(Connection.longReplySeconds)
    try store.rewrite(erasure.id, searchedTo: 0, busySeconds: seconds, [])
    let left = try owner.scrub(say)
    try store.rewrite(erasure.id, searchedTo: 0, busySeconds: Self.busySeconds, [])
    return left
  }

  private func appendEvent(of erasure: OpenErasure, _ store: any ErasureStore) throws(StoreError) -> Int64 {
    var attempt = 0
    while true {
      do throws(StoreError) {
        return try store.appendEvent(of: erasure, isRequester: true)
      } catch {
        attempt += 1
        guard case .lost = error, attempt < Self.appendAttempts else { throw error }
        pause.wait(until: SystemClock.monotonicNanoseconds() + Self.pollNanoseconds)
      }
    }
  }

  package static func describe(_ lags: [ErasureLag]) -> String {
    lags.map { "\($0.partition) to offset \($0.end) (now \($0.offset))" }.joined(separator: ", ")
  }
}
