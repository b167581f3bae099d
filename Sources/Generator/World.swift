package import Events

/// A credible world of teams that build things, as the events it emits.
///
/// The same settings give the same records, byte for byte, in the same order. Teams are founded, people join, leave and
/// move; tastes drift, technologies rise and fall, a release goes wrong, a model gets slower and a new one comes;
/// feedback follows the stack, the complexity and the team; organisations opt out, and some change their mind. Times
/// follow the rhythm of days and weeks. Some events come late, by seconds to days, some twice, some overtaken; every
/// one is valid.
///
/// Records are made one by one as they are asked for, in memory that does not grow with their number: `next` for the
/// span of the settings, then, if wanted, `next(at:)` for ever.
package struct World {
  package let settings: WorldSettings
  /// The record that the last call of `next` made.
  package private(set) var record = GeneratedRecord()

  var random: Xoshiro256
  var fashion: Fashion
  var population: Population
  var journeys = Journeys()
  var agenda = Agenda(capacity: Journeys.capacity)
  var writer: EventWriter
  var recent = RecentProjects()
  /// 0 at the start of the span, 1 at its end and after it.
  var progress = 0.0
  var sessionSerial: UInt64 = 0
  var projectSerial: UInt64 = 0
  /// Delays of hours and days shrink with the span, so that in a short one, too, projects get their feedback.
  let patience: Double
  /// Milliseconds between events about now.
  private(set) var gap: Int64 = 1

  private var holding = HoldingArea()
  private var rhythm: Rhythm
  private var produced = 0
  private var fashionProgress = 0.0
  /// The time of the last live record, and the mean distance of late, in milliseconds.
  private var liveTime: Int64?
  private var liveGap = 100.0
  private let start: Int64
  private let span: Int64

  private static let millisecondsPerDay: Int64 = 86_400_000
  /// Fashion is reckoned anew this often in the course of the span.
  private static let fashionSteps = 720.0
  /// How much the newest distance between live records counts in their mean.
  private static let gapSmoothing = 0.02

  package init(_ settings: WorldSettings) throws(WorldSettingsError) {
    self.settings = try settings.checked()
    let end = floorDivide(settings.end.microseconds, 1000)
    span = Int64(settings.days) * Self.millisecondsPerDay
    start = end - span
    random = Xoshiro256(seed: settings.seed)
    rhythm = Rhythm(seed: settings.seed, events: settings.events, startMilliseconds: start, days: settings.days)
    fashion = Fashion(seed: settings.seed)
    population = Population(seed: settings.seed, people: min(max(settings.events / 40, 80), 200_000))
    writer = EventWriter(seed: settings.seed, headersAllowed: settings.headers)
    patience = min(1, Double(settings.days) / 30)
  }

  /// Makes the next record of the span; false after the last of `settings.events`.
  package mutating func next() -> Bool {
    if produced == settings.events { return false }
    let now = rhythm.time(of: produced, at: random.unit())
    gap = rhythm.gap
    let left = settings.events - produced
    produced += 1
    // What is held back comes in the end, at the latest.
    if left <= holding.count || holding.isDue(at: now), let held = holding.popEarliest() {
      record = held
    } else {
      make(at: now, mayHold: left > holding.count + 1)
    }
    return true
  }

  /// Makes a record of what happens at `now`, with no end: for a live stream after the span, or without it.
  package mutating func next(at now: Timestamp) {
    let milliseconds = floorDivide(now.microseconds, 1000)
    if let before = liveTime { liveGap += (Double(max(0, milliseconds - before)) - liveGap) * Self.gapSmoothing }
    liveTime = milliseconds
    gap = max(1, Int64(liveGap))
    if holding.isDue(at: milliseconds), let held = holding.popEarliest() {
      record = held
    } else {
      make(at: milliseconds, mayHold: true)
    }
  }

  private mutating func make(at now: Int64, mayHold: Bool) {
    progress = min(max(Double(now - start) / Double(span), 0), 1)
    if progress - fashionProgress >= 1 / Self.fashionSteps {
      fashion.update(to: progress)
      fashionProgress = progress
    }
    happen(at: now)
    take()
    guard mayHold, !holding.isFull else { return }
    let lot = random.unit()
    if lot < Self.heldBack {
      holding.add(record, release: now + delay(lot / Self.heldBack))
      happen(at: now)
      take()
    } else if lot < Self.heldBack + Self.repeated {
      holding.add(record, release: now + repetitionDelay())
    }
  }

  private static let heldBack = 0.014
  private static let repeated = 0.005
  /// A repetition comes before so many other records, so that it meets the original in the window of duplicates.
  private static let repeatedWithin: Int64 = 20_000

  /// How late a record comes, in milliseconds: mostly overtaken by a few, some late by minutes or hours, a few by days.
  private mutating func delay(_ lot: Double) -> Int64 {
    switch lot {
    case ..<0.70: return max(200 + Int64(random.below(20_000)), gap * Int64(1 + random.below(12)))
    case ..<0.96: return max(Int64(random.logNormal(median: 840_000, sigma: 1.3) * patience), gap * 3)
    default: return max(Int64((0.5 + 2.5 * random.unit()) * Double(Self.millisecondsPerDay) * patience), gap * 3)
    }
  }

  private mutating func repetitionDelay() -> Int64 {
    let wanted = max(Int64(random.logNormal(median: 4000, sigma: 1.6)), gap)
    return min(wanted, gap * Self.repeatedWithin)
  }

  /// What the writer holds becomes the record.
  private mutating func take() {
    record.key.removeAll(keepingCapacity: true)
    record.key.append(contentsOf: writer.key.bytes)
    record.value.removeAll(keepingCapacity: true)
    record.value.append(contentsOf: writer.out.bytes)
    record.headers = writer.headers
    record.time = writer.time
  }

  /// One thing happens, and stands in the writer.
  private mutating func happen(at now: Int64) {
    if random.chance(Self.apartFromJourneys) { return somethingElse(at: now) }
    let due = agenda.earliest.map { $0 <= now } ?? false
    if due || agenda.isFull, let journey = agenda.popEarliest() {
      proceed(journey, at: now)
    } else {
      setOut(at: now)
    }
  }

  /// The part of the events that belongs to no journey.
  private static let apartFromJourneys = 0.3

  // MARK: What journeys and the rest share

  /// Starts an event in the writer, in one of the envelopes.
  mutating func begin(_ type: StaticString, source: StaticString, at now: Int64, micros: Bool = false) {
    let lot = random.unit()
    let form: EventWriter.Form =
      lot < 0.012 ? .binary : lot < 0.030 ? .bare : lot < 0.033 ? .bareWithoutID : .structured
    let fraction = micros && form == .structured ? Int64(random.below(1000)) : 0
    writer.begin(type, source: source, at: now, micros: fraction, form: form, random: &random)
  }

  /// Emits what must come before the holder of a place can act for its team: the team's founding, or the joining. False
  /// if there is nothing of the kind.
  mutating func settle(team: Int32, place: Int32, at now: Int64) -> Bool {
    if team < 0 { return false }
    let person = population.personAt[Int(place)]
    if !population.isCreated(team) {
      population.create(team, founder: place)
      begin("team_created", source: "/teams", at: now)
      writer.member("team_id", .team(team))
      writer.teamName(team)
      let organisation = population.organisation(of: team)
      if organisation >= 0 { writer.member("org_id", .organisation(organisation)) }
      writer.member("user_id", .person(person))
    } else if !population.isMember(place) {
      population.join(place)
      begin("team_member_added", source: "/teams", at: now)
      writer.member("team_id", .team(team))
      writer.member("user_id", .person(person))
      let lot = random.unit()
      writer.member("role", lot < 0.1 ? "admin" : lot < 0.88 ? "member" : "viewer")
    } else {
      return false
    }
    writer.end()
    writer.setKey(.team(team))
    return true
  }

  /// Whether something is broken in this hour, and which component.
  func incident(at now: Int64) -> Int? {
    let hour = UInt64(bitPattern: floorDivide(now, Rhythm.millisecondsPerHour))
    if fixedUnit(settings.seed, .incident, hour) >= Self.incidentsPerHour { return nil }
    return Int(fixedRandom(settings.seed, .incidentComponent, hour) % UInt64(Self.components.count))
  }

  private static let incidentsPerHour = 0.012
  static let components: [StaticString] = ["router", "generator", "wizard", "cache", "predictor", "billing"]
}

/// Projects of late, for what happens to one long after its journey; the oldest make room.
struct RecentProjects {
  struct Entry {
    var serial: UInt64
    var team: Int32
    var person: Int32
    var success: Float
  }

  private var entries: [Entry] = []
  private var next = 0
  private static let capacity = 16_384

  mutating func add(_ entry: Entry) {
    if entries.count < Self.capacity {
      entries.append(entry)
    } else {
      entries[next] = entry
      next = (next + 1) % Self.capacity
    }
  }

  func pick(_ random: inout Xoshiro256) -> Entry? {
    entries.isEmpty ? nil : entries[random.below(entries.count)]
  }
}
