import Foundation
import Glibc

extension Data {
  /// Bytes as PostgreSQL writes a `bytea`, without the `\\x`.
  init(hexadecimal text: some StringProtocol) {
    func value(_ digit: UInt8) -> UInt8 { digit - (digit < 0x3A ? 0x30 : 0x57) }
    let digits = Array(text.utf8)
    self.init(stride(from: 0, to: digits.count, by: 2).map { value(digits[$0]) << 4 | value(digits[$0 + 1]) })
  }

  var hexadecimal: String { map { String(format: "%02x", $0) }.joined() }

  /// Whether these bytes stand somewhere in it. `Data.range(of:)` takes seconds for what a database holds.
  func holds(_ bytes: Data) -> Bool {
    withUnsafeBytes { all in
      bytes.withUnsafeBytes { wanted in
        guard let start = all.baseAddress, let other = wanted.baseAddress else { return bytes.isEmpty }
        var from = 0
        while !wanted.isEmpty, from + wanted.count <= all.count,
          let found = memchr(start + from, Int32(wanted[0]), all.count - wanted.count - from + 1)
        {
          if memcmp(found, other, wanted.count) == 0 { return true }
          from = UnsafeRawPointer(found) - start + 1
        }
        return false
      }
    }
  }
}
