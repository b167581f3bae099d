import Events
import Foundation
import Testing

@testable import Generator

@Suite("Numbers that are the same everywhere")
struct NumbersTests {
  @Test("xoshiro256** gives the numbers of its reference implementation")
  func xoshiro() {
    var random = Xoshiro256(state: (1, 2, 3, 4))
    let expected: [UInt64] = [
      11520, 0, 1_509_978_240, 1_215_971_899_390_074_240, 1_216_172_134_540_287_360, 607_988_272_756_665_600,
    ]
    let given = expected.map { _ in random.next() }
    #expect(given == expected)
  }

  @Test("splitmix64 gives the numbers of its reference implementation")
  func splitmix() {
    // Seed 1234567: the state grows by the golden ratio before each number.
    let golden: UInt64 = 0x9E37_79B9_7F4A_7C15
    let first = (1...3).map { finalize(1_234_567 &+ golden &* UInt64($0)) }
    #expect(first == [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423])
  }

  @Test("the exponential agrees with the library's", arguments: [-30, -4.2, -1, -0.001, 0, 0.5, 1, 3.7, 12, 40])
  func exponentials(x: Double) {
    #expect(abs(exponential(x) / exp(x) - 1) < 1e-13)
  }

  @Test("normal numbers have mean 0 and deviation 1")
  func normals() {
    var random = Xoshiro256(seed: 7)
    let count = 100_000
    var sum = 0.0
    var squares = 0.0
    for _ in 0..<count {
      let x = random.normal()
      sum += x
      squares += x * x
    }
    #expect(abs(sum / Double(count)) < 0.02)
    #expect(abs(squares / Double(count) - 1) < 0.02)
  }

  @Test(
    "decimals carry no zeros behind",
    arguments: [
      (0, 3, "0"), (5, 3, "0.005"), (1250, 3, "1.25"), (1000, 3, "1"), (1, 9, "0.000000001"), (12_345, 0, "12345"),
    ])
  func decimals(value: Int, places: Int, text: String) {
    var writer = ByteWriter()
    writer.putDecimal(value, places: places)
    #expect(String(decoding: writer.bytes, as: UTF8.self) == text)
  }

  @Test(
    "times are written in RFC 3339",
    arguments: [
      (0, 3, 0, "1970-01-01T00:00:00.000Z"), (951_868_799_999_999, 6, 0, "2000-02-29T23:59:59.999999Z"),
      (1_767_225_600_000_000, 3, 120, "2026-01-01T02:00:00.000+02:00"),
      (1_767_225_600_000_000, 3, -480, "2025-12-31T16:00:00.000-08:00"),
      (1_767_225_600_000_000, 6, 330, "2026-01-01T05:30:00.000000+05:30"),
      (4_107_542_399_000_000, 3, 0, "2100-02-28T23:59:59.000Z"),
    ])
  func times(microseconds: Int, fraction: Int, offset: Int, text: String) {
    var writer = ByteWriter()
    writer.putTime(Timestamp(microseconds: Int64(microseconds)), fraction: fraction, offsetMinutes: offset)
    #expect(String(decoding: writer.bytes, as: UTF8.self) == text)
  }

  @Test("an agenda gives back by time, and what is due at the same time in the order it came")
  func agenda() {
    var agenda = Agenda(capacity: 500)
    var random = Xoshiro256(seed: 3)
    let due = (0..<500).map { _ in Int64(random.below(40)) }
    for (item, time) in due.enumerated() { agenda.add(Int32(item), due: time) }
    #expect(agenda.isFull)
    let expected = due.indices.sorted { (due[$0], $0) < (due[$1], $1) }.map { Int32($0) }
    var given: [Int32] = []
    while let item = agenda.popEarliest() { given.append(item) }
    #expect(given == expected)
  }
}
