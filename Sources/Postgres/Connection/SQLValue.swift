package import Events
package import Projections

/// A statement's parameter in PostgreSQL's binary form, with its type.
package struct SQLValue: Sendable {
  var oid: UInt32
  /// nil for null.
  var bytes: [UInt8]?

  private init(_ oid: UInt32, _ bytes: [UInt8]?) { (self.oid, self.bytes) = (oid, bytes) }
  /// A value as a result had it.
  init(oid: UInt32, bytes: [UInt8]?) { (self.oid, self.bytes) = (oid, bytes) }

  private static func integer<T: FixedWidthInteger>(_ value: T) -> [UInt8] {
    withUnsafeBytes(of: value.bigEndian) { Array($0) }
  }

  package static func bool(_ value: Bool?) -> SQLValue { SQLValue(16, value.map { [$0 ? 1 : 0] }) }
  package static func bytea(_ value: [UInt8]?) -> SQLValue { SQLValue(17, value) }
  package static func bigint(_ value: Int64?) -> SQLValue { SQLValue(20, value.map(integer)) }
  package static func smallint(_ value: Int16?) -> SQLValue { SQLValue(21, value.map(integer)) }
  package static func int(_ value: Int32?) -> SQLValue { SQLValue(23, value.map(integer)) }
  package static func text(_ value: String?) -> SQLValue { SQLValue(25, value.map { Array($0.utf8) }) }
  /// Days since 1970-01-01.
  package static func date(_ value: Int32?) -> SQLValue {
    SQLValue(1082, value.map { integer($0 - PostgresEpoch.days) })
  }
  package static func timestamptz(_ value: Timestamp?) -> SQLValue {
    SQLValue(1184, value.map { integer($0.microseconds - PostgresEpoch.microseconds) })
  }

  package static func array(_ array: ArrayParameter) -> SQLValue {
    SQLValue(array.element.arrayOID, header(array.element, count: array.count, hasNull: false) + array.bytes)
  }

  static func array(_ array: ArrayBuilder) -> SQLValue {
    SQLValue(
      array.element.arrayOID, header(array.element, count: array.count, hasNull: array.hasNull) + array.bytes)
  }

  package static func texts(_ values: [String]) -> SQLValue {
    var builder = ArrayBuilder(.text)
    for value in values { builder.append(text: value) }
    return .array(builder)
  }

  /// Dimensions, flags, element type, and of the one dimension its length and lower bound.
  private static func header(_ element: ArrayParameter.Element, count: Int, hasNull: Bool) -> [UInt8] {
    let words: [Int32] =
      count == 0
      ? [0, 0, Int32(element.rawValue)] : [1, hasNull ? 1 : 0, Int32(element.rawValue), Int32(count), 1]
    return words.flatMap { integer($0) }
  }

  init(_ parameter: Parameter) {
    switch parameter {
    case .bigint(let value): self = .bigint(value)
    case .text(let value): self = .text(value)
    case .date(let value): self = .date(value)
    case .timestamptz(let value): self = .timestamptz(value)
    case .uuid(let key): self = SQLValue(2950, Self.integer(key.high) + Self.integer(key.low))
    }
  }
}

extension ArrayParameter.Element {
  /// The type of an array of these.
  var arrayOID: UInt32 {
    switch self {
    case .bytea: 1001
    case .bigint: 1016
    case .smallint: 1005
    case .integer: 1007
    case .text: 1009
    case .date: 1182
    case .timestamptz: 1185
    case .uuid: 2951
    }
  }
}
