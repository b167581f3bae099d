import Events
import Testing

@testable import Projections

/// What nobody's journal leads to, but somebody's hand may, stops the projection that reads it, and not the program.
@Suite("Stored rows that cannot be")
struct FoldFaultTests {
  private func read<R>(_ make: (inout RowWriter) -> Void, as body: (inout RowReader) -> R) -> (value: R, fault: String?)
  {
    _ = FoldFault.take()
    let value = StoredRow.make(make).withReader { (reader: inout RowReader) in body(&reader) }
    return (value, FoldFault.take())
  }

  @Test(
    "a sum near the end of bigint is a fault", arguments: [Int64.max, .min, (1 << 62) + 1, -(1 << 62) - 1] as [Int64])
  func sums(value: Int64) {
    let found = read({ $0.bigint(value) }, as: { $0.count() })
    #expect(found.value == 0 && found.fault != nil)
  }

  @Test("a sum as great as any that events come to is none", arguments: [0, 1 << 62, -(1 << 62), nil] as [Int64?])
  func possible(value: Int64?) {
    let found = read({ $0.bigint(value) }, as: { $0.count() })
    #expect(found.value == value ?? 0 && found.fault == nil)
  }

  @Test("a wide sum beyond 2^126 is a fault", arguments: [Int128.max, .min + 1, (1 << 126) + 1] as [Int128])
  func wideSums(value: Int128) {
    let found = read({ $0.wideInteger(value) }, as: { $0.wideCount() })
    #expect(found.value == 0 && found.fault != nil)
    #expect(read({ $0.wideInteger(-1 << 126) }, as: { $0.wideCount() }).value == -1 << 126)
    // What stays at the greatest number that fits is none.
    let greatest = read({ $0.wideInteger(value) }, as: { $0.wideInteger() })
    #expect(greatest.value == value && greatest.fault == nil)
  }

  @Test("a field of another type, an infinite time, and a histogram without its ranks are faults")
  func fields() {
    #expect(read({ $0.int(1) }, as: { $0.bigint() }).fault != nil)
    #expect(read({ $0.bigint(.max) }, as: { $0.timestamptz() }).fault != nil)
    #expect(read({ $0.int(.max) }, as: { $0.date() }).fault != nil)
    #expect(
      read(
        {
          $0.ints([1, 2])
          $0.bigints([5])
        }, as: { LatencyHistogram(&$0) }
      ).fault != nil)
    #expect(
      read(
        {
          $0.ints([1, 2])
          $0.bigints([5, .max])
        }, as: { LatencyHistogram(&$0) }
      ).fault != nil)
    #expect(
      read(
        {
          $0.ints([1, 2])
          $0.bigints([5, 7])
        }, as: { LatencyHistogram(&$0) }
      ).fault == nil)
    #expect(read({ $0.smallint(-1) }, as: { $0.sharing() }).fault != nil)
  }

  @Test("a project's key that is none, a day without its number, and versions without their times are faults")
  func projects() {
    let names = Names()
    #expect(read({ $0.bigint(1) }, as: { $0.uuid() }).fault != nil)
    #expect(read({ $0.varints([20_000, 1, 20_001]) }, as: { $0.openings().dayCount }).fault != nil)
    #expect(read({ $0.varints([20_000, 1, 20_001, 7]) }, as: { $0.openings().dayCount }) == (2, nil))
    for numbers in [[1_767_225_600_000_000], [1_767_225_600_000_000, 5, 6, 7]] as [[Int64]] {
      let found = read(
        {
          $0.text("v1")
          $0.varints(numbers)
        }, as: { $0.predictions(names).count })
      #expect(found.value == 0 && found.fault != nil)
    }
  }

  @Test("what stands in a project's row comes back")
  func projectsComeBack() {
    let key = RowKey(0x8001_0203_0405_0607, 0xF809_0A0B_0C0D_0E0F)
    #expect(read({ $0.uuid(key) }, as: { $0.uuid() }) == (key, nil))
    var openings = Openings()
    for (day, times) in [(20_500, 1), (10_957, 300), (20_501, 1 << 40)] as [(Int32, Int64)] { openings.add(day, times) }
    var (days, found) = ([String](), [String]())
    openings.eachDay { days.append("\($0.day) \($0.count)") }
    read({ $0.openings(openings) }, as: { $0.openings() }).value.eachDay { found.append("\($0.day) \($0.count)") }
    #expect(found == days && days.count == 3)
    #expect(read({ $0.openings(Openings()) }, as: { $0.openings().dayCount }) == (0, nil))
    let names = Names()
    let stacks = StackTable(names)
    for set in [["Go"], ["C++", "Näh", "a b"]] {
      let stack = stacks.intern(set.map { names.intern($0) })
      #expect(read({ $0.stackAsLines(stack, stacks, names) }, as: { $0.stackOfLines(stacks, names) }) == (stack, nil))
    }
    #expect(read({ $0.stackAsLines(.none, stacks, names) }, as: { $0.stackOfLines(stacks, names) }) == (.none, nil))
  }

  @Test("a row that nobody asked for is a fault")
  func unasked() {
    _ = FoldFault.take()
    let names = Names()
    let cache = RowCache(CountLayout(names: names))
    StoredRow.make {
      $0.text("t")
      $0.text("Go")
      for _ in 0..<4 { $0.bigint(1) }
    }.withReader { cache.absorb(&$0) }
    #expect(FoldFault.take() != nil)
  }
}
