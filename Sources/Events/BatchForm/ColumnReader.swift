/// Reads the columns that a `ColumnWriter` wrote, into rows that are there already. The memory is the caller's.
struct ColumnReader {
  private var columns: FormReader
  private var strings: StringReader
  private let freeText: UnsafeBufferPointer<UInt8>
  private var freeTextRead = 0

  private(set) var table: SymbolTable
  private(set) var erasedPeople: Set<Symbol> = []
  private(set) var erasedIdentities: Set<Symbol> = []
  private var domain: [Symbol] = []
  /// Room for strings that is made at once, at most: each has a control of at least a byte.
  private static let expectedStrings = 1 << 16

  /// The bytes behind the `Text`s, whole.
  var texts: [UInt8] { Array(freeText) }

  /// Opens a container. What is read through `body` must be read to its end.
  static func open<R>(
    _ form: [UInt8], magic: [UInt8], _ body: (inout ColumnReader) throws(BatchFormError) -> R
  ) throws(BatchFormError) -> R {
    try form.withUnsafeBufferPointer { form throws(BatchFormError) in
      var head = FormReader(form)
      let (first, second) = (try head.byte(), try head.byte())
      guard [first, second] == magic else { throw .notThisForm }
      let version = try head.byte()
      guard version == BatchForm.version else { throw .unknownVersion(version) }
      let flags = try head.byte()
      guard flags & ~(BatchForm.uuidsCompressed | BatchForm.bodyCompressed) == 0 else { throw .malformed("the flags") }
      let uuidBytes = try head.count(upTo: BatchForm.maximumBytes / PackedUUID.byteCount) * PackedUUID.byteCount
      let uuids: [UInt8]
      if flags & BatchForm.uuidsCompressed != 0 {
        let frame = try head.take(try head.count(upTo: head.remaining))
        uuids = try decompress(frame, maximumSize: uuidBytes)
        guard uuids.count == uuidBytes else { throw .truncated }
      } else {
        uuids = Array(try head.take(uuidBytes))
      }
      let rest = try head.rest()
      let streams =
        flags & BatchForm.bodyCompressed != 0
        ? try decompress(rest, maximumSize: BatchForm.maximumBytes) : Array(rest)
      guard streams.count <= BatchForm.maximumBytes else { throw .tooLarge }
      return try uuids.withUnsafeBufferPointer { uuids throws(BatchFormError) in
        try streams.withUnsafeBufferPointer { streams throws(BatchFormError) in
          let scratch = UnsafeMutableBufferPointer<UInt8>.allocate(capacity: StringReader.scratchCount)
          scratch.initialize(repeating: 0)
          defer { scratch.deallocate() }
          var reader = try ColumnReader(streams, uuids: uuids, scratch: scratch)
          let result = try body(&reader)
          try reader.expectEnd()
          return result
        }
      }
    }
  }

  private static func decompress(
    _ frame: UnsafeBufferPointer<UInt8>, maximumSize: Int
  ) throws(BatchFormError) -> [UInt8] {
    do throws(ZstdError) {
      return try Zstd.decompress(UnsafeRawBufferPointer(frame), maximumSize: maximumSize)
    } catch {
      throw .compression(error)
    }
  }

  private init(
    _ body: UnsafeBufferPointer<UInt8>, uuids: UnsafeBufferPointer<UInt8>, scratch: UnsafeMutableBufferPointer<UInt8>
  ) throws(BatchFormError) {
    var body = FormReader(body)
    let counts = (try body.varint(), try body.varint(), try body.varint(), try body.varint())
    columns = try body.stream(counts.0)
    let controls = try body.stream(counts.1)
    let numbers = try body.stream(counts.2)
    let text = try body.stream(counts.3)
    strings = StringReader(controls: controls, numbers: numbers, text: text, uuids: uuids, scratch: scratch)
    freeText = try body.rest()
    table = SymbolTable(expected: min(controls.remaining, Self.expectedStrings))
  }

  private func expectEnd() throws(BatchFormError) {
    try columns.expectEnd()
    try strings.expectEnd()
    if freeTextRead != freeText.count { throw .trailingBytes }
  }

  /// Goes on with the strings of another column, whose symbols it numbers on.
  mutating func adopt(_ table: SymbolTable, erasedPeople: Set<Symbol>) {
    (self.table, self.erasedPeople) = (table, erasedPeople)
  }

  mutating func beginDomain() { domain.removeAll(keepingCapacity: true) }

  mutating func count(upTo limit: Int) throws(BatchFormError) -> Int { try columns.count(upTo: limit) }

  /// Bytes of columns that are still to be read: no column holds more rows than that.
  var remaining: Int { columns.remaining }

  // MARK: - Symbols

  @inline(__always)
  mutating func symbols<Row>(
    _ rows: inout [Row], _ set: (inout Row, Symbol) -> Void
  ) throws(BatchFormError) {
    if rows.isEmpty { return }
    if try isAbsent() { return }
    let count = rows.count
    try rows.withUnsafeMutableBufferPointer { rows throws(BatchFormError) in
      for i in 0..<count { set(&rows[i], try symbol()) }
    }
  }

  /// As `symbols`, of a member that every event of its type has: folds do not ask whether it is there.
  @inline(__always)
  mutating func requiredSymbols<Row>(
    _ rows: inout [Row], _ set: (inout Row, Symbol) -> Void
  ) throws(BatchFormError) {
    if rows.isEmpty { return }
    if try isAbsent() { throw .malformed("a required member that is missing") }
    let count = rows.count
    try rows.withUnsafeMutableBufferPointer { rows throws(BatchFormError) in
      for i in 0..<count {
        let symbol = try symbol()
        if symbol.isNone { throw .malformed("a required member that is missing") }
        set(&rows[i], symbol)
      }
    }
  }

  @inline(__always)
  private mutating func symbol() throws(BatchFormError) -> Symbol {
    let code = try columns.varint()
    if code == BatchForm.SymbolCode.none { return .none }
    if code == BatchForm.SymbolCode.new {
      let symbol = try string()
      if symbol.isNone { throw .malformed("a domain's string that is none") }
      domain.append(symbol)
      return symbol
    }
    let index = code - BatchForm.SymbolCode.first
    guard index < UInt64(domain.count) else { throw .malformed("a symbol that is not there yet") }
    return domain[Int(index)]
  }

  @inline(__always)
  private mutating func string() throws(BatchFormError) -> Symbol {
    let (form, bytes) = try strings.next()
    guard bytes.count <= BatchForm.maximumBytes - table.byteCount else { throw .tooLarge }
    switch form {
    case .plain: return table.intern(bytes)
    case .none: return .none
    case .erasedPerson:
      let symbol = table.intern(bytes)
      erasedPeople.insert(symbol)
      return symbol
    case .erasedIdentity:
      let symbol = table.intern(bytes)
      erasedIdentities.insert(symbol)
      return symbol
    }
  }

  /// Strings of their own for each row.
  @inline(__always)
  mutating func distinct<Row>(
    _ rows: inout [Row], _ set: (inout Row, Symbol) -> Void
  ) throws(BatchFormError) {
    for i in rows.indices { set(&rows[i], try string()) }
  }

  /// As `distinct`, but the strings are handed over and enter no table; nil for none.
  mutating func distinct(
    count: Int, _ body: (Int, StringReader.Form, UnsafeBufferPointer<UInt8>) -> Void
  ) throws(BatchFormError) {
    for i in 0..<count {
      let (form, bytes) = try strings.next()
      body(i, form, bytes)
    }
  }

  // MARK: - Numbers

  @inline(__always)
  mutating func integers<Row>(
    _ rows: inout [Row], _ set: (inout Row, Int64?) throws(BatchFormError) -> Void
  ) throws(BatchFormError) {
    if rows.isEmpty { return }
    let mode = try columns.byte()
    let unit = try unit(mode & ~(BatchForm.IntegerMode.zigzag | BatchForm.IntegerMode.optional))
    let isZigzag = mode & BatchForm.IntegerMode.zigzag != 0
    let isOptional = mode & BatchForm.IntegerMode.optional != 0
    let bitmap = isOptional ? try columns.take((rows.count + 7) / 8) : nil
    for i in rows.indices {
      if let bitmap, bitmap[i &>> 3] & 1 &<< UInt8(i & 7) == 0 {
        try set(&rows[i], nil)
        continue
      }
      let raw = try columns.varint()
      let value = isZigzag ? unzigzag(raw) : Int64(bitPattern: raw)
      try set(&rows[i], try scale(value, unit))
    }
  }

  @inline(__always)
  mutating func differences<Row>(
    _ rows: inout [Row], step: Int64, _ set: (inout Row, Int64) -> Void
  ) throws(BatchFormError) {
    if rows.isEmpty { return }
    let unit = try unit(try columns.byte())
    var previous: Int64 = 0
    for i in rows.indices {
      previous = previous &+ step &+ unzigzag(try columns.varint())
      set(&rows[i], try scale(previous, unit))
    }
  }

  private func unit(_ exponent: UInt8) throws(BatchFormError) -> Int64 {
    guard exponent <= BatchForm.IntegerMode.greatestExponent else { throw .malformed("a power of ten") }
    return BatchForm.powersOfTen[Int(exponent)]
  }

  @inline(__always)
  private func scale(_ value: Int64, _ unit: Int64) throws(BatchFormError) -> Int64 {
    let (product, overflow) = value.multipliedReportingOverflow(by: unit)
    if overflow { throw .malformed("a number of more than 64 bits") }
    return product
  }

  // MARK: - Small values

  @inline(__always)
  mutating func small<Row>(
    _ rows: inout [Row], _ set: (inout Row, UInt8) throws(BatchFormError) -> Void
  ) throws(BatchFormError) {
    if rows.isEmpty { return }
    if try isAbsent() {
      let value = try columns.byte()
      for i in rows.indices { try set(&rows[i], value) }
    } else {
      let values = try columns.take(rows.count)
      for i in rows.indices { try set(&rows[i], values[i]) }
    }
  }

  @inline(__always)
  mutating func optionalSmall<Row>(
    _ rows: inout [Row], _ set: (inout Row, UInt8?) throws(BatchFormError) -> Void
  ) throws(BatchFormError) {
    try small(&rows) { (row, value) throws(BatchFormError) in try set(&row, value == 0 ? nil : value - 1) }
  }

  // MARK: - Text

  @inline(__always)
  mutating func texts<Row>(
    _ rows: inout [Row], _ set: (inout Row, Text) -> Void
  ) throws(BatchFormError) {
    if rows.isEmpty { return }
    if try isAbsent() { return }
    for i in rows.indices {
      let code = try columns.varint()
      if code == 0 { continue }
      guard code - 1 <= UInt64(freeText.count - freeTextRead) else { throw .truncated }
      set(&rows[i], Text(offset: UInt32(freeTextRead), count: UInt32(code - 1)))
      freeTextRead += Int(code - 1)
    }
  }

  /// The byte before a column: whether it says the same of all rows (0) or something of each (1).
  private mutating func isAbsent() throws(BatchFormError) -> Bool {
    switch try columns.byte() {
    case 0: true
    case 1: false
    default: throw .malformed("the form of a column")
    }
  }
}
