/// Writes the columns of a batch, in the forms that `BatchForm` lists. Valid while the batch's strings are.
struct ColumnWriter {
  private(set) var columns = ByteBuffer()
  private(set) var strings: StringWriter
  private var freeText = ByteBuffer()
  private let texts: [UInt8]

  /// So many rows ahead.
  private static let prefetched = 8

  /// For each symbol the domain in which it was met last, and its number there, in one word.
  private var numbers: [UInt64]
  private var domain: UInt32 = 0
  private var domainCount: UInt32 = 0
  private var integers: [Int64] = []

  init(_ storage: SymbolTable.Storage, of batch: EventBatch) {
    strings = StringWriter(storage, of: batch)
    texts = batch.texts
    numbers = Array(repeating: 0, count: batch.strings.count)
  }

  /// The columns of symbols that follow number their strings anew.
  mutating func beginDomain() {
    domain += 1
    domainCount = 0
  }

  mutating func count(_ count: Int) { columns.append(varint: UInt64(count)) }

  // MARK: - Symbols

  @inline(__always)
  mutating func symbols<Row>(_ rows: [Row], _ member: (Row) -> Symbol) {
    if rows.isEmpty { return }
    guard rows.contains(where: { !member($0).isNone }) else { return columns.append(0) }
    columns.append(1)
    for i in rows.indices {
      prefetch(rows, behind: i, member)
      symbol(member(rows[i]))
    }
  }

  /// As `symbols`, of a member that every event of its type has.
  @inline(__always)
  mutating func requiredSymbols<Row>(_ rows: [Row], _ member: (Row) -> Symbol) {
    if rows.isEmpty { return }
    columns.append(1)
    for i in rows.indices {
      prefetch(rows, behind: i, member)
      let symbol = member(rows[i])
      precondition(!symbol.isNone, "a required member is missing")
      self.symbol(symbol)
    }
  }

  @inline(__always)
  private mutating func symbol(_ symbol: Symbol) {
    if symbol.isNone { return columns.append(UInt8(BatchForm.SymbolCode.none)) }
    let entry = numbers[Int(symbol.index)]
    if entry &>> 32 == UInt64(domain) {
      columns.append(varint: BatchForm.SymbolCode.first + entry & 0xFFFF_FFFF)
    } else {
      numbers[Int(symbol.index)] = UInt64(domain) &<< 32 | UInt64(domainCount)
      domainCount += 1
      columns.append(UInt8(BatchForm.SymbolCode.new))
      strings.append(symbol)
    }
  }

  /// Strings of their own for each row, not numbered.
  @inline(__always)
  mutating func distinct<Row>(_ rows: [Row], _ member: (Row) -> Symbol) {
    for i in rows.indices {
      prefetch(rows, behind: i, member)
      let symbol = member(rows[i])
      if symbol.isNone { strings.appendNone() } else { strings.append(symbol) }
    }
  }

  /// Another thread has written the strings, and a column's lie far from each other: waiting for memory would take most of the time.
  @inline(__always)
  private func prefetch<Row>(_ rows: [Row], behind i: Int, _ member: (Row) -> Symbol) {
    let ahead = i &+ Self.prefetched
    if ahead < rows.count { strings.prefetch(member(rows[ahead])) }
  }

  // MARK: - Numbers

  @inline(__always)
  mutating func integers<Row>(_ rows: [Row], _ member: (Row) -> Int64?) {
    if rows.isEmpty { return }
    integers.removeAll(keepingCapacity: true)
    var least: Int64 = 0
    for row in rows {
      guard let value = member(row) else { continue }
      integers.append(value)
      least = min(least, value)
    }
    let exponent = commonExponent()
    var mode = UInt8(exponent)
    if least < 0 { mode |= BatchForm.IntegerMode.zigzag }
    if integers.count < rows.count { mode |= BatchForm.IntegerMode.optional }
    columns.append(mode)
    if integers.count < rows.count { bitmap(rows) { member($0) != nil } }
    let unit = BatchForm.powersOfTen[exponent]
    if least < 0 {
      for value in integers { columns.append(varint: zigzag(value / unit)) }
    } else if unit == 1 {
      for value in integers { columns.append(varint: UInt64(bitPattern: value)) }
    } else {
      for value in integers { columns.append(varint: UInt64(bitPattern: value / unit)) }
    }
  }

  /// Integers each of which is near the one before: the differences, in zigzag form, of what is left over the common power of
  /// ten; `step` is the difference that costs nothing.
  @inline(__always)
  mutating func differences<Row>(_ rows: [Row], step: Int64, _ member: (Row) -> Int64) {
    if rows.isEmpty { return }
    integers.removeAll(keepingCapacity: true)
    for row in rows { integers.append(member(row)) }
    let exponent = commonExponent()
    columns.append(UInt8(exponent))
    let unit = BatchForm.powersOfTen[exponent]
    var previous: Int64 = 0
    for value in integers {
      let scaled = value / unit
      columns.append(varint: zigzag(scaled &- previous &- step))
      previous = scaled
    }
  }

  /// The greatest exponent (9 at most) of a power of ten that divides all of `integers`.
  private func commonExponent() -> Int {
    var exponent = BatchForm.IntegerMode.greatestExponent
    for value in integers {
      while exponent > 0, value % BatchForm.powersOfTen[exponent] != 0 { exponent -= 1 }
      if exponent == 0 { break }
    }
    return exponent
  }

  @inline(__always)
  private mutating func bitmap<Row>(_ rows: [Row], _ bit: (Row) -> Bool) {
    var byte: UInt8 = 0
    for (i, row) in rows.enumerated() {
      if bit(row) { byte |= 1 &<< UInt8(i & 7) }
      if i & 7 == 7 {
        columns.append(byte)
        byte = 0
      }
    }
    if rows.count & 7 != 0 { columns.append(byte) }
  }

  // MARK: - Small values

  @inline(__always)
  mutating func small<Row>(_ rows: [Row], _ member: (Row) -> UInt8) {
    guard let first = rows.first.map(member) else { return }
    if rows.allSatisfy({ member($0) == first }) {
      columns.append(0)
      columns.append(first)
    } else {
      columns.append(1)
      for row in rows { columns.append(member(row)) }
    }
  }

  @inline(__always)
  mutating func optionalSmall<Row>(_ rows: [Row], _ member: (Row) -> UInt8?) {
    small(rows) { row in member(row).map { $0 + 1 } ?? 0 }
  }

  // MARK: - Text

  @inline(__always)
  mutating func texts<Row>(_ rows: [Row], _ member: (Row) -> Text) {
    if rows.isEmpty { return }
    guard rows.contains(where: { !member($0).isNone }) else { return columns.append(0) }
    columns.append(1)
    for row in rows {
      let text = member(row)
      if text.isNone {
        columns.append(0)
      } else {
        columns.append(varint: 1 + UInt64(text.count))
        texts.withUnsafeBufferPointer { texts in
          freeText.append(UnsafeBufferPointer(rebasing: texts[Int(text.offset)..<Int(text.offset) + Int(text.count)]))
        }
      }
    }
  }

  // MARK: - The whole

  /// The streams in their container.
  func finish(magic: [UInt8]) -> [UInt8] {
    let streams = [columns, strings.controls, strings.numbers, strings.text]
    var body = ByteBuffer()
    body.reserve(streams.reduce(64 + freeText.count) { $0 + $1.count })
    for stream in streams { body.append(varint: UInt64(stream.count)) }
    for stream in streams { body.append(stream) }
    body.append(freeText)
    precondition(body.count <= BatchForm.maximumBytes, "a batch holds \(BatchForm.maximumBytes) bytes at most")

    let uuids = uuidPlanes()
    let smallerUUIDs = uuids.withUnsafeBufferPointer { Self.compressed($0) }
    let smallerBody = body.withBytes { Self.compressed($0) }
    var form = ByteBuffer()
    form.reserve(64 + (smallerUUIDs ?? uuids).count + (smallerBody?.count ?? body.count))
    form.append(magic)
    form.append(BatchForm.version)
    form.append(
      (smallerUUIDs == nil ? 0 : BatchForm.uuidsCompressed) | (smallerBody == nil ? 0 : BatchForm.bodyCompressed))
    form.append(varint: UInt64(strings.uuids.count))
    if let smallerUUIDs { form.append(varint: UInt64(smallerUUIDs.count)) }
    form.append(smallerUUIDs ?? uuids)
    if let smallerBody { form.append(smallerBody) } else { form.append(body) }
    return form.array
  }

  private func uuidPlanes() -> [UInt8] {
    let uuids = strings.uuids
    let total = uuids.count * PackedUUID.byteCount
    return [UInt8](unsafeUninitializedCapacity: total) { planes, count in
      for (i, uuid) in uuids.enumerated() {
        let first = UInt64(littleEndian: uuid.first)
        let last = UInt64(littleEndian: uuid.last)
        for plane in 0..<8 {
          planes[plane &* uuids.count &+ i] = UInt8(truncatingIfNeeded: first &>> UInt64(8 &* plane))
          planes[(plane &+ 8) &* uuids.count &+ i] = UInt8(truncatingIfNeeded: last &>> UInt64(8 &* plane))
        }
      }
      count = total
    }
  }

  /// nil where that would be no smaller.
  private static func compressed(_ bytes: UnsafeBufferPointer<UInt8>) -> [UInt8]? {
    if bytes.count < BatchForm.leastCompressed { return nil }
    let frame = Zstd.compress(UnsafeRawBufferPointer(bytes), level: BatchForm.compressionLevel)
    return frame.count < bytes.count ? frame : nil
  }
}
