import Randomness
import Testing

@testable import Events

@Suite("Decimal numbers")
struct DecimalNumberTests {
  @Test("scaled and cut off as its digits are when they are moved and counted", arguments: [1, 2, 3] as [UInt64])
  func scaled(seed: UInt64) {
    var random = SeededRandom(seed: seed)
    var found = (none: 0, exact: 0, cut: 0)
    for _ in 0..<50_000 {
      let whole = random.next() % 3 == 0 ? "0" : Self.digits(&random, upTo: 24)
      let fraction = random.next() % 2 == 0 ? "" : Self.digits(&random, upTo: 24)
      let exponent = random.next() % 3 == 0 ? Int(random.next() % 61) - 30 : 0
      let power = [0, 3, 6, 9][Int(random.next() % 4)]
      let text =
        (random.next() % 5 == 0 ? "-" : "") + whole + (fraction.isEmpty ? "" : ".") + fraction
        + (exponent == 0 ? "" : "e\(exponent)")
      let scaled = Array(text.utf8).withUnsafeBufferPointer { DecimalNumber($0).magnitude(timesTenTo: power) }
      let slow = Self.slowly(whole, fraction, shift: exponent + power)
      if scaled?.value != slow?.value || scaled?.isExact != slow?.isExact {
        Issue.record("\(text) times 10^\(power): \(String(describing: scaled)), not \(String(describing: slow))")
      }
      if let slow { if slow.isExact { found.exact += 1 } else { found.cut += 1 } } else { found.none += 1 }
    }
    #expect(min(found.none, found.exact, found.cut) > 5_000)
  }

  /// Many zeros among them, at both ends too.
  private static func digits(_ random: inout SeededRandom, upTo count: UInt64) -> String {
    (0...random.next() % count).map { _ in random.next() % 2 == 0 ? "0" : String(random.next() % 10) }.joined()
  }

  /// nil beyond what an Int64 holds.
  private static func slowly(_ whole: String, _ fraction: String, shift: Int) -> (value: Int64, isExact: Bool)? {
    let zeros = String(repeating: "0", count: 100)
    let digits = zeros + whole + fraction + zeros
    let point = digits.index(digits.startIndex, offsetBy: zeros.count + whole.count + shift)
    let isExact = digits[point...].allSatisfy { $0 == "0" }
    return Int64(digits[..<point]).map { ($0, isExact) }
  }
}
