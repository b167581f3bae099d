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
