import Service

/// What `pleat bench` has measured.
struct BenchReport {
  /// What a time is of.
  enum Clock: String {
    /// The CPU time of one thread.
    case cpu
    /// The time that passed, since other processes are at work.
    case wall
  }

  struct Stage {
    var name: String
    var clock: Clock
    /// Nanoseconds an event.
    var nanoseconds: Double
    /// What it cannot be faster than, and the nanoseconds an event that this takes.
    var ceiling: (name: String, nanoseconds: Double)?
  }

  var events: Int
  /// Bytes of an event as it comes, and in the journal, on average.
  var eventBytes: Int
  var journalBytes: Int
  var segmentEvents: Int
  var stages: [Stage] = []

  /// In tenths.
  private static func rounded(_ value: Double) -> Double { (value * 10).rounded() / 10 }

  private static func perSecond(_ nanoseconds: Double) -> Int64 { nanoseconds > 0 ? Int64(1e9 / nanoseconds) : 0 }

  /// With commas between thousands.
  private static func grouped(_ number: Int64) -> String {
    let digits = String(number)
    var text = ""
    for (index, digit) in digits.enumerated() {
      if index > 0, (digits.count - index) % 3 == 0 { text += "," }
      text.append(digit)
    }
    return text
  }

  var text: String {
    var table = TextTable([
      ("stage", .left), ("events/s", .right), ("ns/event", .right), ("ceiling", .left), ("ns/event", .right),
      ("ratio", .right),
    ])
    for stage in stages {
      table.add([
        stage.name + (stage.clock == .wall ? " *" : ""), Self.grouped(Self.perSecond(stage.nanoseconds)),
        "\(Self.rounded(stage.nanoseconds))", stage.ceiling?.name ?? "–",
        stage.ceiling.map { "\(Self.rounded($0.nanoseconds))" } ?? "",
        stage.ceiling.map { "\(Self.rounded(stage.nanoseconds / $0.nanoseconds))" } ?? "",
      ])
    }
    return """
      \(Self.grouped(Int64(events))) events of \(eventBytes) bytes, \(journalBytes) in the journal; segments of \(segmentEvents)
      \(table.text)CPU time of one thread, the least of some rounds; * the time that passed, PostgreSQL's share included

      """
  }

  var json: JSONValue {
    .object([
      "events": .integer(Int64(events)), "event_bytes": .integer(Int64(eventBytes)),
      "journal_bytes": .integer(Int64(journalBytes)), "segment_events": .integer(Int64(segmentEvents)),
      "stages": .array(
        stages.map { stage in
          .object([
            "stage": .string(stage.name), "clock": .string(stage.clock.rawValue),
            "ns_per_event": .number(Self.rounded(stage.nanoseconds)),
            "events_per_second": .integer(Self.perSecond(stage.nanoseconds)),
            "ceiling": stage.ceiling.map {
              .object([
                "what": .string($0.name), "ns_per_event": .number(Self.rounded($0.nanoseconds)),
                "ratio": .number(Self.rounded(stage.nanoseconds / $0.nanoseconds)),
              ])
            } ?? .null,
          ])
        }),
    ])
  }
}
