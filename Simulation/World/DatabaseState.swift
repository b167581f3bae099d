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
    var partition: TopicPartition
    var incarnation: Int32
    var offset: Int64
    var value: [UInt8]
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

  struct Generation {
    var epoch: Int64 = 0
    var place = ProjectionPlace(position: 0, chain: [], greatestTime: nil, lastDayTurn: 0)
    var state = ProjectionState.catchingUp
  }

  struct GenerationKey: Hashable {
    var projection: String
    var number: Int32
  }

  struct Outbox {
    var entries: [OutboxEntry] = []
  }

  var isPublishing: Bool?
  var liveFrom: Int64?
  var firstEnds: [TopicPartition: Int64] = [:]
  var instances: [String: InstanceRow] = [:]
  var leases: [String: LeaseRecord] = [:]
  var partitions: [TopicPartition: PartitionRow] = [:]
  var skips: [Skip] = []
  var letters: [LetterKey: Letter] = [:]
  var head: Head
  var journal: [Segment] = []
  var live: [String: Int32] = [:]
  var generations: [GenerationKey: Generation] = [:]
  var tables: [TableKey: TableRows] = [:]
  var turns: [GenerationKey: [Int64]] = [:]
  var outbox: [String: Outbox] = [:]
  var relayEpoch: Int64 = 0
  var relayPlaces: [String: RelayPlace] = [:]

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
  private var decoded: EventBatch?

  init(
    firstPosition: Int64, draft: SegmentDraft, previousChain: [UInt8], greatestSoFar: Timestamp, appendedAt: Int64
  ) {
    (self.firstPosition, self.draft, self.previousChain) = (firstPosition, draft, previousChain)
    (self.greatestSoFar, self.appendedAt) = (greatestSoFar, appendedAt)
    chain = Self.chainValue(previousChain, firstPosition, draft, greatestSoFar, appendedAt)
  }

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
