import Testing

@testable import Events

@Suite("An event as a line of JSON")
struct EventJSONTests {
  private func line(_ build: (inout EventBatch) -> EventType) -> String {
    var batch = EventBatch()
    let type = build(&batch)
    if batch.events.isEmpty {
      batch.events = [
        Event(
          type: type, envelope: .structured, row: 0, typeName: .none, source: batch.strings.intern("/a"),
          id: batch.strings.intern("i\"1"), time: Timestamp(microseconds: 1_788_220_800_123_000), offset: 7,
          attributes: .none, unknown: .none)
      ]
    }
    return EventJSON.line(0, of: batch, position: 42, topic: "pleat.events", partition: 3)
  }

  private let head =
    #"{"position":42,"topic":"pleat.events","partition":3,"offset":7,"type":"TYPE","source":"/a","id":"i\"1","#
    + #""time":"2026-09-01T00:00:00.123000Z","data":"#

  private func expected(_ type: String, _ data: String) -> String {
    head.split(separator: "TYPE", maxSplits: 1).joined(separator: type) + data + "}"
  }

  private func text(_ string: String, _ batch: inout EventBatch) -> Text {
    batch.texts.append(contentsOf: Array(string.utf8))
    return Text(offset: UInt32(batch.texts.count - string.utf8.count), count: UInt32(string.utf8.count))
  }

  @Test("has the known members in their order and units, and nothing for what is absent")
  func known() {
    let routed = line { batch in
      batch.modelsRouted = [
        ModelRouted(
          model: batch.strings.intern("claude"), taskType: batch.strings.intern("code"), complexity: .veryHigh,
          strategy: .balanced, responseTimeMicroseconds: 1_500, tokensUsed: 12, costNanodollars: 15_955_001,
          qualityMillionths: 730_000, fallback: false, userID: .none, teamID: batch.strings.intern("t"),
          projectID: .none)
      ]
      return .modelRouted
    }
    #expect(
      routed
        == expected(
          "model_routed",
          #"{"model":"claude","task_type":"code","complexity":"very_high","strategy":"balanced","response_time_ms":1.5,"#
            + #""tokens_used":12,"cost_usd":"0.015955001","quality_score":0.73,"fallback":false,"team_id":"t"}"#))
  }

  @Test("has technologies as they were sent, names and objects")
  func technologies() {
    let generated = line { batch in
      let category = batch.strings.intern("database")
      batch.technologies = [
        TechnologyMention(name: batch.strings.intern("Go"), category: .none, unknown: .none, isObject: false),
        TechnologyMention(
          name: batch.strings.intern("PostgreSQL"), category: category, unknown: text(#""v":16"#, &batch),
          isObject: true),
        TechnologyMention(name: batch.strings.intern("X"), category: .none, unknown: .none, isObject: true),
      ]
      let id = batch.strings.intern("p1")
      batch.projectsGenerated = [
        ProjectGenerated(
          projectID: id, userID: batch.strings.intern("u1"), technologies: 0..<3,
          projectType: batch.strings.intern("saas"), teamID: .none, orgID: .none, complexityMillionths: 1_000_000,
          templateID: .none, visibility: Sharing.none)
      ]
      return .projectGenerated
    }
    #expect(
      generated
        == expected(
          "project_generated",
          #"{"project_id":"p1","user_id":"u1","technologies":["Go",{"name":"PostgreSQL","category":"database","v":16},"#
            + #"{"name":"X"}],"project_type":"saas","complexity":1,"visibility":"none"}"#))
  }

  @Test("has the unknown members after the known ones, on the same line")
  func unknown() {
    let other = line { batch in
      let unknown = text("\"a\":[1,\n\r 2],\"b\":null", &batch)
      batch.events = [
        Event(
          type: .other, envelope: .bare, row: 0, typeName: batch.strings.intern("new_thing"),
          source: batch.strings.intern("bare"), id: .none, time: Timestamp(microseconds: 946_684_800_000_000),
          offset: 0,
          attributes: .none, unknown: unknown)
      ]
      return .other
    }
    #expect(
      other
        == #"{"position":42,"topic":"pleat.events","partition":3,"offset":0,"type":"new_thing","source":"bare","id":null,"#
        + #""time":"2000-01-01T00:00:00Z","data":{"a":[1,   2],"b":null}}"#)
    let feedback = line { batch in
      let id = batch.strings.intern("p")
      batch.feedbackSubmitted = [
        FeedbackSubmitted(projectID: id, userID: id, success: true, rating: nil, comment: text("so\nso", &batch))
      ]
      let unknown = text(#""mood":"é""#, &batch)
      batch.events = [
        Event(
          type: .feedbackSubmitted, envelope: .structured, row: 0, typeName: .none, source: batch.strings.intern("/a"),
          id: batch.strings.intern("i\"1"), time: Timestamp(microseconds: 1_788_220_800_123_000), offset: 7,
          attributes: .none, unknown: unknown)
      ]
      return .feedbackSubmitted
    }
    #expect(
      feedback
        == expected(
          "feedback_submitted", #"{"project_id":"p","user_id":"p","success":true,"comment":"so\nso","mood":"é"}"#))
  }

  @Test("shows an erased person as a hash, which no producer can send")
  func erased() {
    let opened = line { batch in
      let person = [UInt8]([8, 7, 6, 5, 4, 3, 2, 0xF1]).withUnsafeBufferPointer { batch.strings.intern($0) }
      batch.erasedPeople = [person]
      batch.projectsOpened = [ProjectOpened(projectID: batch.strings.intern("p"), userID: person)]
      return .projectOpened
    }
    #expect(opened == expected("project_opened", #"{"project_id":"p","user_id":{"hash":"f102030405060708"}}"#))
  }

  @Test(
    "a time is written as RFC 3339 has it",
    arguments: [
      (0 as Int64, "1970-01-01T00:00:00Z"), (-1, "1969-12-31T23:59:59.999999Z"),
      (.max, "294247-01-10T04:00:54.775807Z"),
      (951_782_400_000_000, "2000-02-29T00:00:00Z"), (951_868_799_999_999, "2000-02-29T23:59:59.999999Z"),
      (4_107_542_399_000_000, "2100-02-28T23:59:59Z"), (4_107_542_400_000_000, "2100-03-01T00:00:00Z"),
      (1_798_761_599_000_001, "2026-12-31T23:59:59.000001Z"), (1_798_761_600_000_000, "2027-01-01T00:00:00Z"),
    ])
  func times(microseconds: Int64, expected: String) {
    var text: [UInt8] = []
    Timestamp(microseconds: microseconds).appendText(to: &text)
    #expect(String(decoding: text, as: UTF8.self) == expected)
  }
}
