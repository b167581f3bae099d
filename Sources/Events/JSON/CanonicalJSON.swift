/// JSON in the one form of RFC 8785: no white space, strings with the fewest escapes, numbers as ECMAScript prints them.
package enum CanonicalJSON {
  private static let hexadecimal: StaticString = "0123456789abcdef"

  /// Appends a string with its quotes. The bytes are UTF-8.
  package static func append(string bytes: UnsafeBufferPointer<UInt8>, to json: inout [UInt8]) {
    json.append(UInt8(ascii: "\""))
    var done = 0
    for i in bytes.indices {
      let byte = bytes[i]
      if byte >= 0x20, byte != UInt8(ascii: "\""), byte != UInt8(ascii: "\\") { continue }
      json.append(contentsOf: bytes[done..<i])
      done = i + 1
      json.append(UInt8(ascii: "\\"))
      switch byte {
      case 0x08: json.append(UInt8(ascii: "b"))
      case 0x09: json.append(UInt8(ascii: "t"))
      case 0x0A: json.append(UInt8(ascii: "n"))
      case 0x0C: json.append(UInt8(ascii: "f"))
      case 0x0D: json.append(UInt8(ascii: "r"))
      case UInt8(ascii: "\""), UInt8(ascii: "\\"): json.append(byte)
      default:
        append("u00", to: &json)
        json.append(hexadecimal.utf8Start[Int(byte >> 4)])
        json.append(hexadecimal.utf8Start[Int(byte & 15)])
      }
    }
    json.append(contentsOf: bytes[done...])
    json.append(UInt8(ascii: "\""))
  }

  package static func append(string: String, to json: inout [UInt8]) {
    var string = string
    string.withUTF8 { append(string: $0, to: &json) }
  }

  package static func append(integer: Int64, to json: inout [UInt8]) {
    appendDigits(integer.magnitude, negative: integer < 0, to: &json)
  }

  /// - Precondition: the number is finite; JSON has no other.
  package static func append(number: Double, to json: inout [UInt8]) {
    precondition(number.isFinite, "JSON has no \(number)")
    if number == 0 {
      json.append(UInt8(ascii: "0"))
      return
    }
    if number < 0 { json.append(UInt8(ascii: "-")) }
    let (digits, point) = shortestDigits(number.magnitude)
    // ECMAScript, Number::toString, where `point` is its n and the count of digits its k.
    switch point {
    case digits.count...21:
      json.append(contentsOf: digits)
      json.append(contentsOf: repeatElement(UInt8(ascii: "0"), count: point - digits.count))
    case 1...21:
      json.append(contentsOf: digits[..<point])
      json.append(UInt8(ascii: "."))
      json.append(contentsOf: digits[point...])
    case -5...0:
      append("0.", to: &json)
      json.append(contentsOf: repeatElement(UInt8(ascii: "0"), count: -point))
      json.append(contentsOf: digits)
    default:
      json.append(digits[0])
      if digits.count > 1 {
        json.append(UInt8(ascii: "."))
        json.append(contentsOf: digits[1...])
      }
      append(point > 0 ? "e+" : "e-", to: &json)
      append(integer: Int64((point - 1).magnitude), to: &json)
    }
  }

  /// A whole number over a power of ten, exactly and without trailing zeros: (1500, 3) is `1.5`.
  package static func append(_ value: Int64, overTenToThe exponent: Int, to json: inout [UInt8]) {
    var divisor: UInt64 = 1
    for _ in 0..<exponent { divisor *= 10 }
    let (whole, fraction) = value.magnitude.quotientAndRemainder(dividingBy: divisor)
    appendDigits(whole, negative: value < 0, to: &json)
    if fraction == 0 { return }
    json.append(UInt8(ascii: "."))
    var rest = fraction
    while rest != 0 {
      divisor /= 10
      json.append(UInt8(ascii: "0") + UInt8(rest / divisor))
      rest %= divisor
    }
  }

  static func append(_ ascii: StaticString, to json: inout [UInt8]) {
    json.append(contentsOf: UnsafeBufferPointer(start: ascii.utf8Start, count: ascii.utf8CodeUnitCount))
  }

  private static func appendDigits(_ magnitude: UInt64, negative: Bool, to json: inout [UInt8]) {
    if negative { json.append(UInt8(ascii: "-")) }
    let start = json.count
    var rest = magnitude
    repeat {
      json.append(UInt8(ascii: "0") + UInt8(rest % 10))
      rest /= 10
    } while rest != 0
    json[start...].reverse()
  }

  /// The fewest digits that read back as the number (of these the nearest to it), and where the decimal point stands among
  /// them: the number is 0.DIGITS × 10^point. Swift's description has these digits.
  private static func shortestDigits(_ number: Double) -> (digits: [UInt8], point: Int) {
    var digits: [UInt8] = []
    var point: Int?
    var exponent = 0
    let text = Array(number.description.utf8)
    for (i, byte) in text.enumerated() {
      if byte == UInt8(ascii: ".") {
        point = digits.count
      } else if byte == UInt8(ascii: "e") {
        exponent = Int(String(decoding: text[(i + 1)...], as: UTF8.self))!
        break
      } else {
        digits.append(byte)
      }
    }
    let leading = digits.prefix { $0 == UInt8(ascii: "0") }.count
    let place = (point ?? digits.count) + exponent - leading
    digits.removeFirst(leading)
    while digits.last == UInt8(ascii: "0") { digits.removeLast() }
    return (digits, place)
  }
}
