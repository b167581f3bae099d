import Testing

@testable import Events

@Suite("Erasing a person from a batch")
struct ErasureTests {
  private static let keys = ErasureKeys(people: HashKey(k0: 1, k1: 2), identities: HashKey(k0: 3, k1: 4))
  private static let id = "ann-7"

  private static func batch(_ records: [String]) throws -> EventBatch {
    var batch = EventBatch()
    let decoder = EventDecoder(identityKey: keys.identities)
    for (offset, record) in records.enumerated() {
      var value = record
      try value.withUTF8 {
        let content = RecordContent(value: UnsafeRawBufferPointer($0), headers: [], offset: Int64(offset))
        _ = try decoder.decode(content, now: Timestamp(microseconds: 1_800_000_000_000_000), into: &batch)
      }
    }
    return batch
  }

  private static func record(_ type: String, _ data: String, id: String = "e1", more: String = "") -> String {
    #"{"specversion":"1.0","id":"\#(id)","source":"/app","type":"\#(type)","time":"2026-01-01T00:00:00Z"\#(more),"data":{\#(data)}}"#
  }

  private static func lines(_ batch: EventBatch) -> [String] {
    batch.events.indices.map { EventJSON.line($0, of: batch, position: 1, topic: "t", partition: 0) }
  }

  private static func erase(_ records: [String]) throws -> (lines: [String], findings: ErasureFindings) {
    var batch = try batch(records)
    let findings = batch.erase(Array(id.utf8), keys: keys)
    let form = batch.encoded()
    return (lines(try EventBatch(payload: form.payload, identities: form.identities)), findings)
  }

  struct Case: CustomTestStringConvertible {
    var testDescription: String
    var record: String
    /// What must not be in the line any more, and what must.
    var gone: [String] = [id]
    var stays: [String] = []
    var keys: [String] = []
  }

  static let cases = [
    Case(
      testDescription: "the person of an event becomes the hash",
      record: record("project_opened", #""project_id":"p","user_id":"ann-7""#), stays: [#""user_id":{"hash":""#]),
    Case(
      testDescription: "so does a session that holds the id",
      record: record(
        "wizard_step_completed", #""user_id":"bob","session_id":"s/ann-7/1","step":1"#),
      stays: [#""user_id":"bob","session_id":{"hash":""#]),
    Case(
      testDescription: "the comment goes",
      record: record(
        "feedback_submitted", #""project_id":"p","user_id":"bob","success":true,"comment":"thanks, ann-7!""#),
      gone: [id, "comment"], stays: [#""user_id":"bob""#]),
    Case(
      testDescription: "a comment of the person goes whatever it says",
      record: record(
        "feedback_submitted", #""project_id":"p","user_id":"ann-7","success":true,"comment":"I am Ann""#),
      gone: [id, "comment", "I am Ann"]),
    Case(
      testDescription: "the message goes",
      record: record("error_occurred", #""component":"c","severity":"info","message":"no user ann-7""#),
      gone: [id, "message"]),
    Case(
      testDescription: "unknown members go, escaped or not",
      record: record("project_opened", #""project_id":"p","user_id":"bob","by":"\u0061nn-7""#), gone: ["nn-7", "by"]),
    Case(
      testDescription: "attributes go",
      record: record("project_opened", #""project_id":"p","user_id":"bob""#, more: #","subject":"user/ann-7""#)),
    Case(
      testDescription: "all of an unlisted type's data goes",
      record: record("something", #""who":["ann-7"]"#), stays: [#""data":{}"#]),
    Case(
      testDescription: "an entry of technologies loses what is unknown of it",
      record: record(
        "stack_selected", #""user_id":"bob","technologies":[{"name":"Go","by":"ann-7"}]"#), stays: [#""name":"Go""#]),
    Case(
      testDescription: "an identity that holds the id becomes its digest",
      record: record("project_opened", #""project_id":"p","user_id":"bob""#, id: "open-ann-7-p"),
      stays: [#""id":{"digest":""#]),
    Case(
      testDescription: "keys stay, and are found",
      record: record("project_opened", #""project_id":"p-ann-7","user_id":"ann-7""#), gone: [],
      stays: [#""project_id":"p-ann-7""#, #""hash""#], keys: ["project_id p-ann-7"]),
    Case(
      testDescription: "a number that goes on is another id",
      record: record("project_opened", #""project_id":"p","user_id":"ann-71","by":"ann-78""#), gone: [],
      stays: [#""user_id":"ann-71""#, #""by":"ann-78""#]),
  ]

  @Test("what becomes of an event", arguments: cases)
  func event(_ each: Case) throws {
    let (lines, findings) = try Self.erase([each.record])
    for text in each.gone { #expect(!lines[0].contains(text), "\(text) in \(lines[0])") }
    for text in each.stays { #expect(lines[0].contains(text), "no \(text) in \(lines[0])") }
    #expect(findings.keys.keys.map { "\($0.member) \($0.value)" } == each.keys)
  }

  @Test("a second erasure changes nothing, and neither does one of somebody who is not there")
  func twice() throws {
    var batch = try Self.batch(Self.cases.map(\.record))
    let before = Self.lines(batch)
    #expect(batch.erase(Array("nobody".utf8), keys: Self.keys).events == 0)
    #expect(Self.lines(batch) == before)
    #expect(batch.erase(Array(Self.id.utf8), keys: Self.keys).changedEvents > 0)
    let after = Self.lines(batch)
    #expect(batch.erase(Array(Self.id.utf8), keys: Self.keys).changedEvents == 0)
    #expect(Self.lines(batch) == after)
  }

  @Test("the window of duplicates does not notice")
  func window() throws {
    var batch = try Self.batch([Self.record("project_opened", #""project_id":"p","user_id":"bob""#, id: "x-ann-7")])
    let before = try IdentityColumn.digests(of: batch.encoded().identities, key: Self.keys.identities)
    _ = batch.erase(Array(Self.id.utf8), keys: Self.keys)
    let after = try IdentityColumn.digests(of: batch.encoded().identities, key: Self.keys.identities)
    #expect(before.map(\.digest) == after.map(\.digest) && before.count == 1)
  }

  @Test("events at an offset and behind it are left alone")
  func offsets() throws {
    let record = Self.record("project_opened", #""project_id":"p","user_id":"ann-7""#)
    var batch = try Self.batch([record, record, record])
    _ = batch.erase(Array(Self.id.utf8), keys: Self.keys, before: 2)
    #expect(Self.lines(batch).map { $0.contains(Self.id) } == [false, false, true])
  }

  @Test("ids are found by their hashes, below the offset that each has")
  func found() throws {
    let batch = try Self.batch(
      ["ann-7", "bob", "cid"].map { Self.record("project_opened", #""project_id":"p","user_id":"\#($0)""#) })
    func hash(_ id: String) -> UInt64 { Self.keys.hash(of: Array(id.utf8)) }
    let found = batch.ids(
      of: [(hash("ann-7"), 1), (hash("cid"), 2), (hash("dan"), 9), (hash("bob"), 9)], key: Self.keys.people)
    #expect(found.map { String(decoding: $0.id, as: UTF8.self) } == ["ann-7", "bob"])
  }

  @Test("no producer can send an erasure")
  func sent() throws {
    let batch = try Self.batch([Self.record("person_erased", #""person":"ann-7""#)])
    #expect(batch.events[0].type == .other && batch.peopleErased.isEmpty)
  }

  @Test("the erasure's event says whom by the hash, and what was rewritten")
  func erasure() throws {
    let batch = EventBatch.erasure(
      of: 255, at: Timestamp(microseconds: 1_767_225_600_000_000), offset: 3, segments: Array(#""segments":[]"#.utf8))
    let form = batch.encoded()
    let read = try EventBatch(payload: form.payload, identities: form.identities)
    #expect(
      Self.lines(read) == [
        #"{"position":1,"topic":"t","partition":0,"offset":3,"type":"person_erased","source":"pleat","id":null,"#
          + #""time":"2026-01-01T00:00:00Z","data":{"person":{"hash":"00000000000000ff"},"segments":[]}}"#
      ])
    #expect(read.erasedHash(read.peopleErased[0].person) == 255)
  }

  @Test("escapes are undone as JSON does, and what is no escape stays")
  func escapes() {
    let cases: [(String, [String])] = [
      (#"{"a":"x\u0061\n\/","b":"é\uD83D\uDE00"}"#, ["a", "xa\n/", "b", "é😀"]),
      (#"not "json\q \uD83D" at all"#, [#"json\q \uD83D"#]), (#""open"#, []),
    ]
    for (text, strings) in cases {
      #expect(EscapedText.strings(in: Array(text.utf8)).map { String(decoding: $0, as: UTF8.self) } == strings)
    }
  }

  @Test("identities kept without their events lose the id, and tell repeats as before")
  func keptIdentities() throws {
    let batch = try Self.batch([
      Self.record("project_opened", #""project_id":"p","user_id":"bob""#, id: "open-ann-7"),
      Self.record("project_opened", #""project_id":"p","user_id":"bob""#, id: "e2"),
    ])
    let before = batch.encoded().identities
    let id = Array(Self.id.utf8)
    let after = try #require(try IdentityColumn.erasing(id, from: before, keys: Self.keys))
    func digests(_ column: [UInt8]) throws -> [Digest128] {
      try IdentityColumn.digests(of: column, key: Self.keys.identities).map(\.digest)
    }
    #expect(try digests(after) == digests(before) && digests(before).count == 2)
    #expect(EscapedText.holds(id, in: before) && !EscapedText.holds(id, in: after))
    #expect(try IdentityColumn.erasing(id, from: after, keys: Self.keys) == nil)
  }

  @Test("kept keys that differ in bytes alone are found apart, and sorted by their bytes")
  func keyBytes() {
    let composed = ErasureFindings.Key(member: "team_id", value: "ann-7 Caf\u{E9}")
    let decomposed = ErasureFindings.Key(member: "team_id", value: "ann-7 Cafe\u{301}")
    var findings = ErasureFindings()
    findings.add(composed)
    findings.add(decomposed)
    findings.add(composed)
    #expect(findings.keys.count == 2)
    #expect(findings.keys[composed] == 2 && findings.keys[decomposed] == 1)
    #expect(decomposed < composed && !(composed < decomposed))
  }
}
