import Testing

@testable import Service

@Suite("Memory that is given back")
struct FreeMemoryTests {
  @Test("it is due above the limit, and again when an eighth of it has come together")
  func due() {
    var memory = FreeMemory(limitBytes: 800)
    func expect(_ cases: [(held: Int, isDue: Bool)]) {
      for (held, isDue) in cases {
        let said = memory.isDue(held)
        #expect(said == isDue, "\(held)")
      }
    }
    expect([(800, false), (801, true)])
    memory.noteLeft(750)
    expect([(801, false), (849, false), (850, true), (700, false), (801, true)])
    // What cannot be given back is not tried for again and again.
    memory.noteLeft(900)
    expect([(900, false), (999, false), (1000, true)])
  }

  @Test("what the process holds is known")
  func resident() throws {
    let before = try #require(FreeMemory.residentBytes())
    let block = [UInt8](repeating: 1, count: 256 << 20)
    let after = try #require(FreeMemory.residentBytes())
    #expect(block[block.count / 2] == 1 && after > before + (128 << 20))
  }

  @Test("nothing is done where little is held")
  func little() throws {
    var memory = FreeMemory(limitBytes: 1 << 40)
    memory.giveBack()
    let isDue = memory.isDue(1 << 40)
    #expect(!isDue)
  }
}
