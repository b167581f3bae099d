import Testing

@testable import Projections

@Suite("A sketch of people")
struct PeopleSketchTests {
  static func sketch(_ hashes: some Sequence<UInt64>) -> PeopleSketch {
    var sketch = PeopleSketch()
    for hash in hashes { _ = sketch.add(hash) }
    return sketch
  }

  @Test("counts exactly up to 256, and who takes back every contribution leaves")
  func exact() {
    var sketch = Self.sketch((1...256).reversed())
    #expect(sketch.count == 256 && !sketch.isEstimate)
    let returned = [sketch.add(7), sketch.remove(7)]
    #expect(returned == [true, true] && sketch.count == 256)
    let left = sketch.remove(7)
    #expect(left && sketch.count == 255)
    #expect(sketch.people.map(\.hash) == Array(1...6) + Array(8...256))
  }

  @Test("is an estimate for good once a 257th came, whether it is kept or not", arguments: [0, 1 << 40])
  func estimate(newcomer: UInt64) {
    let step: UInt64 = 1 << 20
    var sketch = Self.sketch((1...256).map { $0 * step })
    let came = sketch.add(newcomer)
    let largest = newcomer == 0 ? 255 * step : 256 * step
    #expect(came && sketch.isEstimate && sketch.people.count == 256)
    #expect(sketch.count == Int64(UInt128(255) << 64 / UInt128(largest)))
    let before = sketch
    let changes = [sketch.remove(step), sketch.add(.max), sketch.add(step)]
    #expect(changes == [false, false, false] && sketch == before)
  }

  @Test(
    "a union is exact up to 256 people of exact sketches, else an estimate by the 256th",
    arguments: [(0, false), (1, false), (256, false), (256, true), (257, false), (257, true)])
  func union(count: Int, hasEstimate: Bool) {
    let hashes = (0..<count).map { UInt64($0 + 1) << 52 }
    let expected =
      count <= 256 && !hasEstimate ? Int64(count) : Int64((UInt128(255) << 64) / UInt128(UInt64(256) << 52))
    #expect(PeopleSketch.count(ofUnion: hashes, hasEstimate: hasEstimate) == expected)
  }

  @Test("a hash of 0 counts as 1, and no estimate is more than a bigint holds")
  func extremes() {
    #expect(PeopleSketch.estimate(largest: 0) == .max)
    #expect(PeopleSketch.estimate(largest: .max) == 255)
  }

  @Test("hashes stand in SQL in their own order")
  func stored() {
    let hashes: [UInt64] = [0, 1, 1 << 63 - 1, 1 << 63, .max]
    #expect(hashes.map(storedHash) == hashes.map(storedHash).sorted())
    #expect(hashes.map { hash(stored: storedHash($0)) } == hashes)
  }

  @Test("is stored as arrays, or packed, and read as it was", arguments: [false, true], [0, 1, 255, 256, 300])
  func columns(packed: Bool, count: UInt64) throws {
    // Contributions of one, two and three bytes; hashes of the whole range.
    var sketch = PeopleSketch()
    for index in 0..<count {
      let hash = index &* 0x9E37_79B9_7F4A_7C15
      for _ in 0..<[1, 127, 128, 16_384][Int(index % 4)] { _ = sketch.add(hash) }
    }
    let row = StoredRow.make { packed ? sketch.writePacked(to: &$0) : sketch.write(to: &$0) }
    let read = try #require(row.withReader { packed ? PeopleSketch(packed: &$0) : PeopleSketch(&$0) })
    #expect(read.people.map(\.hash) == sketch.people.map(\.hash) && read.isEstimate == sketch.isEstimate)
    if !sketch.isEstimate { #expect(read == sketch) }
    if packed { #expect(row.fields[0]!.count == 8 * min(Int(count), 256)) }
  }

  @Test(
    "packed people that no journal leads to are a fault, and nobody",
    arguments: [
      ([0, 0, 0, 0, 0, 0, 0], [1], "is 7 bytes"), ([0, 0, 0, 0, 0, 0, 0, 1], [0x80], "ends within a number"),
      ([0, 0, 0, 0, 0, 0, 0, 1], [0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 2], "too large"),
      ([0, 0, 0, 0, 0, 0, 0, 1], [1, 1], "1 hashes with 2 counts"),
    ] as [([UInt8], [UInt8], String)])
  func faults(hashes: [UInt8], counts: [UInt8], message: String) throws {
    let row = StoredRow.make {
      $0.bytea(hashes)
      $0.bytea(counts)
      $0.bool(false)
    }
    _ = FoldFault.take()
    let sketch = row.withReader { PeopleSketch(packed: &$0) }
    #expect(sketch == nil || sketch == PeopleSketch())
    let fault = try #require(FoldFault.take())
    #expect("\(fault)".contains(message))
  }

  @Test("a partial row's people come and go in their order once the stored ones are known")
  func partial() {
    var partial = People(isPartial: true)
    partial.remove(5, at: 10)
    partial.add(1000, at: 11)
    partial.add(1001, at: 12)
    partial.remove(1001, at: 13)
    partial.merge(onto: People(stored: Self.sketch(1...256), takenOut: 0, position: 9))
    #expect(partial.takenOut == 1 && partial.count == Int64((UInt128(255) << 64) / 1000))
    #expect(partial.position == 12 && partial.isChanged && partial.isStored)
  }
}
