import Events
import Projections

/// A row as bytes: its fields in PostgreSQL's binary form, without the generation.
struct StoredRow: Equatable {
  var fields: [[UInt8]?]

  func integer(_ index: Int) -> Int64? {
    guard let bytes = fields[index] else { return nil }
    var value: Int64 = bytes[0] & 0x80 == 0 ? 0 : -1
    for byte in bytes { value = value << 8 | Int64(byte) }
    return value
  }
  func uuid(_ index: Int) -> RowKey? { fields[index] == nil ? nil : read(index) { $0.uuid() } }
  func text(_ index: Int) -> String? { fields[index].map { String(decoding: $0, as: UTF8.self) } }
  func day(_ index: Int) -> Int32 { Int32(integer(index)!) + PostgresEpoch.days }
  func time(_ index: Int) -> Int64? { integer(index).map { $0 + PostgresEpoch.microseconds } }

  private func read<T>(_ index: Int, _ body: (inout RowReader) -> T) -> T {
    Self(fields: [fields[index]]).withReader(body)
  }
  func integers(_ index: Int) -> [Int64]? { read(index) { $0.bigints() } }
  /// The hashes of a sketch, an array or packed, which has all eight bytes of each.
  func hashes(_ index: Int, packed: Bool) -> [Int64]? { packed ? read(index) { $0.words() } : integers(index) }
  func counts(_ index: Int, packed: Bool) -> [Int64]? {
    packed ? read(index) { $0.varints() } : integers(index)
  }
  func ints(_ index: Int) -> [Int32]? { read(index) { $0.ints() } }
  func wideInteger(_ index: Int) -> Int128? { read(index) { $0.wideInteger() } }
  func texts(_ index: Int) -> [String]? { read(index) { $0.texts() } }

  func withReader<T>(_ body: (inout RowReader) throws -> T) rethrows -> T {
    var bytes: [UInt8] = []
    for field in fields {
      withUnsafeBytes(of: Int32(field?.count ?? -1).bigEndian) { bytes += $0 }
      bytes += field ?? []
    }
    return try bytes.withUnsafeBytes {
      var reader = RowReader($0)
      return try body(&reader)
    }
  }

  static func parse(_ writer: RowWriter) -> [StoredRow] {
    var rows: [StoredRow] = []
    writer.bytes.withUnsafeBytes { bytes in
      var offset = 0
      func take<T: FixedWidthInteger>(_: T.Type) -> T {
        defer { offset += MemoryLayout<T>.size }
        return T(bigEndian: bytes.loadUnaligned(fromByteOffset: offset, as: T.self))
      }
      while offset < bytes.count {
        var fields: [[UInt8]?] = []
        for _ in 0..<Int(take(Int16.self)) {
          let length = Int(take(Int32.self))
          fields.append(length < 0 ? nil : Array(bytes[offset..<offset + length]))
          offset += max(length, 0)
        }
        rows.append(StoredRow(fields: Array(fields.dropFirst())))
      }
    }
    return rows
  }

  /// Builds a row of a query's result.
  static func make(_ write: (inout RowWriter) -> Void) -> StoredRow {
    var writer = RowWriter()
    writer.beginRow(fields: 0)
    write(&writer)
    var row = StoredRow(fields: [])
    writer.bytes.withUnsafeBytes { bytes in
      var offset = 2
      while offset < bytes.count {
        let length = Int(Int32(bigEndian: bytes.loadUnaligned(fromByteOffset: offset, as: Int32.self)))
        offset += 4
        row.fields.append(length < 0 ? nil : Array(bytes[offset..<offset + length]))
        offset += max(length, 0)
      }
    }
    return row
  }
}

extension RowWriter {
  /// A `text[]`.
  mutating func texts(_ values: [String]) {
    let start = beginArray(.text, count: values.count)
    for value in values { text(value) }
    endField(start)
  }
}
