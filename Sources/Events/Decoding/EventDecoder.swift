import CSimdjson

/// What the decoder tells of an event that it has appended to a batch.
package struct DecodedEvent: Sendable {
  /// Of (source, id); nil for a bare event without an id, which is never a duplicate.
  package var identity: Digest128?
  package var time: Timestamp
  /// The batch as it was before the event.
  package var mark: EventBatch.Mark
}

/// Reads records into event batches, by the contract of the events (docs of the three envelopes, limits, and dead letters).
///
/// A refused record leaves its batch as it was. In the steady state nothing is allocated but what the batch needs to grow.
/// One thread uses a decoder.
package final class EventDecoder {
  package static let maximumValueBytes = 1 << 20
  /// Of a record's headers, names and values together.
  package static let maximumHeaderBytes = 1 << 20
  /// How far an event may be ahead of the clock of the one who ingests, in microseconds.
  package static let clockToleranceMicroseconds: Int64 = 5 * 60 * 1_000_000
  /// 2000-01-01T00:00:00Z.
  package static let earliestTime = Timestamp(microseconds: 946_684_800_000_000)

  private let reader: OpaquePointer
  private let slots: UnsafeMutablePointer<ObjectReader.Slot>
  /// For a source, a zero byte and an id.
  private let identityBytes: UnsafeMutablePointer<UInt8>
  private let identityKey: HashKey
  private let known = KnownMembers()

  /// `identityKey` is the one derived for identities, not the installation's own.
  package init(identityKey: HashKey) {
    self.identityKey = identityKey
    let names = Member.allCases.map {
      UnsafeRawPointer($0.text.utf8Start).assumingMemoryBound(to: CChar.self) as UnsafePointer<CChar>?
    }
    guard let reader = pleat_json_reader_create(names, names.count) else {
      preconditionFailure("the known member names do not fit the JSON reader")
    }
    self.reader = reader
    slots = .allocate(capacity: Int(PLEAT_JSON_MAX_NAMES) + 1)
    slots.initialize(repeating: ObjectReader.Slot(node: 0, hash: 0), count: Int(PLEAT_JSON_MAX_NAMES) + 1)
    identityBytes = .allocate(capacity: 2 * Limits.identifierBytes + 1)
  }

  deinit {
    pleat_json_reader_destroy(reader)
    slots.deallocate()
    identityBytes.deallocate()
  }

  /// Appends the record's event to the batch. `now` is the clock of the one who ingests. `identified` hears the identity of what may
  /// still be refused, so that whoever looks for it in memory can have it brought nearer meanwhile.
  package func decode(
    _ record: RecordContent, now: Timestamp, into batch: inout EventBatch, identified: (Digest128) -> Void = { _ in }
  ) throws(Refusal) -> DecodedEvent {
    let mark = batch.mark
    do {
      return try append(record, now: now, mark, to: &batch, identified)
    } catch {
      batch.rollBack(to: mark)
      throw error
    }
  }

  private func append(
    _ record: RecordContent, now: Timestamp, _ mark: EventBatch.Mark, to batch: inout EventBatch,
    _ identified: (Digest128) -> Void
  ) throws(Refusal) -> DecodedEvent {
    var value = try read(record)
    let isBinary =
      !record.headers.isEmpty
      && record.headers.contains { $0.value != nil && bytes($0.name) == "ce_specversion" }
    var event: Event
    if isBinary {
      event = try binaryEnvelope(HeaderReader(record.headers), now: now, &batch)
      value.open(0, for: known.of(event.type), lookingUp: known.identifiers, in: batch.strings)
    } else {
      value.open(0, for: known.envelope)
      let isStructured = value.isPresent(.specversion)
      event =
        isStructured
        ? try structuredEnvelope(value, now: now, &batch) : try bareEnvelope(value, now: now, &batch)
      let data = try value.requiredObject(.data)
      let members = isStructured ? known.structuredEnvelope : known.bareEnvelope
      event.attributes = value.keepUnknown(besides: members, &batch)
      value.open(data, for: known.of(event.type), lookingUp: known.identifiers, in: batch.strings)
    }
    let identity = self.identity(of: event, batch.strings)
    if let identity { identified(identity) }
    event.row = try value.row(of: event.type, entries: known.technology, &batch)
    event.unknown = value.keepUnknown(besides: known.of(event.type), &batch)
    event.offset = record.offset
    batch.events.append(event)
    return DecodedEvent(identity: identity, time: event.time, mark: mark)
  }

  /// The value as a whole, and the headers' names.
  private func read(_ record: RecordContent) throws(Refusal) -> ObjectReader {
    guard let value = record.value, value.count > 0 else { throw Refusal(.emptyValue) }
    if value.count > Self.maximumValueBytes || record.headerBytes > Self.maximumHeaderBytes || record.hasTooManyHeaders
    {
      throw Refusal(.tooLarge)
    }
    var document = pleat_json_document()
    let status = Int(pleat_json_read(reader, value.baseAddress, value.count, &document))
    switch status {
    case PLEAT_JSON_OK: break
    case PLEAT_JSON_INVALID_UTF8: throw Refusal(.invalidUTF8)
    case PLEAT_JSON_DUPLICATE:
      let repeated = Int(document.duplicate)
      throw Refusal(.duplicateMember, at: ObjectReader(document, slots: slots).path(to: repeated))
    default: throw Refusal(.malformedJSON)
    }
    if let name = HeaderReader(record.headers).repeatedName() { throw Refusal(.duplicateMember, at: name) }
    let reader = ObjectReader(document, slots: slots)
    if !reader.isObject(0) { throw Refusal(.notAnObject) }
    return reader
  }

  private func structuredEnvelope(
    _ value: ObjectReader, now: Timestamp, _ batch: inout EventBatch
  ) throws(Refusal) -> Event {
    guard try value.text(.specversion, otherwise: .unsupportedSpecversion) == "1.0" else {
      throw value.refusal(.unsupportedSpecversion, .specversion)
    }
    let id = try value.eventID(&batch)
    let source = try value.identifier(.source, &batch)
    let (type, typeName) = try value.eventType(&batch)
    guard value.isPresent(.time) else { throw value.refusal(.missingMember, .time) }
    guard let time = RFC3339.parse(try value.text(.time)) else { throw value.refusal(.invalidValue, .time) }
    if let reason = Self.refuses(time, now: now) { throw value.refusal(reason, .time) }
    return Event(
      type: type, envelope: .structured, row: 0, typeName: typeName, source: source, id: id, time: time, offset: 0,
      attributes: .none, unknown: .none)
  }

  private func bareEnvelope(
    _ value: ObjectReader, now: Timestamp, _ batch: inout EventBatch
  ) throws(Refusal) -> Event {
    let (type, typeName) = try value.eventType(&batch)
    let time = try value.timestamp()
    if let reason = Self.refuses(time, now: now) { throw value.refusal(reason, .timestamp) }
    let id = try value.optionalEventID(&batch)
    let source = batch.strings.intern(bytes("bare"))
    return Event(
      type: type, envelope: .bare, row: 0, typeName: typeName, source: source, id: id, time: time, offset: 0,
      attributes: .none, unknown: .none)
  }

  private func binaryEnvelope(
    _ headers: HeaderReader, now: Timestamp, _ batch: inout EventBatch
  ) throws(Refusal) -> Event {
    guard headers.value(of: "ce_specversion").map({ $0 == "1.0" }) == true else {
      throw Refusal(.unsupportedSpecversion, at: "ce_specversion")
    }
    let id = batch.strings.append(try headers.identifier("ce_id"))
    let source = batch.strings.intern(try headers.identifier("ce_source"))
    let name = try headers.identifier("ce_type")
    let type = EventType(name)
    let typeName = type == .other ? batch.strings.intern(name) : .none
    guard let time = RFC3339.parse(try headers.text("ce_time")) else { throw Refusal(.invalidValue, at: "ce_time") }
    if let reason = Self.refuses(time, now: now) { throw Refusal(reason, at: "ce_time") }
    let attributes = try headers.keepAttributes(&batch)
    return Event(
      type: type, envelope: .binary, row: 0, typeName: typeName, source: source, id: id, time: time, offset: 0,
      attributes: attributes, unknown: .none)
  }

  /// Why an event cannot be of this time, if so.
  private static func refuses(_ time: Timestamp, now: Timestamp) -> DeadLetterReason? {
    if time < earliestTime { return .outOfRange }
    return time.microseconds - clockToleranceMicroseconds > now.microseconds ? .futureTime : nil
  }

  @inline(__always)
  private func identity(of event: Event, _ strings: borrowing SymbolTable) -> Digest128? {
    if event.id.isNone { return nil }
    let sourceCount = copy(event.source, of: strings, to: identityBytes)
    identityBytes[sourceCount] = 0
    let idCount = copy(event.id, of: strings, to: identityBytes + sourceCount + 1)
    return sipHash24Wide(identityKey, Bytes(start: identityBytes, count: sourceCount + 1 + idCount))
  }

  @inline(__always)
  private func copy(
    _ symbol: Symbol, of strings: borrowing SymbolTable, to place: UnsafeMutablePointer<UInt8>
  ) -> Int {
    strings.withBytes(symbol) {
      // Identifiers have at least one byte, and at most Limits.identifierBytes.
      place.update(from: $0.baseAddress!, count: $0.count)
      return $0.count
    }
  }
}
