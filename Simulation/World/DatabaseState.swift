import Engine
import Events

/// The rows of Pleat's tables that the stages depend on, as one value: a snapshot of it is a backup.
struct DatabaseState {
  struct InstanceRow {
    var start: Int64
    var until: Int64
  }

  struct LeaseRecord {
    var owner: InstanceID?
    var until: Int64 = 0
    /// The backend of the stage that took over under this lease.
    var backend: Session?
  }

  struct PartitionRow {
    var incarnation: Int32 = 0
    var epoch: Int64 = 0
    var nextOffset: Int64
    var state = PartitionState.running
    var reason: String?
    var clusterID: String?
    var journaled: RecordFingerprint?
    var checked: RecordFingerprint?
    var badRecords: [UInt8] = []
    var duplicates: Int64 = 0
    var deadLetters: Int64 = 0
    let firstOffset: Int64
  }

  struct Skip {
    var partition: TopicPartition
    var from: Int64
    var to: Int64
    var fromIncarnation: Int32
    var incarnation: Int32
    /// Virtual time.
    var at: Int64
  }

  struct Letter {
    var id: Int64
    var partition: TopicPartition
    var incarnation: Int32
    var offset: Int64
    var value: [UInt8]
    var isErased = false
  }

  struct LetterKey: Hashable {
    var partition: TopicPartition
    var incarnation: Int32
    var offset: Int64
  }

  struct Head {
    var position: Int64 = 0
    var chain: [UInt8]
    var greatestTime: Timestamp?
    var appendedAt: Int64 = 0
  }

  enum Phase { case making, live, old }

  struct Generation {
    /// Of the fold.
    var version: Int
    var phase: Phase
    var epoch: Int64 = 0
    var place = ProjectionPlace(position: 0, chain: [], greatestTime: nil, lastDayTurn: 0)
    var state = ProjectionState.catchingUp
  }

  struct GenerationKey: Hashable {
    var projection: String
    var number: Int32
    /// Worlds have few: whole strings would take longer to hash than to compare.
    func hash(into hasher: inout Hasher) { hasher.combine(number &* 8 &+ Int32(projection.utf8.count)) }
  }

  /// From which position on which version's derived events count: for the checks, no table holds it.
  struct Reign {
    var since: Int64
    var version: Int
  }

  struct Outbox {
    var entries: [OutboxEntry] = []
  }

  struct Erasure {
    var record: ErasureRecord
    /// Ids of requests that have extended it.
    var aliases: Set<String> = []
    var number: Int64
    var searchUntil: Int64 = 0
    var searchedTo: Int64 = 0
    var lettersUntil: Int64 = 0
    var lettersTo: Int64 = 0
    var busyUntil: Int64 = .min
    /// Of its event; nil before it.
    var position: Int64?
    /// First positions of what it has rewritten.
    var segments: Set<Int64> = []
    /// Begun by ingest, and nobody who knows the id was at it since: for the checks.
    var isIngests: Bool

    var isSearched: Bool { searchedTo >= searchUntil && lettersTo >= lettersUntil }
  }

  var isPublishing: Bool?
  var liveFrom: Int64?
  var firstEnds: [TopicPartition: Int64] = [:]
  var instances: [String: InstanceRow] = [:]
  var leases: [String: LeaseRecord] = [:]
  var partitions: [TopicPartition: PartitionRow] = [:]
  var skips: [Skip] = []
  var letters: [LetterKey: Letter] = [:]
  /// Ids given out.
  var letterCount: Int64 = 0
  var erasures: [String: Erasure] = [:]
  var erasureCount: Int64 = 0
  var head: Head
  var journal: [Segment] = []
  var live: [String: Int32] = [:]
  var generations: [GenerationKey: Generation] = [:]
  var reigns: [String: [Reign]] = [:]
  var tables: [TableKey: TableRows] = [:]
  var turns: [GenerationKey: [Int64]] = [:]
  var outbox: [String: Outbox] = [:]
  var relayEpoch: Int64 = 0
  var relayPlaces: [String: RelayPlace] = [:]

  /// The erasure of this id, or the one that a request of this id has extended.
  func erasure(knownAs id: String) -> Erasure? {
    erasures[id] ?? erasures.values.first { $0.aliases.contains(id) }
  }

  /// Whether the segment that holds a position has this chain value; an empty value: yes.
  func journalHas(_ position: Int64, _ chain: [UInt8]) -> Bool {
    if chain.isEmpty { return true }
    guard let index = segmentIndex(holding: position) else { return false }
    return journal[index].chain == chain && position <= journal[index].lastPosition
  }

  /// The last segment that begins at or before a position.
  func segmentIndex(holding position: Int64) -> Int? {
    var low = 0
    var high = journal.count
    while low < high {
      let middle = (low + high) / 2
      if journal[middle].firstPosition <= position { low = middle + 1 } else { high = middle }
    }
    return low == 0 ? nil : low - 1
  }
}

/// A row of `pleat.journal`.
final class Segment {
  let firstPosition: Int64
  let draft: SegmentDraft
  let previousChain: [UInt8]
  let chain: [UInt8]
  let greatestSoFar: Timestamp
  let appendedAt: Int64
  /// The digests that were chained, where an erasure has put something else there since.
  let chainedDigests: (payload: [UInt8], identities: [UInt8])
  private var decoded: EventBatch?

  init(
    firstPosition: Int64, draft: SegmentDraft, previousChain: [UInt8], greatestSoFar: Timestamp, appendedAt: Int64
  ) {
    (self.firstPosition, self.draft, self.previousChain) = (firstPosition, draft, previousChain)
    (self.greatestSoFar, self.appendedAt) = (greatestSoFar, appendedAt)
    chainedDigests = (draft.payloadDigest, draft.identitiesDigest)
    chain = Self.chainValue(previousChain, firstPosition, draft, greatestSoFar, appendedAt)
  }

  /// The same place in the journal, with what an erasure has put there.
  init(_ other: Segment, payload: [UInt8], identities: [UInt8]) {
    var draft = other.draft
    (draft.payload, draft.identities) = (payload, identities)
    (draft.payloadDigest, draft.identitiesDigest) = (SHA256.digest(of: payload), SHA256.digest(of: identities))
    (firstPosition, self.draft, previousChain) = (other.firstPosition, draft, other.previousChain)
    (greatestSoFar, appendedAt, chainedDigests) = (other.greatestSoFar, other.appendedAt, other.chainedDigests)
    chain = other.chain
  }

  var isErased: Bool { chainedDigests.payload != draft.payloadDigest }

  var lastPosition: Int64 { firstPosition + Int64(draft.count) - 1 }

  /// What stands in it, unpacked once.
  func events() throws -> EventBatch {
    if let decoded { return decoded }
    let batch = try EventBatch(payload: draft.payload, identities: draft.identities)
    decoded = batch
    return batch
  }

  static func chainValue(
    _ previous: [UInt8], _ firstPosition: Int64, _ draft: SegmentDraft, _ greatestSoFar: Timestamp, _ appendedAt: Int64
  ) -> [UInt8] {
    var bytes = previous
    bytes.reserveCapacity(256)
    func append(_ value: Int64) { withUnsafeBytes(of: value.bigEndian) { bytes.append(contentsOf: $0) } }
    append(firstPosition)
    append(Int64(draft.count))
    bytes += Array(draft.partition.topic.utf8)
    append(Int64(draft.partition.partition))
    append(Int64(draft.incarnation))
    append(draft.firstOffset)
    append(draft.nextOffset)
    append(draft.leastTime.microseconds)
    append(draft.greatestTime.microseconds)
    append(greatestSoFar.microseconds)
    append(appendedAt)
    bytes += draft.payloadDigest
    bytes += draft.identitiesDigest
    return SHA256.digest(of: bytes)
  }
}

struct TableKey: Hashable {
  var projection: String
  var generation: Int32
  var table: String
  /// As that of a generation.
  func hash(into hasher: inout Hasher) {
    hasher.combine(generation &* 64 &+ Int32(projection.utf8.count) &* 8 &+ Int32(table.utf8.count))
  }
}

/// `T_current` of one generation, and its versions.
struct TableRows {
  struct Version {
    var key: Int64
    var position: Int64
    var row: [UInt8]
  }
  /// By key: the columns behind `generation`, each behind its length, as `COPY` brought them.
  var current: [Int64: [UInt8]] = [:]
  var versions: [Version] = []
}
