import Events

/// What zstd is given when a batch is encoded, read back from the encoded form (`BatchForm` in Sources/Events says what it is).
enum Streams {
  private static let headerBytes = 4
  private static let uuidsCompressed: UInt8 = 1
  private static let bodyCompressed: UInt8 = 2
  private static let uuidBytes = 16

  static func unpacked(_ form: [UInt8]) throws(ZstdError) -> [[UInt8]] {
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
    var streams: [[UInt8]] = []
    for (bytes, isCompressed) in [
      (form[at..<at + packed], flags & uuidsCompressed != 0), (form[(at + packed)...], flags & bodyCompressed != 0),
    ] {
      if isCompressed {
        streams.append(try Zstd.decompress(Array(bytes)))
      } else if !bytes.isEmpty {
        streams.append(Array(bytes))
      }
    }
    return streams
  }
}

extension Zstd {
  private static let maximumBytes = 1 << 28

  fileprivate static func decompress(_ bytes: [UInt8]) throws(ZstdError) -> [UInt8] {
    var content: [UInt8] = []
    var failure: ZstdError?
    bytes.withUnsafeBytes { raw in
      do throws(ZstdError) {
        content = try decompress(raw, maximumSize: maximumBytes)
      } catch {
        failure = error
      }
    }
    if let failure { throw failure }
    return content
  }
}
