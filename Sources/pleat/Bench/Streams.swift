import Events

/// What zstd makes of a batch, read from its encoded form (`BatchForm` in Sources/Events says what that is).
enum Streams {
  struct Packed {
    var bytes: [UInt8]
    /// Small ones stand there as they are.
    var isCompressed: Bool

    func unpacked() throws(ZstdError) -> [UInt8] {
      guard isCompressed else { return bytes }
      var content: Result<[UInt8], ZstdError> = .success([])
      bytes.withUnsafeBytes { raw in
        content = Result { () throws(ZstdError) in try Zstd.decompress(raw, maximumSize: Streams.maximumBytes) }
      }
      return try content.get()
    }
  }

  private static let headerBytes = 4
  private static let uuidsCompressed: UInt8 = 1
  private static let bodyCompressed: UInt8 = 2
  private static let uuidBytes = 16
  private static let maximumBytes = 1 << 28

  static func of(_ form: [UInt8]) -> [Packed] {
    let flags = form[headerBytes - 1]
    var at = headerBytes
    func varint() -> Int {
      var (value, shift) = (0, 0)
      while true {
        let byte = form[at]
        at += 1
        value |= Int(byte & 0x7F) << shift
        if byte < 0x80 { return value }
        shift += 7
      }
    }
    let uuids = varint() * uuidBytes
    let packed = flags & uuidsCompressed != 0 ? varint() : uuids
    return [
      Packed(bytes: Array(form[at..<at + packed]), isCompressed: flags & uuidsCompressed != 0),
      Packed(bytes: Array(form[(at + packed)...]), isCompressed: flags & bodyCompressed != 0),
    ].filter { !$0.bytes.isEmpty }
  }
}
