/// An array of one dimension, in PostgreSQL's binary form.
struct BinaryList {
  private let bytes: ArraySlice<UInt8>

  init(_ bytes: ArraySlice<UInt8>) { self.bytes = bytes }

  private func number(_ at: Int) -> Int { bytes[at..<at + 4].reduce(0) { $0 << 8 | Int($1) } }

  /// What its elements are.
  var elementType: UInt32 { UInt32(number(bytes.startIndex + 8)) }

  /// Each with its length before it; none where it has no dimension, or more than one.
  var elements: [ArraySlice<UInt8>] {
    guard number(bytes.startIndex) == 1 else { return [] }
    var at = bytes.startIndex + 20
    return (0..<number(bytes.startIndex + 12)).map { _ in
      let begin = at
      // A null has the length -1.
      at += 4 + max(0, Int(Int32(truncatingIfNeeded: number(at))))
      return bytes[begin..<at]
    }
  }
}
