import Testing

@testable import Events

@Suite("UUIDs in the binary form")
struct PackedUUIDTests {
  private func roundTrip(_ id: String) throws -> String {
    var batch = EventBatch()
    let symbol = batch.strings.intern(id)
    batch.projectsOpened = [ProjectOpened(projectID: symbol, userID: symbol)]
    batch.events = [
      Event(
        type: .projectOpened, envelope: .bare, row: 0, typeName: .none, source: batch.strings.intern("bare"), id: .none,
        time: Timestamp(microseconds: 0), offset: 0, attributes: .none, unknown: .none)
    ]
    let form = batch.encoded()
    let decoded = try EventBatch(payload: form.payload, identities: form.identities)
    return decoded.strings.string(decoded.projectsOpened[0].projectID)
  }

  @Test("each byte in each place is told from what looks like a digit and is none")
  func everyByte() throws {
    let uuid = Array("0a300ee9-f9e4-5697-a51a-efc7fafaba67".utf8)
    for place in [0, 1, 7, 8, 9, 12, 13, 14, 18, 19, 23, 24, 27, 28, 35] {
      for byte in 0x20..<0x7F as Range<UInt8> {
        var bytes = uuid
        bytes[place] = byte
        let id = String(decoding: bytes, as: UTF8.self)
        #expect(try roundTrip(id) == id)
      }
    }
  }
}
