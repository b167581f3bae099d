/// RFC 4648, with padding.
package func base64(_ bytes: [UInt8]) -> String {
  let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
  var result: [UInt8] = []
  result.reserveCapacity((bytes.count + 2) / 3 * 4)
  var index = 0
  while index < bytes.count {
    let group = bytes[index..<min(index + 3, bytes.count)]
    let first = group.startIndex
    let word =
      UInt32(bytes[first]) << 16
      | (group.count > 1 ? UInt32(bytes[first + 1]) << 8 : 0)
      | (group.count > 2 ? UInt32(bytes[first + 2]) : 0)
    for place in 0..<4 {
      let isPadding = place > group.count
      result.append(isPadding ? UInt8(ascii: "=") : alphabet[Int(word >> UInt32(18 - 6 * place) & 63)])
    }
    index += 3
  }
  return String(decoding: result, as: UTF8.self)
}
