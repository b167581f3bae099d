import Events

@testable import Engine

/// Open erasures and a journal to be searched, in memory.
final class FakeErasures: ErasureStore {
  var erasures: [OpenErasure] = []
  var segments: [ErasableSegment] = []
  var storedLetters: [ErasableLetter] = []
  private(set) var rewrittenSegments: [Int64: ErasableSegment] = [:]
  private(set) var emptiedLetters: [ErasedLetter] = []
  private(set) var appended: [String] = []
  private(set) var met: [String] = []
  /// Called before each answer to `open`.
  var beforeOpen: () -> Void = {}

  func add(_ batch: EventBatch) {
    let form = batch.encoded()
    let first = segments.last.map { $0.firstPosition + Int64($0.count) } ?? 1
    segments.append(
      ErasableSegment(
        firstPosition: first, count: Int32(batch.count), payload: form.payload,
        payloadDigest: SHA256.digest(of: form.payload), identities: form.identities))
  }

  /// As from a backup made before anything was searched.
  func goBack() {
    rewrittenSegments = [:]
    for index in erasures.indices { (erasures[index].searchedTo, erasures[index].lettersTo) = (0, 0) }
  }

  func end(_ id: String) { erasures.removeAll { $0.id == id } }

  private func update(_ id: String, _ body: (inout OpenErasure) -> Void) throws(StoreError) {
    guard let index = erasures.firstIndex(where: { $0.id == id }) else { throw .lost("the erasure is not open") }
    body(&erasures[index])
  }

  func open() throws(StoreError) -> [OpenErasure] {
    beforeOpen()
    return erasures
  }
  func known(_ ids: [String]) throws(StoreError) -> Set<String> { Set(ids) }
  func begin(_ record: ErasureRecord, busySeconds: Int32) throws(StoreError) -> String { record.id }
  static let pageSegments = 16
  func segments(after position: Int64, limit: Int, bytes: Int) throws(StoreError) -> [ErasableSegment] {
    Array(segments.filter { $0.firstPosition > position }.prefix(min(limit, Self.pageSegments)))
  }
  func rewrite(
    _ erasure: String, searchedTo position: Int64, busySeconds: Int32,
    _ segments: [(old: ErasableSegment, payload: [UInt8], identities: [UInt8])]
  ) throws(StoreError) {
    try update(erasure) { $0.searchedTo = max($0.searchedTo, position) }
    for segment in segments {
      var new = segment.old
      (new.payload, new.identities) = (segment.payload, segment.identities)
      rewrittenSegments[new.firstPosition] = new
    }
  }
  func letters(after id: Int64, limit: Int) throws(StoreError) -> [ErasableLetter] {
    Array(storedLetters.filter { $0.id > id }.prefix(limit))
  }
  func eraseLetters(
    _ erasure: String, searchedTo id: Int64, busySeconds: Int32, _ letters: [ErasedLetter]
  ) throws(StoreError) {
    try update(erasure) { $0.lettersTo = max($0.lettersTo, id) }
    emptiedLetters += letters
  }
  func keptIdentities(after position: Int64, limit: Int) throws(StoreError)
    -> [(firstPosition: Int64, identities: [UInt8])]
  { [] }
  func eraseKept(
    _ erasure: String, busySeconds: Int32, _ identities: [(firstPosition: Int64, identities: [UInt8])]
  ) throws(StoreError) {}
  func rewritten(_ erasure: String) throws(StoreError)
    -> [(firstPosition: Int64, payloadDigest: [UInt8], identitiesDigest: [UInt8])]
  { [] }
  func lags(_ erasure: String) throws(StoreError) -> [ErasureLag] { [] }
  func reached() throws(StoreError) -> Set<String> { Set(erasures.map(\.id)) }
  func noteMet(_ erasure: String) throws(StoreError) { met.append(erasure) }
  func head() throws(StoreError) -> (position: Int64, greatestTime: Timestamp?) {
    (segments.last.map { $0.firstPosition + Int64($0.count) - 1 } ?? 0, nil)
  }
  func append(
    _ erasure: String, isRequester: Bool, listed: [UInt8], time: Timestamp, payload: [UInt8], identities: [UInt8]
  )
    throws(StoreError) -> Int64
  {
    try update(erasure) { _ in }
    end(erasure)
    appended.append(erasure)
    return 1
  }
  func reset() {}
}
