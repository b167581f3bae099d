package import Events

/// Rewrites the journal and the dead letters for one erasure, a page at a time: each step is one small transaction, and what is
/// done is noted with it, so that whoever goes on begins where it ended.
///
/// Whoever has only the hash looks for the id first, among the `user_id`s of what is still to be searched and the strings of dead
/// letters; nothing is rewritten where it is not found.
package final class JournalEraser {
  package let erasure: OpenErasure
  private let keys: ErasureKeys
  private let store: any ErasureStore
  private let busySeconds: Int32
  package private(set) var id: [UInt8]?

  package private(set) var findings = ErasureFindings()
  package private(set) var searchedTo: Int64
  /// First positions of what was rewritten.
  package private(set) var rewritten: [Int64] = []
  package private(set) var erasedLetters: Int64 = 0
  private var lettersTo: Int64
  private var lettersAreDone = false
  /// Where the id is looked for; nil once it is known, or nowhere.
  private var lookedTo: (position: Int64, letter: Int64)?

  private static let pageSegments = 16
  private static let pageLetters = 500

  /// - Parameter busySeconds: with each step nobody else is to append the event for so long; 0 where it does not matter who does.
  package init(
    _ erasure: OpenErasure, id: [UInt8]?, keys: ErasureKeys, store: any ErasureStore, busySeconds: Int32
  ) {
    (self.erasure, self.id, self.keys, self.store, self.busySeconds) = (erasure, id, keys, store, busySeconds)
    (searchedTo, lettersTo) = (erasure.searchedTo, erasure.lettersTo)
    if id == nil { lookedTo = (erasure.searchedTo, erasure.lettersTo) }
  }

  /// One page. Returns whether nothing is left to be done up to that position.
  package func step(until position: Int64) throws(StoreError) -> Bool {
    if id == nil, let place = lookedTo {
      try look(from: place, until: position)
      return false
    }
    if searchedTo < position {
      if let id { try rewritePage(id, until: position) } else { try note(position) }
      return false
    }
    if !lettersAreDone, let id { try erasePage(of: id) }
    return lettersAreDone || id == nil
  }

  /// Dead letters that came since are to be searched as well.
  package func searchLettersAgain() { lettersAreDone = false }

  // MARK: The journal

  private func decode(_ segment: ErasableSegment) throws(StoreError) -> EventBatch {
    do throws(BatchFormError) {
      return try EventBatch(payload: segment.payload, identities: segment.identities)
    } catch {
      throw .refused("the segment at \(segment.firstPosition) cannot be read: \(error)")
    }
  }

  private func rewritePage(_ id: [UInt8], until position: Int64) throws(StoreError) {
    let page = try store.segments(after: searchedTo, limit: Self.pageSegments)
    guard let last = page.last else { return try note(position) }
    var changed: [(old: ErasableSegment, payload: [UInt8], identities: [UInt8])] = []
    var found = ErasureFindings()
    for segment in page {
      var batch = try decode(segment)
      let findings = batch.erase(id, keys: keys)
      found.add(findings)
      if findings.changedEvents == 0 { continue }
      let form = batch.encoded()
      changed.append((segment, form.payload, form.identities))
    }
    let reached = last.firstPosition + Int64(last.count) - 1
    try store.rewrite(erasure.id, searchedTo: reached, busySeconds: busySeconds, changed)
    findings.add(found)
    rewritten += changed.map(\.old.firstPosition)
    searchedTo = reached
  }

  private func note(_ position: Int64) throws(StoreError) {
    try store.rewrite(erasure.id, searchedTo: position, busySeconds: busySeconds, [])
    searchedTo = position
  }

  // MARK: Dead letters

  private func erasePage(of id: [UInt8]) throws(StoreError) {
    let page = try store.letters(after: lettersTo, limit: Self.pageLetters)
    var erased: [(id: Int64, dropsKey: Bool)] = []
    for letter in page where Self.holds(id, letter) {
      erased.append((letter.id, letter.key.map { EscapedText.holds(id, in: $0) } ?? false))
    }
    let reached = page.last?.id ?? lettersTo
    try store.eraseLetters(erasure.id, searchedTo: reached, busySeconds: busySeconds, erased)
    erasedLetters += Int64(erased.count)
    lettersTo = reached
    lettersAreDone = page.count < Self.pageLetters
  }

  private static func holds(_ id: [UInt8], _ letter: ErasableLetter) -> Bool {
    ([letter.key, letter.value].compactMap { $0 } + letter.headers).contains { EscapedText.holds(id, in: $0) }
  }

  // MARK: Looking for the id

  private func look(from place: (position: Int64, letter: Int64), until position: Int64) throws(StoreError) {
    if place.position < position {
      let page = try store.segments(after: place.position, limit: Self.pageSegments)
      for segment in page {
        if let found = try decode(segment).ids(of: [(erasure.hash, .max)], key: keys.people).first {
          id = found.id
          return
        }
      }
      lookedTo!.position = page.last.map { $0.firstPosition + Int64($0.count) - 1 } ?? position
      return
    }
    let page = try store.letters(after: place.letter, limit: Self.pageLetters)
    for letter in page {
      if let found = Self.find(erasure.hash, in: [letter.key, letter.value].compactMap { $0 } + letter.headers, keys) {
        id = found
        return
      }
    }
    if let last = page.last { lookedTo!.letter = last.id } else { lookedTo = nil }
  }

  /// A string in some bytes, or all of one of them, that has this hash.
  package static func find(_ hash: UInt64, in parts: [[UInt8]], _ keys: ErasureKeys) -> [UInt8]? {
    for part in parts {
      if let found = ([part] + EscapedText.strings(in: part)).first(where: { keys.hash(of: $0) == hash }) {
        return found
      }
    }
    return nil
  }
}
