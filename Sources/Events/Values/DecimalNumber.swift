/// A decimal number read from its text, exactly: a sign and the digits 0.d₁d₂…dₙ × 10^point, d₁ and dₙ not 0.
///
/// The text stays where it is, however long; nothing is rounded and nothing overflows until a scaled value is asked for.
struct DecimalNumber {
  private(set) var isNegative = false
  private let digits: UnsafePointer<UInt8>
  /// Where in the text d₁ stands.
  private var first = 0
  /// n; 0 for zero.
  private(set) var digitCount = 0
  private(set) var point = 0
  /// d₁d₂…dₙ as a whole number, where it has no more than 19 digits.
  private var significand: UInt64 = 0

  /// Beyond any text's length, so that a cut-off exponent means the same as the true one.
  private static let exponentLimit = 1 << 40
  /// Digits of Int64.max.
  private static let int64Digits = 19

  /// A text that keeps JSON's grammar for numbers, or that of a decimal string (which may have more zeros in front).
  init(_ text: UnsafeBufferPointer<UInt8>) {
    let base = text.baseAddress!
    digits = base
    var i = 0
    if base[0] == UInt8(ascii: "-") {
      isNegative = true
      i = 1
    }
    var digitsSeen = 0
    var wholeDigits = -1
    var firstDigit = -1
    var lastDigit = -1
    var exponent = 0
    var soFar: UInt64 = 0
    while i < text.count {
      let c = base[i]
      let digit = c &- UInt8(ascii: "0")
      if digit < 10 {
        soFar = soFar &* 10 &+ UInt64(digit)
        if digit != 0 {
          if firstDigit < 0 { (firstDigit, first) = (digitsSeen, i) }
          lastDigit = digitsSeen
          significand = soFar
        }
        digitsSeen &+= 1
      } else if c == UInt8(ascii: ".") {
        wholeDigits = digitsSeen
      } else {
        exponent = Self.exponent(UnsafeBufferPointer(rebasing: text[(i + 1)...]))
        break
      }
      i &+= 1
    }
    guard firstDigit >= 0 else { return }
    if wholeDigits < 0 { wholeDigits = digitsSeen }
    digitCount = lastDigit - firstDigit + 1
    point = wholeDigits - firstDigit + exponent
  }

  private static func exponent(_ text: UnsafeBufferPointer<UInt8>) -> Int {
    var value = 0
    for c in text where c != UInt8(ascii: "+") && c != UInt8(ascii: "-") {
      value = min(value * 10 + Int(c - UInt8(ascii: "0")), exponentLimit)
    }
    return text[0] == UInt8(ascii: "-") ? -value : value
  }

  /// Less than 0: `-0` is not.
  var isBelowZero: Bool { isNegative && digitCount != 0 }
  /// Whether the number has no more than so many fractional digits, trailing zeros apart.
  func hasAtMost(fractionalDigits: Int) -> Bool { digitCount == 0 || digitCount <= point + fractionalDigits }

  /// ⌊|number| × 10^power⌋, and whether nothing was cut off; nil if it is no Int64.
  func magnitude(timesTenTo power: Int) -> (value: Int64, isExact: Bool)? {
    if digitCount == 0 { return (0, true) }
    let places = point + power
    if places <= 0 { return (0, false) }
    if places > Self.int64Digits { return nil }
    // Digits that are not there are zeros, digits too many are cut off.
    var scaled = digitCount <= Self.int64Digits ? significand : firstDigits(places)
    var taken = digitCount <= Self.int64Digits ? digitCount : places
    while taken < places {
      scaled = scaled &* 10
      taken &+= 1
    }
    while taken > places {
      scaled /= 10
      taken &-= 1
    }
    // 19 digits are below 2^64, so nothing wrapped around.
    return scaled > UInt64(Int64.max) ? nil : (Int64(scaled), digitCount <= places)
  }

  /// d₁…dₖ, k no more than n and 19.
  private func firstDigits(_ count: Int) -> UInt64 {
    var value: UInt64 = 0
    var i = first
    var left = count
    while left > 0 {
      let digit = digits[i] &- UInt8(ascii: "0")
      if digit < 10 {
        value = value &* 10 &+ UInt64(digit)
        left &-= 1
      }
      i &+= 1
    }
    return value
  }
}
