import Projections

/// Reads rows as `COPY … (FORMAT binary)` takes them, one after the other.
struct CopiedRows {
  private let bytes: [UInt8]
  private var offset = 0
  /// Of the row: all its fields, each behind its length.
  private(set) var row = 0..<0
  /// Each field with its length, in the order of the columns.
  private(set) var fields: [Range<Int>] = []

  init(_ bytes: [UInt8]) { self.bytes = bytes }

  /// One row of these fields, each behind its length.
  static func one(_ fields: [UInt8], count: Int) -> [UInt8] { [UInt8(count >> 8), UInt8(count & 0xFF)] + fields }

  /// Goes on to the next row; false behind the last.
  mutating func next() -> Bool {
    guard offset + 2 <= bytes.count else { return false }
    let count = Int(bytes[offset]) << 8 | Int(bytes[offset + 1])
    offset += 2
    let start = offset
    fields.removeAll(keepingCapacity: true)
    for _ in 0..<count {
      let begin = offset
      let length = bytes[offset..<offset + 4].reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
      offset += 4 + max(0, Int(Int32(bitPattern: length)))
      fields.append(begin..<offset)
    }
    row = start..<offset
    return true
  }

  /// The bytes of a field; nil for null.
  func value(_ column: Int) -> ArraySlice<UInt8>? {
    bytes[fields[column].lowerBound] & 0x80 == 0
      ? bytes[fields[column].lowerBound + 4..<fields[column].upperBound] : nil
  }

  /// Some fields with their lengths, one behind the other.
  func joined(_ columns: [Int]) -> [UInt8] {
    var joined: [UInt8] = []
    joined.reserveCapacity(columns.reduce(0) { $0 + fields[$1].count })
    for column in columns { joined.append(contentsOf: bytes[fields[column]]) }
    return joined
  }

  /// The elements of a field that is a list: each with its length.
  func elements(_ column: Int) -> [ArraySlice<UInt8>] { value(column).map { BinaryList($0).elements } ?? [] }

  var rowBytes: [UInt8] { Array(bytes[row]) }
}

extension TableStatements {
  /// The columns that `copy` names.
  var copiedColumns: [String] {
    guard let open = copy.firstIndex(of: "("), let close = copy.firstIndex(of: ")"),
      copy[..<open].split(whereSeparator: \.isWhitespace).count == 2
    else { return [] }
    return copy[copy.index(after: open)..<close].split { $0 == "," || $0.isWhitespace }.map(String.init)
  }
}
