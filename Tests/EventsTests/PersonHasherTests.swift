import Events
import Testing

@Suite("The hash of a person")
struct PersonHasherTests {
  private let key = HashKey(k0: 0x0706_0504_0302_0100, k1: 0x0F0E_0D0C_0B0A_0908)

  @Test("is the keyed hash of the id's bytes, the first time and from the cache")
  func hashes() {
    var batch = EventBatch()
    let person = batch.strings.intern("\u{0}\u{1}")
    var hasher = PersonHasher(key: key)
    hasher.reset(for: batch)
    #expect(hasher.hash(person, in: batch) == 0x0D6C_8009_D9A9_4F5A)
    #expect(hasher.hash(person, in: batch) == 0x0D6C_8009_D9A9_4F5A)
  }

  @Test("is what stands there where the person was erased")
  func erased() {
    var batch = EventBatch()
    let person = [UInt8]([8, 7, 6, 5, 4, 3, 2, 0xF1]).withUnsafeBufferPointer { batch.strings.intern($0) }
    batch.erasedPeople = [person]
    var hasher = PersonHasher(key: key)
    hasher.reset(for: batch)
    #expect(hasher.hash(person, in: batch) == 0xF102_0304_0506_0708)
  }

  @Test("does not remember the batch before")
  func reset() {
    var first = EventBatch()
    var second = EventBatch()
    let symbol = first.strings.intern("somebody")
    _ = second.strings.intern("somebody else")
    _ = second.strings.intern("a third")
    var hasher = PersonHasher(key: key)
    hasher.reset(for: first)
    let one = hasher.hash(symbol, in: first)
    hasher.reset(for: second)
    #expect(hasher.hash(symbol, in: second) == second.personHash(symbol, key: key))
    #expect(hasher.hash(symbol, in: second) != one)
    hasher.reset(for: first)
    #expect(hasher.hash(symbol, in: first) == one)
  }
}
