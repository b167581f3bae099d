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
    /// Where the partition ended.
    var end: Int64
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

  struct GenerationKey: Comparable {
    var projection: String
    var number: Int32
    static func < (a: Self, b: Self) -> Bool { (a.projection, a.number) < (b.projection, b.number) }
  }

  /// From which position on which version's derived events count: for the checks, no table holds it.
  struct Reign {
    var since: Int64
    var version: Int
  }

  struct Outbox {
    /// In the order of the primary key.
    var entries: [OutboxEntry] = []

    func entries(after place: RelayPlace, limit: Int) -> [OutboxEntry] {
      var first = entries.count
      while first > 0, (entries[first - 1].position, entries[first - 1].ordinal) > (place.position, place.ordinal) {
        first -= 1
      }
      return Array(entries[first...].prefix(limit))
    }
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
    /// Begun by a skip; and whether something of the person was read since.
    var isAgain = false
    var wasMet = false

    var isSearched: Bool { searchedTo >= searchUntil && lettersTo >= lettersUntil }

    mutating func set(_ end: ErasureRecord.End) {
      record.ends.removeAll { $0.partition == end.partition }
      record.ends.append(end)
    }
  }

  var isPublishing: Bool?
  var liveFrom: Int64?
  var firstEnds = FewMap<TopicPartition, Int64>()
  var instances = FewMap<String, InstanceRow>()
  var leases = FewMap<String, LeaseRecord>()
  var partitions = FewMap<TopicPartition, PartitionRow>()
  var skips: [Skip] = []
  var letters: [LetterKey: Letter] = [:]
  /// Ids given out.
  var letterCount: Int64 = 0
  var erasures = FewMap<String, Erasure>()
  var erasureCount: Int64 = 0
  var head: Head
  var journal: [Segment] = []
  var live = FewMap<String, Int32>()
  var generations = FewMap<GenerationKey, Generation>()
  var reigns = FewMap<String, [Reign]>()
  var tables = FewMap<TableKey, TableRows>()
  var turns = FewMap<GenerationKey, [Int64]>()
  var outbox = FewMap<String, Outbox>()
  var relayEpoch: Int64 = 0
  var relayPlaces = FewMap<String, RelayPlace>()

  /// The erasure of this id, or the one that a request of this id has extended.
  func erasure(knownAs id: String) -> Erasure? {
    erasures[id] ?? erasures.values.first { $0.aliases.contains(id) }
  }

}

extension [Segment] {
  /// Whether the segment that holds a position has this chain value; an empty value: yes.
  func has(_ position: Int64, _ chain: [UInt8]) -> Bool {
    if chain.isEmpty { return true }
    guard let index = index(holding: position) else { return false }
    return self[index].chain == chain && position <= self[index].lastPosition
  }

  /// The last segment that begins at or before a position.
  func index(holding position: Int64) -> Int? {
    var low = 0
    var high = count
    while low < high {
      let middle = (low + high) / 2
      if self[middle].firstPosition <= position { low = middle + 1 } else { high = middle }
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

struct TableKey: Comparable {
  var projection: String
  var generation: Int32
  var table: String
  static func < (a: Self, b: Self) -> Bool {
    (a.projection, a.generation, a.table) < (b.projection, b.generation, b.table)
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
