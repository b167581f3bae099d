import Events
import ReferenceDecoder
import Testing

@Suite("A batch that is being decoded into")
struct DecodedBatchTests {
  private func event(_ id: Int, _ type: String, _ data: String) -> [UInt8] {
    Array(
      #"{"specversion":"1.0","id":"i-\#(id)","source":"s","type":"\#(type)","time":"2026-11-01T00:00:00Z","x":\#(id),"data":\#(data)}"#
        .utf8)
  }

  private let events: [(type: String, data: String)] = [
    ("wizard_step_completed", #"{"user_id":"u1","session_id":"s","step":1,"z":1}"#),
    ("stack_selected", #"{"user_id":"u2","technologies":["A",{"name":"B","q":1}]}"#),
    ("project_generated", #"{"project_id":"p1","user_id":"u1","technologies":["A","C"],"project_type":"api"}"#),
    ("project_opened", #"{"project_id":"p1","user_id":"u3"}"#),
    ("feedback_submitted", #"{"project_id":"p2","user_id":"u1","success":false,"comment":"fine"}"#),
    ("team_created", #"{"team_id":"t","name":"n","user_id":"u1"}"#),
    ("team_member_added", #"{"team_id":"t","user_id":"u4","role":"admin"}"#),
    ("team_member_removed", #"{"team_id":"t","user_id":"u4"}"#),
    ("org_settings_changed", #"{"org_id":"o"}"#),
    ("project_visibility_changed", #"{"project_id":"p1","visibility":"none"}"#),
    ("prediction_computed", #"{"project_id":"p3","model_version":"v","probability":0}"#),
    (
      "model_routed",
      #"{"model":"m","task_type":"t","complexity":"simple","strategy":"cost","response_time_ms":1,"tokens_used":1,"cost_usd":0}"#
    ),
    ("cache_hit", #"{"cache":"c"}"#), ("cache_miss", #"{"cache":"c","model":"new"}"#),
    ("error_occurred", #"{"component":"c","severity":"info","message":"text"}"#), ("other", #"{"any":1}"#),
  ]

  @Test("each kind of event can be taken back, and the batch goes on as if it had never come")
  func rollBack() throws {
    let decoder = EventDecoder(identityKey: identityKey)
    var straight = EventBatch()
    var detour = EventBatch()
    for (i, event) in events.enumerated() {
      let bytes = self.event(i, event.type, event.data)
      for (j, other) in events.enumerated() {
        let extent = detour.extent
        let mark = detour.mark
        _ = try decode(self.event(100 + j, other.type, other.data), with: decoder, into: &detour).get()
        _ = try decode(bytes, with: decoder, into: &detour).get()
        detour.rollBack(to: mark)
        #expect(detour.extent == extent)
      }
      let one = try decode(bytes, offset: Int64(i), with: decoder, into: &straight).get()
      let two = try decode(bytes, offset: Int64(i), with: decoder, into: &detour).get()
      #expect(one.identity == two.identity)
    }
    #expect(detour.extent == straight.extent)
    #expect(detour.texts == straight.texts)
    for i in 0..<straight.strings.count {
      #expect(detour.strings.string(Symbol(index: UInt32(i))) == straight.strings.string(Symbol(index: UInt32(i))))
    }
    for i in events.indices { #expect(detour.plainEvent(at: i) == straight.plainEvent(at: i)) }
  }

  @Test("an event that is refused at its last member leaves nothing behind")
  func refusedLate() {
    let decoder = EventDecoder(identityKey: identityKey)
    var batch = EventBatch()
    let extent = batch.extent
    let late = [
      ("error_occurred", #"{"component":"c","severity":"info","message":"text","user_id":7}"#),
      ("stack_selected", #"{"user_id":"u2","technologies":["A",{"name":"B","q":1},7]}"#),
      (
        "project_generated",
        #"{"project_id":"p1","user_id":"u1","technologies":["A"],"project_type":"api","visibility":1}"#
      ),
    ]
    for (type, data) in late {
      guard case .failure = decode(event(1, type, data), with: decoder, into: &batch) else {
        Issue.record("\(type) was taken")
        continue
      }
      #expect(batch.extent == extent)
    }
  }

  @Test("a member is told by its whole name, whatever stood in its place in the event before")
  func namesAreWhole() throws {
    let decoder = EventDecoder(identityKey: identityKey)
    var batch = EventBatch()
    let events = [
      ("wizard_step_completed", #"{"user_id":"u","session_id":"s","step":1,"step_name":"n"}"#),
      ("wizard_step_completed", #"{"user_id":"u","session_id":"s","step_name":"n","step":1}"#),
      ("wizard_step_completed", #"{"user_id":"u","session_id":"s","st\u0065p":1,"step_name" : "n"}"#),
      ("project_opened", #"{"project_id":"p","user_id":"u"}"#),
      ("project_opened", #"{"project_ix":"x","user_id":"u","project_id":"p"}"#),
      ("org_settings_changed", #"{"org_id":"o","data_sharing_level":"team"}"#),
      ("org_settings_changed", #"{"org_id":"o","data_shaking_level":"team"}"#),
      ("org_settings_changed", #"{"org_id":"o","data_sharing_lever":"team","learning_enabled":true}"#),
    ]
    for (i, (type, data)) in events.enumerated() {
      let bytes = event(i, type, data)
      _ = try decode(bytes, with: decoder, into: &batch).get()
      #expect(
        .success(batch.plainEvent(at: i))
          == DecodingReference.decode(value: bytes, headers: [], now: clock.microseconds))
    }
  }

  @Test("an event's identity is told before its data is read, also where that is refused")
  func identified() throws {
    let decoder = EventDecoder(identityKey: identityKey)
    var batch = EventBatch()
    var heard: [Digest128] = []
    for (data, isRefused) in [(#"{"project_id":"p","user_id":"u"}"#, false), (#"{"project_id":"p"}"#, true)] {
      let bytes = event(1, "project_opened", data)
      bytes.withUnsafeBytes {
        let event = try? decoder.decode(
          RecordContent(value: $0, headers: [], offset: 0), now: clock, into: &batch
        ) { heard.append($0) }
        #expect((event == nil) == isRefused)
        #expect(event == nil || event?.identity == heard.last)
      }
    }
    #expect(heard.count == 2 && heard.first == heard.last)
  }

  @Test("equal strings of different events are one symbol, escaped or not")
  func symbols() throws {
    let decoder = EventDecoder(identityKey: identityKey)
    var batch = EventBatch()
    _ = try decode(event(1, "project_opened", #"{"project_id":"p","user_id":"\u0070"}"#), with: decoder, into: &batch)
      .get()
    #expect(batch.projectsOpened[0].projectID == batch.projectsOpened[0].userID)
  }
}
