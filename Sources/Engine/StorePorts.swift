package import Events
package import Projections

/// Why the store did not do what it was asked.
package enum StoreError: Error, Sendable {
  /// The connection broke, or a reply did not come: whatever was under way may have happened. Try again later.
  case unavailable(String)
  /// The lease, the epoch or the place is not (or no longer) this stage's; nothing was written.
  case lost(String)
  /// The database refuses this for good (a privilege, a constraint, a defect of ours); nothing was written.
  case refused(String)

  package var message: String {
    switch self {
    case .unavailable(let text), .lost(let text), .refused(let text): text
    }
  }
}

/// Who runs: the instance's name and the counter of its start.
package struct InstanceID: Hashable, Sendable {
  package var name: String
  package var start: Int64
  package init(name: String, start: Int64) { (self.name, self.start) = (name, start) }
}

// MARK: - Leases

package struct LeaseRow: Sendable {
  package var resource: String
  /// nil if nobody holds it now, by the database's clock.
  package var owner: InstanceID?
  package init(resource: String, owner: InstanceID?) { (self.resource, self.owner) = (resource, owner) }
}

package struct LeaseOverview: Sendable {
  /// Instances alive by the database's clock, this one included, sorted by name.
  package var instances: [String]
  package var leases: [LeaseRow]
  package init(instances: [String], leases: [LeaseRow]) { (self.instances, self.leases) = (instances, leases) }
}

package enum HeartbeatReply: Sendable {
  case overview(LeaseOverview)
  /// A younger start has this instance's name.
  case superseded
  /// The database does not know this start (it went back): register again.
  case unknown
}

/// Leases, on a connection of their own. Resources are `partition/TOPIC/N`, `projection/NAME` and `relay`.
package protocol LeaseStore: AnyObject {
  /// Enters the instance under its name, with a start counter above every earlier one; frees the leases of its predecessor.
  func register(name: String) throws(StoreError) -> InstanceID
  /// Says that the instance lives, makes sure `resources` exist, renews `renew` for `seconds` (those with progress: the caller
  /// decides, but the store also renews a lease of `held` whose recorded backend is active and not waiting for its client),
  /// gives back `release`.
  func heartbeat(
    _ instance: InstanceID, seconds: Int, resources: [String], held: [String], renew: [String], release: [String]
  ) throws(StoreError) -> HeartbeatReply
  /// Takes what is free of `resources`; returns what it got.
  func acquire(_ instance: InstanceID, seconds: Int, resources: [String]) throws(StoreError) -> [String]
  /// Ends this instance's registration and frees all it holds.
  func leave(_ instance: InstanceID) throws(StoreError)
}

// MARK: - Ingest

package enum PartitionState: String, Sendable {
  case running
  /// An alarm: an offset that is gone, a truncated or recreated topic. `pleat skip` decides.
  case alarm
  /// Too many bad records: `pleat resume` goes on.
  case paused
}

package struct PartitionCursor: Sendable {
  package var partition: TopicPartition
  package var epoch: Int64
  package var incarnation: Int32
  package var nextOffset: Int64
  package var state: PartitionState
  package var reason: String?
  package var clusterID: String?
  /// Of the last journaled record.
  package var journaled: RecordFingerprint?
  /// Of the record that was last in the topic at the previous check.
  package var checked: RecordFingerprint?
  /// Of the last 10,000 records (oldest first, as bits), which were bad; see `BadRecordWindow`.
  package var badRecords: [UInt8]

  package init(
    partition: TopicPartition, epoch: Int64, incarnation: Int32, nextOffset: Int64, state: PartitionState,
    reason: String?,
    clusterID: String?, journaled: RecordFingerprint?, checked: RecordFingerprint?, badRecords: [UInt8]
  ) {
    (self.partition, self.epoch, self.incarnation, self.nextOffset) = (partition, epoch, incarnation, nextOffset)
    (self.state, self.reason, self.clusterID) = (state, reason, clusterID)
    (self.journaled, self.checked, self.badRecords) = (journaled, checked, badRecords)
  }
}

package struct SegmentDraft: Sendable {
  package var partition: TopicPartition
  package var incarnation: Int32
  package var count: Int32
  package var firstOffset: Int64
  package var nextOffset: Int64
  package var leastTime: Timestamp
  package var greatestTime: Timestamp
  /// The event batch in its binary form, zstd, and its SHA-256.
  package var payload: [UInt8]
  package var payloadDigest: [UInt8]
  package var identities: [UInt8]
  package var identitiesDigest: [UInt8]

  package init(
    partition: TopicPartition, incarnation: Int32, count: Int32, firstOffset: Int64, nextOffset: Int64,
    leastTime: Timestamp,
    greatestTime: Timestamp, payload: [UInt8], payloadDigest: [UInt8], identities: [UInt8], identitiesDigest: [UInt8]
  ) {
    (self.partition, self.incarnation, self.count) = (partition, incarnation, count)
    (self.firstOffset, self.nextOffset) = (firstOffset, nextOffset)
    (self.leastTime, self.greatestTime) = (leastTime, greatestTime)
    (self.payload, self.payloadDigest) = (payload, payloadDigest)
    (self.identities, self.identitiesDigest) = (identities, identitiesDigest)
  }
}

package struct DeadLetter: Sendable {
  package var partition: TopicPartition
  package var incarnation: Int32
  package var offset: Int64
  package var refusal: Refusal
  package var key: [UInt8]?
  package var value: [UInt8]?
  package var headers: [(name: [UInt8], value: [UInt8]?)]
  package var timestampMilliseconds: Int64

  package init(
    partition: TopicPartition, incarnation: Int32, offset: Int64, refusal: Refusal, key: [UInt8]?, value: [UInt8]?,
    headers: [(name: [UInt8], value: [UInt8]?)], timestampMilliseconds: Int64
  ) {
    (self.partition, self.incarnation, self.offset, self.refusal) = (partition, incarnation, offset, refusal)
    (self.key, self.value, self.headers, self.timestampMilliseconds) = (key, value, headers, timestampMilliseconds)
  }
}

package struct CursorMove: Sendable {
  package var partition: TopicPartition
  package var epoch: Int64
  package var from: Int64
  package var to: Int64
  /// The partition's high watermark as ingest last saw it, for lag; nil if unknown.
  package var endOffset: Int64?
  package var duplicates: Int64
  package var deadLetters: Int64
  package var state: PartitionState
  package var reason: String?
  package var journaled: RecordFingerprint?
  package var badRecords: [UInt8]

  package init(
    partition: TopicPartition, epoch: Int64, from: Int64, to: Int64, endOffset: Int64?, duplicates: Int64,
    deadLetters: Int64,
    state: PartitionState, reason: String?, journaled: RecordFingerprint?, badRecords: [UInt8]
  ) {
    (self.partition, self.epoch, self.from, self.to) = (partition, epoch, from, to)
    (self.endOffset, self.duplicates, self.deadLetters) = (endOffset, duplicates, deadLetters)
    (self.state, self.reason) = (state, reason)
    (self.journaled, self.badRecords) = (journaled, badRecords)
  }
}

/// All that one flush of ingest writes, in one transaction.
package struct JournalFlush: Sendable {
  /// Sorted by partition.
  package var moves: [CursorMove] = []
  package var segments: [SegmentDraft] = []
  package var deadLetters: [DeadLetter] = []
  package init() {}
}

/// Where a segment came to stand.
package struct AppendedSegment: Sendable {
  package var firstPosition: Int64
  /// The chain value after it.
  package var chain: [UInt8]
  package init(firstPosition: Int64, chain: [UInt8]) { (self.firstPosition, self.chain) = (firstPosition, chain) }
}

/// Ingest's side of the journal, on a connection of its own.
package protocol JournalStore: AnyObject {
  /// The key of people's hashes and of identities' digests.
  func hashKey() throws(StoreError) -> HashKey
  /// Stores, once for the installation, what `relay.publish` says and where the topics ended then; later calls change nothing.
  func initialize(publishAll: Bool, ends: [(TopicPartition, Int64)]) throws(StoreError)
  /// The cursor of a partition, if it has one yet.
  func cursor(_ partition: TopicPartition) throws(StoreError) -> PartitionCursor?
  /// Makes the cursor at `offset` (if there is none), raises its epoch if the instance holds the partition's lease, and returns
  /// it. Waits for a commit still on its way, and ends the backends that block it for longer than a second.
  func takeOver(_ partition: TopicPartition, instance: InstanceID, firstOffset: Int64, clusterID: String)
    throws(StoreError) -> PartitionCursor
  /// The identities columns of the segments of a partition's incarnation that reach past `offset`, oldest first.
  func identities(_ partition: TopicPartition, incarnation: Int32, from offset: Int64) throws(StoreError) -> [[UInt8]]
  /// Sends a flush; its end is `finishAppend`'s. One at a time.
  func startAppend(_ flush: JournalFlush) throws(StoreError)
  /// Whether `finishAppend` would not wait.
  func appendIsDone() -> Bool
  /// Waits for the flush: where each of its segments stands.
  func finishAppend() throws(StoreError) -> [AppendedSegment]
  /// Notes an alarm or the result of a check in the cursor's row, by compare-and-swap on the epoch.
  func note(
    _ partition: TopicPartition, epoch: Int64, state: PartitionState, reason: String?, clusterID: String?,
    checked: RecordFingerprint?
  ) throws(StoreError)
  /// Drops the connection; the next call makes a new one.
  func reset()
}

// MARK: - Projections

/// Where a projection stands in the journal, with what its fold must know of everything before.
package struct ProjectionPlace: Sendable {
  /// The last event folded; 0 for none.
  package var position: Int64
  /// The chain value of the segment that holds `position`; empty at 0.
  package var chain: [UInt8]
  /// Greatest event time folded; nil before the first event.
  package var greatestTime: Timestamp?
  /// Position of the last turn of the day; 0 before the first.
  package var lastDayTurn: Int64
  package init(position: Int64, chain: [UInt8], greatestTime: Timestamp?, lastDayTurn: Int64) {
    (self.position, self.chain, self.greatestTime, self.lastDayTurn) = (position, chain, greatestTime, lastDayTurn)
  }
}

package struct ProjectionCursor: Sendable {
  package var generation: Int32
  package var epoch: Int64
  package var place: ProjectionPlace
  package init(generation: Int32, epoch: Int64, place: ProjectionPlace) {
    (self.generation, self.epoch, self.place) = (generation, epoch, place)
  }
}

/// A segment as the journal holds it.
package struct StoredSegment: Sendable {
  package var firstPosition: Int64
  package var count: Int32
  package var partition: TopicPartition
  package var payload: [UInt8]
  package var identities: [UInt8]
  package var chain: [UInt8]
  package init(
    firstPosition: Int64, count: Int32, partition: TopicPartition, payload: [UInt8], identities: [UInt8], chain: [UInt8]
  ) {
    (self.firstPosition, self.count, self.partition) = (firstPosition, count, partition)
    (self.payload, self.identities, self.chain) = (payload, identities, chain)
  }
}

/// The changed rows of one table, as `COPY` takes them.
package struct TableChanges: Sendable {
  package var statements: TableStatements
  package var inserts: RowWriter
  package var updates: RowWriter
  package init(statements: TableStatements, inserts: RowWriter, updates: RowWriter) {
    (self.statements, self.inserts, self.updates) = (statements, inserts, updates)
  }
}

package enum ProjectionState: String, Sendable {
  case live
  case catchingUp = "catching_up"
  case failed, stopped
}

/// One generation of a projection in the database, on a connection of its own.
///
/// A transaction begins with `begin`, whose first statement moves the cursor by compare-and-swap on epoch and place and requires
/// that the journal still has the chain value of the new place, and ends with `commit`. After any error but `.refused` of a
/// read, the stage calls `reset` and `takeOver`.
package protocol ProjectionStore: AnyObject, RowStream {
  /// The live generation's cursor, its epoch raised, if the instance holds the lease `projection/NAME`. Makes the first
  /// generation if there is none yet for this version.
  func takeOver(instance: InstanceID) throws(StoreError) -> ProjectionCursor
  /// Segments from the one that holds `position + 1` on, in order, up to about `bytes` of payload (at least one, if there is).
  func segments(after position: Int64, bytes: Int) throws(StoreError) -> [StoredSegment]
  /// The journal's last position.
  func journalEnd() throws(StoreError) -> Int64
  /// The stored rows of these keys. Also while a flush is on its way, for keys that are not in it.
  func load(_ statements: TableStatements, keys: KeyColumns, _ body: (inout RowReader) -> Void) throws(StoreError)

  func begin(_ cursor: ProjectionCursor, to place: ProjectionPlace, state: ProjectionState) throws(StoreError)
  func write(_ changes: [TableChanges]) throws(StoreError)
  /// A version of every row changed at or after `lastTurn`, at the position of this turn, and the turn itself.
  func makeVersions(_ tables: [TableStatements], at turn: Turn, since lastTurn: Int64) throws(StoreError)
  /// Outbox entries of this position, ordinals from 0 in order.
  func appendOutbox(_ events: [DerivedEvent], at position: Int64, chain: [UInt8]) throws(StoreError)
  func commit() throws(StoreError)

  /// The same as begin, write and commit, in the background; `finishFlush` waits for its end. One at a time, and nothing but
  /// `load` is asked of the store in between.
  func startFlush(
    _ cursor: ProjectionCursor, to place: ProjectionPlace, state: ProjectionState, _ changes: [TableChanges])
    throws(StoreError)
  func flushIsDone() -> Bool
  func finishFlush() throws(StoreError)

  /// Keeps why the projection does not go on, for `freshness`.
  func noteState(_ state: ProjectionState, reason: String?) throws(StoreError)
  func reset()
}

// MARK: - Relay

/// How far the relay has come in a projection's outbox.
package struct RelayPlace: Hashable, Sendable {
  package var position: Int64
  package var ordinal: Int32
  /// The chain value at `position`, as the outbox entry has it.
  package var chain: [UInt8]
  /// Set while ids are read back after the database went back: the greatest `as_of` found then.
  package var checkedUntil: Timestamp?
  package init(position: Int64, ordinal: Int32, chain: [UInt8], checkedUntil: Timestamp? = nil) {
    (self.position, self.ordinal, self.chain, self.checkedUntil) = (position, ordinal, chain, checkedUntil)
  }
  package static let beginning = RelayPlace(position: 0, ordinal: -1, chain: [])
}

package struct OutboxEntry: Sendable {
  package var projection: String
  package var position: Int64
  package var ordinal: Int32
  package var chain: [UInt8]
  package var topic: OutputTopic
  package var subject: String
  package var id: String
  package var asOf: Timestamp
  package var json: String
  package init(
    projection: String, position: Int64, ordinal: Int32, chain: [UInt8], topic: OutputTopic, subject: String,
    id: String,
    asOf: Timestamp, json: String
  ) {
    (self.projection, self.position, self.ordinal, self.chain) = (projection, position, ordinal, chain)
    (self.topic, self.subject, self.id, self.asOf, self.json) = (topic, subject, id, asOf, json)
  }
}

package struct RelayCursor: Sendable {
  package var epoch: Int64
  /// PostgreSQL's lagging copy, by projection.
  package var places: [String: RelayPlace]
  /// Nothing at or before this position is published; nil while ingest has not reached the ends that held at the first start.
  package var publishAfter: Int64?
  package init(epoch: Int64, places: [String: RelayPlace], publishAfter: Int64?) {
    (self.epoch, self.places, self.publishAfter) = (epoch, places, publishAfter)
  }
}

/// The outbox, on a connection of its own.
package protocol OutboxStore: AnyObject {
  /// The relay's cursor, its epoch raised, if the instance holds the lease `relay`.
  func takeOver(instance: InstanceID) throws(StoreError) -> RelayCursor
  /// `publishAfter` as it stands now.
  func publishAfter() throws(StoreError) -> Int64?
  /// Entries behind a place, in order (position, ordinal), at most `limit`.
  func entries(_ projection: String, after place: RelayPlace, limit: Int) throws(StoreError) -> [OutboxEntry]
  /// Whether the journal has this chain value at this position (an empty value: yes).
  func journalHas(chain: [UInt8], at position: Int64) throws(StoreError) -> Bool
  /// Each projection's watermark; nil before its first event.
  func watermarks() throws(StoreError) -> [String: Timestamp?]
  /// Moves the copy, by compare-and-swap on the epoch.
  func move(epoch: Int64, places: [String: RelayPlace], state: String, delivery: String) throws(StoreError)
  func reset()
}

package enum PublishError: Error, Sendable {
  /// Whatever was under way may have happened: throw the producer away and start over.
  case inDoubt(String)
  /// A configuration that cannot work (the cursor topic is not compacted, an output topic does not exist): an alarm.
  case alarm(String)
  package var message: String {
    switch self {
    case .inDoubt(let text), .alarm(let text): text
    }
  }
}

/// What the cursor topic said.
package enum PublishedCursor: Sendable {
  case places([String: RelayPlace])
  /// The topic did not exist; `createCursorTopic` makes it.
  case topicMissing
}

/// The output topics. `open` fences every predecessor (`init_transactions`); any error ends the producer, and `open` begins anew.
package protocol Publisher: AnyObject {
  /// False on the embedded broker, which acknowledges transactions without having any: delivery is then at least once.
  var isTransactional: Bool { get }
  func open() throws(PublishError)
  /// The newest cursor records, `read_committed`, up to an EOF at or past the high watermark that a `read_uncommitted` client
  /// reported after `open`. Only where `isTransactional`.
  func readCursor() throws(PublishError) -> PublishedCursor
  func createCursorTopic() throws(PublishError)
  /// Every id on the output topics whose `as_of` is at or after `from`, and the greatest `as_of`; to the high watermark.
  func readBack(from: Timestamp) throws(PublishError) -> (ids: Set<String>, greatest: Timestamp?)
  /// One Kafka transaction: the entries, and a cursor record for each place.
  func publish(_ entries: [OutboxEntry], places: [String: RelayPlace]) throws(PublishError)
  func close()
}
