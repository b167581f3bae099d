import Events

/// Puts one event together: envelope, data, key, headers. The data's members are written by the caller, each with its
/// comma in front, but for the first.
struct EventWriter {
  enum Form { case structured, binary, bare, bareWithoutID }

  private let seed: UInt64
  private let headersAllowed: Bool
  var out = ByteWriter()
  private(set) var key = ByteWriter()
  private(set) var headers: [(name: StaticString, value: [UInt8])] = []
  private(set) var time = Timestamp(microseconds: 0)
  private var isFirst = true
  private var form = Form.structured

  init(seed: UInt64, headersAllowed: Bool) { (self.seed, self.headersAllowed) = (seed, headersAllowed) }

  /// Starts an event; the members of `data` follow, then `end`.
  mutating func begin(
    _ type: StaticString, source: StaticString, at milliseconds: Int64, micros: Int64, form: Form,
    random: inout Xoshiro256
  ) {
    out.clear()
    key.clear()
    headers.removeAll(keepingCapacity: true)
    isFirst = true
    let (a, b) = (random.next(), random.next())
    let decoration = random.next() & 1023
    time = Timestamp(microseconds: milliseconds * 1000 + micros)
    self.form = form == .binary && !headersAllowed ? .structured : form
    switch self.form {
    case .structured:
      out.put(#"{"specversion":"1.0","id":""#)
      out.putUUID(milliseconds: milliseconds, a, b)
      out.put(#"","source":""#)
      out.put(source)
      out.put(#"","type":""#)
      out.put(type)
      out.put(#"","time":""#)
      putTime(time, micros: micros, decoration: decoration)
      if decoration >= 1008 {
        out.put(#"","traceparent":"00-"#)
        out.putHex(finalize(a), digits: 16)
        out.putHex(finalize(b), digits: 16)
        out.put("-")
        out.putHex(finalize(a ^ b), digits: 16)
        out.put("-01")
      }
      out.put(#"","data":{"#)
    case .binary:
      var part = ByteWriter()
      func header(_ name: StaticString, _ write: (inout ByteWriter) -> Void) {
        part.clear()
        write(&part)
        headers.append((name, part.bytes))
      }
      header("ce_specversion") { $0.put("1.0") }
      header("ce_id") { $0.putUUID(milliseconds: milliseconds, a, b) }
      header("ce_source") { $0.put(source) }
      header("ce_type") { $0.put(type) }
      header("ce_time") { $0.putTime(time, fraction: micros == 0 ? 3 : 6) }
      header("content-type") { $0.put("application/json") }
      out.put("{")
    case .bare, .bareWithoutID:
      out.put(#"{"type":""#)
      out.put(type)
      if decoration & 1 == 0 {
        out.put(#"","timestamp":"#)
        out.put(Int(milliseconds))
      } else {
        out.put(#"","timestamp":""#)
        out.putTime(time)
        out.put("\"")
      }
      if form == .bare {
        out.put(#","id":""#)
        out.putUUID(milliseconds: milliseconds, a, b)
        out.put("\"")
      }
      out.put(#","data":{"#)
    }
  }

  private mutating func putTime(_ time: Timestamp, micros: Int64, decoration: UInt64) {
    // A few producers keep their local time.
    let offset = decoration < 10 ? 120 : decoration < 16 ? -480 : decoration < 20 ? 330 : 0
    out.putTime(time, fraction: micros == 0 ? 3 : 6, offsetMinutes: offset)
  }

  mutating func end() {
    if form == .binary { out.put("}") } else { out.put("}}") }
  }

  mutating func name(_ name: StaticString) {
    if isFirst { out.put("\"") } else { out.put(",\"") }
    isFirst = false
    out.put(name)
    out.put("\":")
  }

  mutating func member(_ name: StaticString, _ value: StaticString) {
    self.name(name)
    out.put("\"")
    out.put(value)
    out.put("\"")
  }

  mutating func member(_ name: StaticString, _ value: [UInt8]) {
    self.name(name)
    out.put("\"")
    out.put(value)
    out.put("\"")
  }

  mutating func member(_ name: StaticString, _ value: Int) {
    self.name(name)
    out.put(value)
  }

  mutating func member(_ name: StaticString, _ value: Bool) {
    self.name(name)
    if value { out.put("true") } else { out.put("false") }
  }

  /// A number with a fraction.
  mutating func member(_ name: StaticString, _ value: Int, places: Int) {
    self.name(name)
    out.putDecimal(value, places: places)
  }

  /// A decimal string, the form for money.
  mutating func money(_ name: StaticString, nanodollars: Int) {
    self.name(name)
    out.put("\"")
    out.putDecimal(nanodollars, places: 9)
    out.put("\"")
  }

  // MARK: Identifiers

  enum Identifier {
    case person(Int32)
    case session(UInt64)
    case project(UInt64)
    case team(Int32)
    case organisation(Int32)
  }

  mutating func member(_ name: StaticString, _ identifier: Identifier) {
    self.name(name)
    out.put("\"")
    Self.put(identifier, seed, into: &out)
    out.put("\"")
  }

  mutating func setKey(_ identifier: Identifier) { Self.put(identifier, seed, into: &key) }

  mutating func setKey(_ text: StaticString) { key.put(text) }

  private static func put(_ identifier: Identifier, _ seed: UInt64, into writer: inout ByteWriter) {
    switch identifier {
    case .person(let index):
      writer.put("usr_")
      writer.putBase32(fixedRandom(seed, .personID, UInt64(index)), count: 10)
    case .session(let serial):
      writer.put("ses_")
      writer.putBase32(fixedRandom(seed, .sessionID, serial), count: 12)
    case .project(let serial):
      writer.put("prj_")
      writer.putBase32(fixedRandom(seed, .projectID, serial), count: 12)
    case .team(let index):
      writer.put("team_")
      writer.putBase32(fixedRandom(seed, .teamID, UInt64(index)), count: 8)
    case .organisation(let index):
      writer.put("org-")
      writer.put(Names.organisations[Int(index) % Names.organisations.count])
      let round = Int(index) / Names.organisations.count
      if round > 0 {
        writer.put("-")
        writer.put(round + 1)
      }
    }
  }

  /// A team's name: two words, and a third where there are many teams.
  mutating func teamName(_ team: Int32) {
    let hash = fixedRandom(seed, .teamName, UInt64(team))
    name("name")
    out.put("\"")
    out.put(Names.first[Int(hash & 0xFFFF) % Names.first.count])
    out.put(" ")
    out.put(Names.second[Int(hash >> 16 & 0xFFFF) % Names.second.count])
    if hash >> 60 == 0 { out.put(" Zürich") }
    out.put("\"")
  }

  /// `technologies`; `plain` as names as they are, else some as objects with a category or under an alias.
  mutating func technologies(_ stack: ArraySlice<UInt8>, habit: UInt64) {
    name("technologies")
    out.put("[")
    let withCategory = habit % 100 < 6
    var isFirst = true
    for index in stack {
      let technology = Technology.all[Int(index)]
      if !isFirst { out.put(",") }
      isFirst = false
      let useAlias = !technology.alias.isEmpty && finalize(habit &+ UInt64(index)) % 100 < 4
      if withCategory {
        out.put(#"{"name":""#)
        out.put(technology.name)
        out.put(#"","category":""#)
        out.put(technology.category)
        out.put("\"}")
      } else {
        out.put("\"")
        out.put(useAlias ? technology.alias : technology.name)
        out.put("\"")
      }
    }
    out.put("]")
  }
}

/// Words that names are made of.
enum Names {
  static let organisations: [StaticString] = [
    "northwind", "harbour-labs", "fern-and-oak", "blue-kiln", "castellan", "driftwood", "eastgate", "fathom",
    "glasshouse", "heron",
    "inkwell", "juniper-bank", "kestrel", "lanternworks", "meridian", "nordlicht", "orchard-health", "pemberton",
    "quarry", "redshank",
    "saltmarsh", "tidewater", "umbra-systems", "verdant", "wayfarer", "xenia-travel", "yarrow", "zephyr-energy",
    "arkwright", "brightwell",
    "copperfield", "dovetail", "emberly", "foxglove", "greywater", "hollowtree", "isthmus", "jetstream", "kilnhouse",
    "lodestar",
  ]
  static let first: [StaticString] = [
    "Checkout", "Platform", "Search", "Growth", "Billing", "Mobile", "Data", "Identity", "Insights", "Storefront",
    "Logistics",
    "Onboarding", "Pricing", "Content", "Messaging", "Fraud", "Claims", "Scheduling", "Reporting", "Partner",
    "Research", "Catalogue",
    "Payments", "Support",
  ]
  static let second: [StaticString] = [
    "Otters", "Crew", "Guild", "Squad", "Team", "Foxes", "Works", "Lab", "Badgers", "Collective", "Owls", "Studio",
    "Magpies", "Core",
    "Herons", "Bureau",
  ]
  static let comments: [StaticString] = [
    "worked on the first try", "the scaffold compiled and the tests ran",
    "had to replace the auth part, otherwise fine",
    "saved us a week", "readme was clear, deployment took ten minutes", "good start, but the schema needed work",
    "läuft, danke!",
    "très bien", "思ったより良かった", "would use it again", "nice 🎉", "deploy failed: missing environment variables",
    "gave up after an hour", "the generated pipeline never went green",
    "versions of two libraries did not fit together",
    "too much for what we needed", "half of it was thrown away",
  ]
  /// The first so many comments are those of content people, from here on of the others.
  static let firstComplaint = 11
}
