import Postgres
import Testing

@Suite("A row's key as PostgreSQL writes it")
struct RowDifferenceTests {
  @Test("keys that differ in bytes alone are two")
  func bytes() {
    let composed = RowDifference.Pair(column: "technology", value: "Caf\u{E9}")
    let decomposed = RowDifference.Pair(column: "technology", value: "Cafe\u{301}")
    #expect(composed != decomposed)
    #expect(Set([[composed], [decomposed], [composed]]).count == 2)
  }
}
