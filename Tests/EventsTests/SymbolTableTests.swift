import Randomness
import Testing

@testable import Events

@Suite("The strings of a batch")
struct SymbolTableTests {
  @Test(
    "look-ups agree with a dictionary, whatever was added, not looked up, or taken back",
    arguments: [1, 2, 3] as [UInt64])
  func agreesWithADictionary(seed: UInt64) {
    var random = SeededRandom(seed: seed)
    var table = SymbolTable()
    // What stands in the table: the bytes, and whether a look-up may find them.
    var strings: [(text: String, isFound: Bool)] = []
    var places: [String: Int] = [:]
    var differences = 0
    for step in 0..<30_000 {
      switch random.next() % 100 {
      case 0:
        let kept = Int(random.next() % UInt64(strings.count + 1))
        let count = max(kept, strings.count - 40)
        for (text, isFound) in strings[count...] where isFound { places[text] = nil }
        strings.removeSubrange(count...)
        table.truncate(to: count)
      case 1..<40:
        var id = "event-\(step % 700)"
        let symbol = id.withUTF8 { table.append($0) }
        if Int(symbol.index) != strings.count { differences += 1 }
        strings.append((id, false))
      default:
        let text = "string \(random.next() % 6_000)"
        let symbol = table.intern(text)
        if Int(symbol.index) != places[text] ?? strings.count { differences += 1 }
        if places[text] == nil {
          places[text] = strings.count
          strings.append((text, true))
        }
      }
      if table.count != strings.count { differences += 1 }
    }
    #expect(differences == 0)
    let isWhole = strings.indices.allSatisfy { table.string(Symbol(index: UInt32($0))) == strings[$0].text }
    let isFound = places.allSatisfy { Int(table.intern($0.key).index) == $0.value }
    #expect(isWhole && isFound && places.count > 1_000)
  }

  @Test("strings that meet under one key do not under that of this process")
  func key() {
    let known = SymbolTable.Key(start: 0x9E37_79B9_7F4A_7C15, factor: 0xD6E8_FEB8_6659_FD93)
    func slot(_ text: String, _ table: borrowing SymbolTable) -> UInt32 {
      var text = text
      return text.withUTF8 { table.hash($0) } % 1_024
    }
    let crafted = (0..<400_000).lazy.map { "technology \($0)" }.filter { slot($0, SymbolTable(key: known)) == 7 }
    let slots = Set(crafted.prefix(300).map { slot($0, SymbolTable()) })
    // Of 300 balls in 1,024 boxes; how many boxes of one key that is, differs by 8 or so.
    #expect(slots.count > 180, "\(slots.count)")
  }
}
