import Engine
import Events

/// Erasures in the simulated database.
final class SimulatedErasureStore: ErasureStore {
  private let connection: Connection
  /// Whether what it begins is begun by ingest.
  private let isIngests: Bool

  init(_ world: World, _ process: Process, isIngests: Bool) {
    connection = Connection(world, process, "erasures")
    self.isIngests = isIngests
  }

  func open() throws(StoreError) -> [OpenErasure] {
    try connection.call("open erasures") { session throws(StoreError) in session.openErasures() }
  }

  func known(_ ids: [String]) throws(StoreError) -> Set<String> {
    if ids.isEmpty { return [] }
    return try connection.call("known erasures") { session throws(StoreError) in
      Set(ids.filter { session.state.erasure(knownAs: $0) != nil })
    }
  }

  func begin(_ record: ErasureRecord, busySeconds: Int32) throws(StoreError) -> String {
    let isIngests = isIngests
    return try connection.call("begin of an erasure") { session throws(StoreError) in
      try session.beginErasure(record, byIngest: isIngests, busySeconds: busySeconds)
    }
  }

  /// Few, so that much happens between pages.
  private static let pageSegments = 16

  func segments(after position: Int64, limit: Int, bytes: Int) throws(StoreError) -> [ErasableSegment] {
    try connection.call("erasable segments") { session throws(StoreError) in
      let journal = session.state.journal
      let first = (session.state.journal.index(holding: position) ?? -1) + 1
      return journal[first...].prefix(min(limit, Self.pageSegments)).map {
        ErasableSegment(
          firstPosition: $0.firstPosition, count: $0.draft.count, payload: $0.draft.payload,
          payloadDigest: $0.draft.payloadDigest, identities: $0.draft.identities)
      }
    }
  }

  func rewrite(
    _ erasure: String, searchedTo position: Int64, busySeconds: Int32,
    _ segments: [(old: ErasableSegment, payload: [UInt8], identities: [UInt8])]
  ) throws(StoreError) {
    try connection.call("rewriting") { session throws(StoreError) in
      try session.rewriteSegments(
        erasure, searchedTo: position, busySeconds: busySeconds,
        segments.map { ($0.old.firstPosition, $0.old.payloadDigest, $0.payload, $0.identities) })
    }
  }

  func letters(after id: Int64, limit: Int) throws(StoreError) -> [ErasableLetter] {
    try connection.call("letters") { session throws(StoreError) in session.letters(after: id, limit: limit) }
  }

  func eraseLetters(
    _ erasure: String, searchedTo id: Int64, busySeconds: Int32, _ letters: [ErasedLetter]
  ) throws(StoreError) {
    let ids = letters.map(\.id)
    try connection.call("emptying of letters") { session throws(StoreError) in
      try session.eraseLetters(erasure, searchedTo: id, busySeconds: busySeconds, ids)
    }
  }

  // Nothing of the journal is ever dropped there, so nothing is kept of it.
  func keptIdentities(after position: Int64, limit: Int) throws(StoreError)
    -> [(firstPosition: Int64, identities: [UInt8])]
  { [] }
  func eraseKept(
    _ erasure: String, busySeconds: Int32, _ identities: [(firstPosition: Int64, identities: [UInt8])]
  ) throws(StoreError) {}

  func rewritten(_ erasure: String) throws(StoreError)
    -> [(firstPosition: Int64, payloadDigest: [UInt8], identitiesDigest: [UInt8])]
  {
    try connection.call("rewritten segments") { session throws(StoreError) in session.rewritten(erasure) }
  }

  func lags(_ erasure: String) throws(StoreError) -> [ErasureLag] {
    try connection.call("lags") { session throws(StoreError) in session.lags(erasure) }
  }

  func reached() throws(StoreError) -> Set<String> {
    try connection.call("lags") { session throws(StoreError) in
      Set(
        session.state.erasures.values.filter { $0.position == nil }.map(\.record.id).filter { session.lags($0).isEmpty }
      )
    }
  }

  func noteMet(_ erasure: String) throws(StoreError) {
    try connection.call("met") { session throws(StoreError) in try session.noteMet(erasure) }
  }

  func head() throws(StoreError) -> (position: Int64, greatestTime: Timestamp?) {
    try connection.call("head") { session throws(StoreError) in
      (session.state.head.position, session.state.head.greatestTime)
    }
  }

  func append(
    _ erasure: String, isRequester: Bool, listed: [UInt8], time: Timestamp, payload: [UInt8], identities: [UInt8]
  ) throws(StoreError) -> Int64 {
    try connection.call("append of an erasure") { session throws(StoreError) in
      let number = session.state.erasures[erasure]?.number ?? 0
      let event = SegmentDraft(
        partition: World.ownTopic, incarnation: 0, count: 1, firstOffset: number, nextOffset: number + 1,
        leastTime: time, greatestTime: time, payload: payload, payloadDigest: SHA256.digest(of: payload),
        identities: identities, identitiesDigest: SHA256.digest(of: identities))
      return try session.appendErasure(erasure, isRequester: isRequester, listed: listed, event)
    }
  }

  func reset() { connection.reset() }
}
