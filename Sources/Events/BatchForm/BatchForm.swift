/// The binary form of an event batch: what payload and identities column have in common.
///
///     magic 2 bytes, version 1, flags 1
///     varint    number of packed UUIDs
///     varint    bytes of the UUIDs' frame (only if `uuidsCompressed`)
///     bytes     the UUIDs by planes: the first byte of all of them, then the second …; a zstd frame or as they are
///     bytes     the body; a zstd frame or as it is
///
/// The body is five streams, the lengths of the first four (varints) before them: columns, string controls, numbers of strings,
/// text of strings, free text. The UUIDs stand apart since most of them are random, and would only spoil the statistics of
/// what can be compressed.
///
/// **Numbers** are varints of 7 bits, the lowest first; signed ones zigzag.
///
/// **Strings** are read one after the other. A control (varint) says what the next one is:
///
///     0  none                          4  the last prefix, then a number
///     1  the next UUID, lowercase      5  the last prefix, then a number padded with zeros to the last width
///     2  8 bytes of text: the hash     6  a new prefix (control stream: its length), then a number
///        of an erased person           7  a new width and prefix (control stream: width, length), then a padded number
///     3  16 bytes of text: the digest  8 + n  n bytes of text
///        of an erased identity
///
/// **Columns of symbols** belong to a domain (people, projects, …), and each domain numbers its own strings in the order of
/// their first use. A column is a byte, 0 if all are none, else 1 and for each symbol a varint: 0 none, 1 the domain's next new
/// string, 2 + i its i-th. A string that several domains use stands in each of them.
///
/// **Columns of integers**: a byte, the power of ten (0–9) that divides them all, plus 16 if they are zigzag, 32 if some are
/// nil, and then a bitmap of those that are not, lowest bit first, follows; then the integers over that power.
/// **Columns of small values** (enumerations, flags): 0 and the value of all, or 1 and a byte each. An optional one is 0 for
/// nil, else 1 + value. **Columns of text**: 0 if all are none, else 1 and for each a varint, 0 none, else 1 + its length; the
/// bytes stand in the free text, in the same order. A column without rows takes no byte.
enum BatchForm {
  static let version: UInt8 = 1
  static let payloadMagic: [UInt8] = [0x50, 0x42]
  static let identitiesMagic: [UInt8] = [0x50, 0x49]

  static let uuidsCompressed: UInt8 = 1
  static let bodyCompressed: UInt8 = 2

  /// Fast, and within a few percent of what higher levels reach on columns.
  static let compressionLevel: Int32 = 1
  /// Below this zstd's own header outweighs what it could gain.
  static let leastCompressed = 64

  /// Bytes of a body, and of all strings of a batch together: more than ingest has in memory.
  static let maximumBytes = 1 << 28
  static let maximumEvents = 1 << 20
  /// Entries of all `technologies` lists of a batch together: an event has 64 at most.
  static let maximumMentions = 1 << 26
  /// Microseconds since 1970: some 146,000 years, so that its days and hours have 32 bits.
  static let times: ClosedRange<Int64> = -(1 << 62)...(1 << 62)

  enum Control {
    static let none: UInt64 = 0
    static let uuid: UInt64 = 1
    static let erasedPerson: UInt64 = 2
    static let erasedIdentity: UInt64 = 3
    static let number: UInt64 = 4
    static let paddedNumber: UInt64 = 5
    static let prefixedNumber: UInt64 = 6
    static let prefixedPaddedNumber: UInt64 = 7
    static let text: UInt64 = 8
  }

  /// Digits of a string's number: fewer gain nothing, more do not fit.
  static let numberDigits = 3...18
  /// So that few bytes cannot become many by repeating a prefix.
  static let maximumPrefix = 255

  enum SymbolCode {
    static let none: UInt64 = 0
    static let new: UInt64 = 1
    static let first: UInt64 = 2
  }

  enum IntegerMode {
    static let zigzag: UInt8 = 0x10
    static let optional: UInt8 = 0x20
    static let greatestExponent = 9
  }

  static let powersOfTen: [Int64] = [
    1, 10, 100, 1000, 10_000, 100_000, 1_000_000, 10_000_000, 100_000_000, 1_000_000_000,
  ]
}

@inline(__always)
func zigzag(_ value: Int64) -> UInt64 { UInt64(bitPattern: value &<< 1 ^ value &>> 63) }

@inline(__always)
func unzigzag(_ value: UInt64) -> Int64 { Int64(bitPattern: value &>> 1) ^ -Int64(bitPattern: value & 1) }
