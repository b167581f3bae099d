import Events

/// A form taken apart and put together again without compression, as the format allows.
enum FormBytes {
  static func uncompressed(
    _ form: (payload: [UInt8], identities: [UInt8])
  ) -> (payload: [UInt8], identities: [UInt8]) {
    (uncompressed(form.payload), uncompressed(form.identities))
  }

  private static func uncompressed(_ form: [UInt8]) -> [UInt8] {
    var at = 4
    func varint() -> Int {
      var value = 0
      var shift = 0
      while true {
        let byte = form[at]
        at += 1
        value |= Int(byte & 0x7F) << shift
        shift += 7
        if byte < 0x80 { return value }
      }
    }
    let countFrom = at
    let uuidBytes = varint() * 16
    var result = Array(form[..<3]) + [0] + form[countFrom..<at]
    if form[3] & 1 != 0 {
      let size = varint()
      result += decompressed(form[at..<at + size])
      at += size
    } else {
      result += form[at..<at + uuidBytes]
      at += uuidBytes
    }
    return result + (form[3] & 2 != 0 ? decompressed(form[at...]) : Array(form[at...]))
  }

  private static func decompressed(_ frame: ArraySlice<UInt8>) -> [UInt8] {
    try! Array(frame).withUnsafeBytes { try Zstd.decompress($0, maximumSize: 1 << 28) }
  }
}
