/// The events' offsets, sources and ids, apart from what folds need: the window of duplicates is primed from these alone.
package enum IdentityColumn {
  /// Offset and identity digest of each event that has an id, in the order of the events.
  ///
  /// The digest is SipHash-2-4-128 of the source, a zero byte and the id, with `key`, the one derived for identities; where an
  /// erasure has put the digest in the id's place, that. The bytes need not be trusted.
  package static func digests(
    of identities: [UInt8], key: HashKey
  ) throws(BatchFormError) -> [(offset: Int64, digest: Digest128)] {
    try ColumnReader.open(identities, magic: BatchForm.identitiesMagic) { reader throws(BatchFormError) in
      let rows = try readRows(&reader)
      let table = reader.table
      var digests: [(offset: Int64, digest: Digest128)] = []
      digests.reserveCapacity(rows.count)
      var message: [UInt8] = []
      try reader.distinct(count: rows.count) { i, form, id in
        switch form {
        case .none: return
        case .erasedIdentity:
          guard let digest = Digest128(bytes: id) else { preconditionFailure("a digest has 16 bytes") }
          digests.append((rows[i].offset, digest))
        case .plain, .erasedPerson:
          message.removeAll(keepingCapacity: true)
          table.withBytes(rows[i].source) { message.append(contentsOf: $0) }
          message.append(0)
          message.append(contentsOf: id)
          digests.append((rows[i].offset, message.withUnsafeBufferPointer { sipHash24Wide(key, $0) }))
        }
      }
      return digests
    }
  }

  /// The column with digests in the place of the identities that hold an id; nil where none does.
  package static func erasing(
    _ id: [UInt8], from identities: [UInt8], keys: ErasureKeys
  ) throws(BatchFormError) -> [UInt8]? {
    let count = try ColumnReader.open(identities, magic: BatchForm.identitiesMagic) { reader throws(BatchFormError) in
      let rows = try readRows(&reader)
      // Read to the end, as whoever opens a column must.
      try reader.distinct(count: rows.count) { _, _, _ in }
      return rows.count
    }
    // What else the events held is gone.
    var batch = EventBatch()
    let gone = Event(
      type: .other, envelope: .bare, row: 0, typeName: .none, source: .none, id: .none,
      time: Timestamp(microseconds: 0), offset: 0, attributes: .none, unknown: .none)
    batch.events = Array(repeating: gone, count: count)
    try decode(identities, into: &batch)
    var eraser = BatchEraser(id: id, keys: keys, batch: batch)
    guard eraser.eraseIdentities() else { return nil }
    return eraser.batch.strings.withStorage { encode(eraser.batch, $0) }
  }

  static func encode(_ batch: EventBatch, _ storage: SymbolTable.Storage) -> [UInt8] {
    var writer = ColumnWriter(storage, of: batch)
    writer.count(batch.count)
    writer.differences(batch.events, step: 1) { $0.offset }
    writer.beginDomain()
    writer.requiredSymbols(batch.events) { $0.source }
    writer.distinct(batch.events) { $0.id }
    return writer.finish(magic: BatchForm.identitiesMagic)
  }

  /// Puts offsets, sources and ids into the events of a batch, which has as many.
  static func decode(_ identities: [UInt8], into batch: inout EventBatch) throws(BatchFormError) {
    try ColumnReader.open(identities, magic: BatchForm.identitiesMagic) { reader throws(BatchFormError) in
      reader.adopt(batch.strings, erasedPeople: batch.erasedPeople)
      // Two tables with the same strings in them would copy each at the first write.
      batch.strings = SymbolTable()
      var rows = try readRows(&reader)
      guard rows.count == batch.count else { throw .mismatch(payload: batch.count, identities: rows.count) }
      try reader.distinct(&rows) { $0.id = $1 }
      for i in rows.indices {
        batch.events[i].offset = rows[i].offset
        batch.events[i].source = rows[i].source
        batch.events[i].id = rows[i].id
      }
      (batch.strings, batch.erasedPeople) = (reader.table, reader.erasedPeople)
      batch.erasedIdentities = reader.erasedIdentities
    }
  }

  private struct Row {
    var offset: Int64 = 0
    var source = Symbol.none
    var id = Symbol.none
  }

  /// Offsets and sources; the ids follow in the strings.
  private static func readRows(_ reader: inout ColumnReader) throws(BatchFormError) -> [Row] {
    // Offsets are a column of at least a byte each.
    let count = try reader.count(upTo: min(BatchForm.maximumEvents, reader.remaining))
    var rows = [Row](repeating: Row(), count: count)
    try reader.differences(&rows, step: 1) { $0.offset = $1 }
    reader.beginDomain()
    try reader.requiredSymbols(&rows) { $0.source = $1 }
    return rows
  }
}
