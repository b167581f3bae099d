package import Events

/// Rewrites the journal and the dead letters for one erasure, a page at a time: each step is one small transaction, and what is
/// done is noted with it, so that whoever goes on begins where it ended.
///
/// Whoever has only the hash looks for the id first, among the `user_id`s of what is still to be searched and the strings of dead
/// letters; nothing is rewritten where it is not found. It looks from the beginning, and then rewrites from there: who searched before
/// may not have known the id. Where somebody who did has begun, and the id is found no more, what is left may hold it in texts, where a
/// hash finds nothing: only who knows the id can end that (`needsID`).
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
  /// The first position of what retention has kept up to which identities are searched; nil once all are.
  private var keptTo: Int64? = 0
  /// Set where the rest can be done only by somebody who knows the id.
  package private(set) var needsID = false
  /// Where the id is looked for; nil once it is known, or nowhere.
  private var lookedTo: (position: Int64, letter: Int64)?

  /// Small ones are many: with a commit for each few a journal of years would take months.
  private static let pageSegments = 500
  private static let pageBytes = 1 << 20
  private static let pageKept = 16
  private static let pageLetters = 500

  /// - Parameter busySeconds: with each step nobody else is to append the event for so long; 0 where it does not matter who does.
  package init(
    _ erasure: OpenErasure, id: [UInt8]?, keys: ErasureKeys, store: any ErasureStore, busySeconds: Int32
  ) {
    (self.erasure, self.id, self.keys, self.store, self.busySeconds) = (erasure, id, keys, store, busySeconds)
    // As long as nobody who knew it was at it, what was searched was searched for the hash.
    (searchedTo, lettersTo) = erasure.wasBusy ? (erasure.searchedTo, erasure.lettersTo) : (0, 0)
    if id == nil { lookedTo = (0, 0) }
  }

  /// One page. Returns whether nothing is left to be done up to that position, the dead letters included, or `needsID`.
  package func step(until position: Int64) throws(StoreError) -> Bool {
    if id == nil, let place = lookedTo {
      try look(from: place, until: position)
      return false
    }
    guard let id else {
      if erasure.wasBusy {
        needsID = true
        return true
      }
      // Nobody of this hash is anywhere.
      try store.rewrite(erasure.id, searchedTo: position, busySeconds: BusySeconds.byHashAlone, [])
      try store.eraseLetters(erasure.id, searchedTo: erasure.lettersUntil, busySeconds: BusySeconds.byHashAlone, [])
      return true
    }
    if let place = keptTo {
      try eraseKept(id, after: place)
      return false
    }
    if searchedTo < position {
      try rewritePage(id, until: position)
      return false
    }
    if !lettersAreDone { try erasePage(of: id) }
    return lettersAreDone
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
    let page = try store.segments(after: searchedTo, limit: Self.pageSegments, bytes: Self.pageBytes)
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

  /// Identities that are kept of segments which are gone.
  private func eraseKept(_ id: [UInt8], after place: Int64) throws(StoreError) {
    let page = try store.keptIdentities(after: place, limit: Self.pageKept)
    var changed: [(firstPosition: Int64, identities: [UInt8])] = []
    for kept in page {
      do throws(BatchFormError) {
        if let erased = try IdentityColumn.erasing(id, from: kept.identities, keys: keys) {
          changed.append((kept.firstPosition, erased))
        }
      } catch {
        throw .refused("the identities kept of the segment at \(kept.firstPosition) cannot be read: \(error)")
      }
    }
    if !changed.isEmpty { try store.eraseKept(erasure.id, busySeconds: busySeconds, changed) }
    keptTo = page.count < Self.pageKept ? nil : page.last?.firstPosition
  }

  // MARK: Dead letters

  private func erasePage(of id: [UInt8]) throws(StoreError) {
    let page = try store.letters(after: lettersTo, limit: Self.pageLetters)
    var erased: [ErasedLetter] = []
    for letter in page where Self.holds(id, letter) {
      erased.append(
        ErasedLetter(
          id: letter.id, dropsKey: letter.key.map { EscapedText.holds(id, in: $0) } ?? false,
          dropsPath: letter.path.map { Self.holds(id, inPath: $0) } ?? false))
    }
    let isLast = page.count < Self.pageLetters
    // The last ones may be gone: tried again, and journaled.
    let reached = max(page.last?.id ?? lettersTo, isLast ? erasure.lettersUntil : 0)
    try store.eraseLetters(erasure.id, searchedTo: reached, busySeconds: busySeconds, erased)
    erasedLetters += Int64(erased.count)
    lettersTo = reached
    lettersAreDone = isLast
  }

  private static func holds(_ id: [UInt8], _ letter: ErasableLetter) -> Bool {
    ([letter.key, letter.value].compactMap { $0 } + letter.headers).contains { EscapedText.holds(id, in: $0) }
      || letter.path.map { holds(id, inPath: $0) } ?? false
  }

  /// In a header's name, or in a member's name within a JSON Pointer, which writes `~` as `~0` and `/` as `~1`.
  static func holds(_ id: [UInt8], inPath path: String) -> Bool {
    let bytes = Array(path.utf8)
    var plain: [UInt8] = []
    var index = 0
    while index < bytes.count {
      let next = index + 1 < bytes.count ? bytes[index + 1] : 0
      let isEscape = bytes[index] == UInt8(ascii: "~") && (next == UInt8(ascii: "0") || next == UInt8(ascii: "1"))
      plain.append(isEscape && next == UInt8(ascii: "1") ? UInt8(ascii: "/") : bytes[index])
      index += isEscape ? 2 : 1
    }
    return EscapedText.holds(id, in: bytes) || EscapedText.holds(id, in: plain)
  }

  // MARK: Looking for the id

  private func look(from place: (position: Int64, letter: Int64), until position: Int64) throws(StoreError) {
    if place.position < position {
      let page = try store.segments(
        after: place.position, limit: Self.pageSegments, bytes: Self.pageBytes)
      for segment in page {
        if let found = try decode(segment).ids(of: [(erasure.hash, .max)], key: keys.people).first {
          return begin(with: found.id)
        }
      }
      lookedTo!.position = page.last.map { $0.firstPosition + Int64($0.count) - 1 } ?? position
      return
    }
    let page = try store.letters(after: place.letter, limit: Self.pageLetters)
    for letter in page {
      if let found = Self.find(erasure.hash, in: [letter.key, letter.value].compactMap { $0 } + letter.headers, keys) {
        return begin(with: found)
      }
    }
    if let last = page.last { lookedTo!.letter = last.id } else { lookedTo = nil }
  }

  private func begin(with found: [UInt8]) { (id, lookedTo, searchedTo, lettersTo) = (found, nil, 0, 0) }

  /// A string in some bytes, or all of one of them, that has this hash.
  package static func find(_ hash: UInt64, in parts: [[UInt8]], _ keys: ErasureKeys) -> [UInt8]? {
    find([hash], in: parts, keys)[hash]
  }

  /// The same of several hashes.
  static func find(_ hashes: Set<UInt64>, in parts: [[UInt8]], _ keys: ErasureKeys) -> [UInt64: [UInt8]] {
    var found: [UInt64: [UInt8]] = [:]
    for part in parts {
      for string in [part] + EscapedText.strings(in: part) {
        let hash = keys.hash(of: string)
        if hashes.contains(hash) { found[hash] = string }
      }
    }
    return found
  }
}
