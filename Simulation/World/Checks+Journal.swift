import Engine
import Events

extension Checks {
  /// What ingest did with an offset.
  private enum Fate: Equatable {
    case journaled(String)
    /// An erasure has put the identity's digest in the id's place.
    case erased([UInt8])
    case letter

    func isJournaled(_ record: Published) -> Bool {
      switch self {
      case .journaled(let id): id == record.id
      case .erased(let digest): digest == record.identity
      case .letter: false
      }
    }
  }

  private struct Place: Hashable {
    var partition: TopicPartition
    var incarnation: Int32
    var offset: Int64
  }

  /// What is known of one incarnation of a partition, offset by offset.
  private struct Passage {
    /// Where each id was journaled last, of those before.
    var last: [String: Int64] = [:]
    var journaled: [String: [Int64]] = [:]
    /// Dead letters that were tried again, and were duplicates.
    var duplicates: [(id: String, offset: Int64)] = []

    mutating func journal(_ id: String, at offset: Int64) {
      last[id] = offset
      journaled[id, default: []].append(offset)
    }
  }

  /// Every record that was there for readers while the cursor passed it: once in the journal, or in the dead letters, or it is a
  /// duplicate. And nothing else.
  func checkJournal() {
    var fates: [Place: Fate] = [:]
    var numbers: Set<Int64> = []
    for segment in state.journal {
      guard let batch = try? segment.events() else {
        return world.violation("the segment at \(segment.firstPosition) cannot be read")
      }
      if segment.draft.partition == World.ownTopic {
        let isNew = numbers.insert(segment.draft.firstOffset).inserted
        if !isNew || batch.events.map(\.type) != [.personErased] {
          return world.violation("the erasure \(segment.draft.firstOffset) twice")
        }
        continue
      }
      for event in batch.events {
        let place = Place(
          partition: segment.draft.partition, incarnation: segment.draft.incarnation, offset: event.offset)
        if fates[place] != nil { return world.violation("journaled twice: \(place)") }
        let isErased = !batch.erasedIdentities.isEmpty && batch.erasedIdentities.contains(event.id)
        fates[place] =
          isErased
          ? .erased(batch.strings.withBytes(event.id) { Array($0) }) : .journaled(batch.strings.string(event.id))
      }
    }
    for letter in state.letters.values {
      let place = Place(partition: letter.partition, incarnation: letter.incarnation, offset: letter.offset)
      if fates[place] != nil { return world.violation("journaled and refused: \(place)") }
      fates[place] = .letter
    }
    for partition in world.inputs { check(partition, &fates) }
    if let (place, fate) = fates.first { world.violation("from nowhere: \(place) \(fate)") }
  }

  private func check(_ partition: TopicPartition, _ fates: inout [Place: Fate]) {
    guard let row = state.partitions[partition] else { return }
    var from = row.firstOffset
    var incarnation: Int32 = 0
    var since: Int64 = 0
    var passage = Passage()
    for skip in state.skips.filter({ $0.partition == partition }) + [
      DatabaseState.Skip(
        partition: partition, from: row.nextOffset, to: 0, fromIncarnation: row.incarnation, incarnation: .max,
        end: 0, at: world.scheduler.now)
    ] {
      if skip.fromIncarnation != incarnation { return world.violation("\(partition): incarnations do not follow") }
      pass(partition, incarnation, from..<max(from, skip.from), since...skip.at, &passage, &fates)
      if skip.incarnation != incarnation {
        for duplicate in passage.duplicates
        where !passage.journaled[duplicate.id, default: []].contains(where: {
          abs($0 - duplicate.offset) <= DuplicateWindow.span
        }) {
          world.violation("no dead letter for \(duplicate.id) at \(partition)@\(duplicate.offset), and no other")
        }
        passage = Passage()
      }
      (from, incarnation, since) = (skip.to, skip.incarnation, skip.at)
    }
  }

  /// The cursor went over these offsets between these moments.
  private func pass(
    _ partition: TopicPartition, _ incarnation: Int32, _ offsets: Range<Int64>, _ when: ClosedRange<Int64>,
    _ passage: inout Passage, _ fates: inout [Place: Fate]
  ) {
    let history = world.broker.history[partition] ?? [:]
    let replacedAt = world.replacedAt[partition]
    for offset in history.keys.filter({ offsets.contains($0) }).sorted() {
      let all = (history[offset] ?? []).filter { $0.bornAt <= when.upperBound && $0.diedAt >= when.lowerBound }
      guard let first = all.first else { continue }
      let place = Place(partition: partition, incarnation: incarnation, offset: offset)
      let fate = fates.removeValue(forKey: place)
      // Born behind a cursor that did not know yet that the topic is another one.
      let isUncertain = (replacedAt ?? []).contains { when.contains($0) && $0 <= first.bornAt }
      if all.count > 1 || first.diedAt <= when.upperBound && replacedAt != nil || isUncertain {
        // The topic was another one meanwhile: any of its records, or none, if it is gone. (What retention took is not passed over:
        // that is a gap, an alarm, and a skip.)
        guard let fate, fate != .letter else { continue }
        guard let found = all.first(where: { fate.isJournaled($0) }) else {
          world.violation("\(place) holds \(fate), which never stood there")
          continue
        }
        passage.journal(found.id ?? "", at: offset)
        continue
      }
      judge(first, fate, at: place, &passage)
    }
  }

  private func judge(_ record: Published, _ fate: Fate?, at place: Place, _ passage: inout Passage) {
    let isLetter = fate == .letter
    guard let id = record.id else {
      if !isLetter { world.violation("no dead letter for the bad record at \(place)") }
      return
    }
    if record.isBad, isLetter { return }
    if let before = passage.last[id], place.offset - before <= DuplicateWindow.span {
      if let fate { world.violation("the duplicate \(id) at \(place) counts: \(fate)") }
    } else if fate?.isJournaled(record) == true {
      passage.journal(id, at: place.offset)
    } else if record.isBad, fate == nil {
      passage.duplicates.append((id, place.offset))
    } else {
      world.violation("\(id) at \(place) is \(fate.map { "\($0)" } ?? "lost")")
    }
  }

  // MARK: Erasures

  /// As its event is appended: up to where the database knows.
  func checkErased(_ id: String) {
    for erasure in world.recorded where state.erasure(knownAs: erasure.record.id)?.record.id == id {
      checkErased(erasure)
    }
  }

  private func checkErased(_ erasure: RecordedErasure) {
    for segment in state.journal where segment.draft.partition != World.ownTopic {
      guard let batch = try? segment.events(), let offset = erasure.standsIn(batch, of: segment, in: world.database)
      else { continue }
      world.violation("\(erasure.person) is erased, and stands at \(segment.draft.partition)@\(offset)")
    }
  }

  /// Where an erasure that a skip has begun ends without an event, nothing of the person was read again.
  func checkUnmet(_ id: String) {
    guard let record = state.erasures[id]?.record else { return }
    let hash = withUnsafeBytes(of: record.hash.littleEndian) { Array($0) }
    for segment in state.journal {
      guard
        let end = record.ends.first(where: {
          $0.partition == segment.draft.partition && $0.incarnation == segment.draft.incarnation
        }), let batch = try? segment.events()
      else { continue }
      for event in batch.events where event.type == .feedbackSubmitted && event.offset < end.offset {
        let person = batch.feedbackSubmitted[Int(event.row)].userID
        if batch.erasedPeople.contains(person), batch.strings.withBytes(person, { Array($0) }) == hash {
          world.violation("\(id) has no event, and was met at \(end.partition)@\(event.offset)")
        }
      }
    }
  }

  /// Who is erased is nowhere below the ends, and what was rewritten is listed by an event of the journal.
  func checkErasures() {
    var listed: [Int64: ErasedSegment] = [:]
    for segment in state.journal where segment.draft.partition == World.ownTopic {
      guard let batch = try? segment.events() else { continue }
      for erased in ErasedSegment.listed(in: batch) { listed[erased.firstPosition] = erased }
    }
    let isOpen = state.erasures.values.contains { $0.position == nil }
    for segment in state.journal where segment.isErased && !isOpen {
      let draft = segment.draft
      let found = listed[segment.firstPosition]
      if found?.payloadDigest != draft.payloadDigest || found?.identitiesDigest != draft.identitiesDigest {
        world.violation("no erasure lists what stands at \(segment.firstPosition)")
      }
    }
    for erasure in world.newestErasures where state.erasure(knownAs: erasure.record.id)?.position != nil {
      checkErased(erasure)
      let id = Array(erasure.person.utf8)
      for letter in state.letters.values {
        guard let end = erasure.end(letter.partition, incarnation: letter.incarnation, in: world.database),
          letter.offset < end,
          EscapedText.holds(id, in: letter.value)
        else { continue }
        world.violation(
          "\(erasure.person) is erased, and stands in the dead letter \(letter.partition)@\(letter.offset)")
      }
    }
  }
}

extension Published {
  /// What an erasure puts in the id's place.
  fileprivate var identity: [UInt8] {
    guard let id, let source = World.member("source", in: String(decoding: value, as: UTF8.self)) else { return [] }
    let message = Array(source.utf8) + [0] + Array(id.utf8)
    return message.withUnsafeBufferPointer { sipHash24Wide(identityKey(of: World.hashKey), $0) }.bytes
  }
}
