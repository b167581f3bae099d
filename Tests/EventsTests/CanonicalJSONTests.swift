import Events
import Randomness
import Testing

@Suite("Canonical JSON")
struct CanonicalJSONTests {
  private func written(_ append: (inout [UInt8]) -> Void) -> String {
    var json: [UInt8] = []
    append(&json)
    return String(decoding: json, as: UTF8.self)
  }

  private func written(_ number: Double) -> String { written { CanonicalJSON.append(number: number, to: &$0) } }

  @Test(
    "numbers come out as RFC 8785 has them in its appendix B, and ECMAScript at the borders of its forms",
    arguments: [
      (0x0000_0000_0000_0000 as UInt64, "0"), (0x8000_0000_0000_0000, "0"), (0x0000_0000_0000_0001, "5e-324"),
      (0x8000_0000_0000_0001, "-5e-324"), (0x7FEF_FFFF_FFFF_FFFF, "1.7976931348623157e+308"),
      (0xFFEF_FFFF_FFFF_FFFF, "-1.7976931348623157e+308"), (0x4340_0000_0000_0000, "9007199254740992"),
      (0xC340_0000_0000_0000, "-9007199254740992"), (0x4430_0000_0000_0000, "295147905179352830000"),
      (0x44B5_2D02_C7E1_4AF5, "9.999999999999997e+22"), (0x44B5_2D02_C7E1_4AF6, "1e+23"),
      (0x44B5_2D02_C7E1_4AF7, "1.0000000000000001e+23"), (0x444B_1AE4_D6E2_EF4E, "999999999999999700000"),
      (0x444B_1AE4_D6E2_EF4F, "999999999999999900000"), (0x444B_1AE4_D6E2_EF50, "1e+21"),
      (0x3EB0_C6F7_A0B5_ED8C, "9.999999999999997e-7"), (0x3EB0_C6F7_A0B5_ED8D, "0.000001"),
      (0x41B3_DE43_5555_5553, "333333333.3333332"), (0x41B3_DE43_5555_5554, "333333333.33333325"),
      (0x41B3_DE43_5555_5555, "333333333.3333333"), (0x41B3_DE43_5555_5556, "333333333.3333334"),
      (0x41B3_DE43_5555_5557, "333333333.33333343"), (0xBECB_F647_612F_3696, "-0.0000033333333333333333"),
      (0x4314_3FF3_C1CB_0959, "1424953923781206.2"),
    ])
  func numbers(bits: UInt64, expected: String) {
    #expect(written(Double(bitPattern: bits)) == expected)
  }

  @Test(
    "plain numbers are plain",
    arguments: [
      (1.0, "1"), (0.5, "0.5"), (-2.25, "-2.25"), (100, "100"), (123456.789, "123456.789"), (1e-7, "1e-7"),
      (1e20, "100000000000000000000"),
      (0.000123, "0.000123"), (12.5e-9, "1.25e-8"), (1e16, "10000000000000000"),
    ])
  func plain(number: Double, expected: String) {
    #expect(written(number) == expected)
  }

  @Test("numbers read back as they were")
  func roundTrip() {
    var random = SeededRandom(seed: 8785)
    for _ in 0..<2000 {
      let number = Double(bitPattern: random.next())
      if number.isFinite { #expect(Double(written(number)) == number) }
    }
  }

  @Test("strings have the fewest escapes")
  func strings() {
    let all = String(decoding: (0...0x22).map { UInt8($0) } + [0x5C, 0x2F, 0x7F], as: UTF8.self) + "é€😀\u{2028}"
    let expected =
      #""\u0000\u0001\u0002\u0003\u0004\u0005\u0006\u0007\b\t\n\u000b\f\r\u000e\u000f\u0010\u0011\u0012\u0013"#
      + #"\u0014\u0015\u0016\u0017\u0018\u0019\u001a\u001b\u001c\u001d\u001e\u001f !\"\\/"# + "\u{7F}é€😀\u{2028}\""
    for (string, expected) in [(all, expected), ("", "\"\"")] {
      let json = written { CanonicalJSON.append(string: string, to: &$0) }
      #expect(json == expected)
    }
  }

  @Test("integers are exact to the last", arguments: [.min, .max, 0, -7] as [Int64])
  func integers(integer: Int64) {
    let json = written { CanonicalJSON.append(integer: integer, to: &$0) }
    #expect(json == "\(integer)")
  }

  @Test(
    "a decimal is written exactly",
    arguments: [
      (1500 as Int64, 3, "1.5"), (1_000, 3, "1"), (1, 9, "0.000000001"), (-1_050_000, 6, "-1.05"), (0, 9, "0"),
      (42, 0, "42"),
      (.min, 9, "-9223372036.854775808"),
    ])
  func decimals(value: Int64, exponent: Int, expected: String) {
    let json = written { CanonicalJSON.append(value, overTenToThe: exponent, to: &$0) }
    #expect(json == expected)
  }
}
