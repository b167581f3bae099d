import Events

@testable import Projections

/// An obviously right fold of projects: it keeps every event, asks all of them anew what a project shares, and counts the
/// projects one by one. Only who came and went, and the extremes, are followed event by event.
struct SlowProjects {
  typealias Newest<T> = (time: Int64, position: Int, value: T)

  struct Project {
    var fact: ProjectFact
    var time: Int64
    var names: [String]
    var day: Int32 { Timestamp(microseconds: time).day }
    /// Every two of the names, which are sorted.
    var pairs: [[String]] {
      names.indices.flatMap { a in names[(a + 1)...].map { [names[a], $0] } }
    }
  }

  /// People as they came and went.
  struct Sketch {
    var counts: [UInt64: Int] = [:]
    var smallest: Set<UInt64>?
    var takenOut = 0

    mutating func add(_ hash: UInt64) {
      if var kept = smallest {
        kept.insert(hash)
        smallest = Set(kept.sorted().prefix(256))
      } else {
        counts[hash, default: 0] += 1
        if counts.count > 256 { smallest = Set(counts.keys.sorted().prefix(256)) }
      }
    }

    mutating func remove(_ hash: UInt64) {
      if smallest != nil {
        takenOut += 1
      } else {
        counts[hash]! -= 1
        if counts[hash] == 0 { counts[hash] = nil }
      }
    }

    /// A contribution of nobody, as an erased person's.
    mutating func removeNobody() { if smallest != nil { takenOut += 1 } }
    mutating func erase(_ hash: UInt64) { if smallest == nil { counts[hash] = nil } }

    var hashes: [UInt64] { (smallest ?? Set(counts.keys)).sorted() }
    /// ⌊255·2^64 / v⌋.
    var count: Int64 {
      smallest == nil ? Int64(counts.count) : Int64(UInt128(255) * (UInt128(1) << 64) / UInt128(hashes.last!))
    }
    var text: String {
      "\(hashes) \(smallest == nil ? hashes.map { counts[$0]! } : []) \(smallest != nil)"
    }
  }

  let key: HashKey
  let catalog: TechnologyCatalog

  var projects: [String: Project] = [:]
  var visibility: [String: [Newest<Sharing>]] = [:]
  var feedback: [String: [Newest<Bool>]] = [:]
  var openings: [String: [Int32]] = [:]
  var predictions: [String: [Newest<(version: String, millionths: Int)>]] = [:]
  var learning: [String: [Newest<Bool>]] = [:]
  var sharing: [String: [Newest<Sharing>]] = [:]
  var memberships: [String: [String: [Newest<TeamRole?>]]] = [:]
  var teamNames: [String: [Newest<String>]] = [:]
  /// Times of the events that carry a team's id; of those that belong to no project, the person too.
  var teamTimes: [String: [Int64]] = [:]
  var teamEvents: [(team: String, day: Int32, isStep: Bool)] = []
  var selections: [(technology: String, day: Int32)] = []
  var categories: [String: String] = [:]

  /// Projects whose person was erased.
  var nobodys: Set<String> = []
  /// What each project shared after the event before.
  var shared: [String: Sharing] = [:]
  var technologyPeople: [[String]: Sketch] = [:]
  var stackPeople: [[String]: Sketch] = [:]
  var dayPeople: [Int32: Sketch] = [:]
  var pairPeople: [[String]: Sketch] = [:]
  var domainPeople: [String: Sketch] = [:]
  var domainStackPeople: [[String]: Sketch] = [:]
  var teamPeople: [[String]: Sketch] = [:]
  /// Times of the projects ever counted.
  var technologyTimes: [String: [Int64]] = [:]
  var stackTimes: [[String]: [Int64]] = [:]

  init(key: HashKey, catalog: TechnologyCatalog) { (self.key, self.catalog) = (key, catalog) }

  // MARK: - Events

  mutating func apply(_ fact: Fact, _ position: Int) {
    let time = fact.time.microseconds
    let day = fact.time.day
    switch fact.what {
    case .generated(let project):
      if projects[project.id] != nil { return }
      let names = meet(project.technologies)
      projects[project.id] = Project(fact: project, time: time, names: names)
      visibility[project.id, default: []].append((time, position, project.visibility ?? .public))
      if let team = project.team { teamTimes[team, default: []].append(time) }
      review(project.id)
    case .opened(let project):
      openings[project, default: []].append(day)
    case .feedback(let project, let success):
      feedback[project, default: []].append((time, position, success))
    case .visibility(let project, let level):
      visibility[project, default: []].append((time, position, level))
      review(project)
    case .predicted(let project, let version, let millionths):
      predictions[project, default: []].append((time, position, (version, Int(millionths))))
    case .selected(let user, let technologies, let team):
      for name in meet(technologies) { selections.append((name, day)) }
      act(team, user, time)
    case .wizard(let user, let team):
      act(team, user, time, isStep: true)
    case .routed(let user, let team):
      act(team, user, time)
    case .teamCreated(let team, let name, let user):
      act(team, user, time)
      teamNames[team, default: []].append((time, position, name))
      memberships[team, default: [:]][user, default: []].append((time, position, .admin))
    case .member(let team, let user, let role):
      act(team, user, time)
      memberships[team, default: [:]][user, default: []].append((time, position, role))
    case .organisation(let org, let enabled, let level):
      if let enabled { learning[org, default: []].append((time, position, enabled)) }
      if let level { sharing[org, default: []].append((time, position, level)) }
      for (id, project) in projects where project.fact.org == org { review(id) }
    case .erased(let user):
      nobodys.formUnion(projects.filter { $0.value.fact.user == user }.keys)
      for key in technologyPeople.keys { technologyPeople[key]!.erase(hash(user)) }
      for key in stackPeople.keys { stackPeople[key]!.erase(hash(user)) }
      for key in dayPeople.keys { dayPeople[key]!.erase(hash(user)) }
      for key in pairPeople.keys { pairPeople[key]!.erase(hash(user)) }
      for key in domainPeople.keys { domainPeople[key]!.erase(hash(user)) }
      for key in domainStackPeople.keys { domainStackPeople[key]!.erase(hash(user)) }
      for key in teamPeople.keys { teamPeople[key]!.erase(hash(user)) }
      for team in memberships.keys { memberships[team]![user] = nil }
    case .unrelated:
      break
    }
  }

  func newest<T>(_ values: [Newest<T>]?) -> T? {
    values?.max { ($0.time, $0.position) < ($1.time, $1.position) }?.value
  }

  private func hash(_ user: String) -> UInt64 {
    Array(user.utf8).withUnsafeBufferPointer { sipHash24(key, $0) }
  }

  private mutating func meet(_ mentions: [Mention]) -> [String] {
    var found: [String: String?] = [:]
    for mention in mentions {
      let entry = catalog.entries.first { entry in
        ([entry.name] + entry.aliases).contains { $0.lowercased() == mention.name.lowercased() }
      }
      let name = entry?.name ?? mention.name
      var category: String? = found[name] ?? nil
      if category == nil { category = entry?.category ?? mention.category }
      found.updateValue(category, forKey: name)
    }
    for (name, category) in found where categories[name] == nil { categories[name] = category ?? "other" }
    return found.keys.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
  }

  private mutating func act(_ team: String?, _ user: String?, _ time: Int64, isStep: Bool = false) {
    guard let team else { return }
    let day = Timestamp(microseconds: time).day
    teamTimes[team, default: []].append(time)
    guard let user else { return }
    teamEvents.append((team, day, isStep))
    teamPeople[[team, "\(day)"], default: Sketch()].add(hash(user))
  }

  private func level(_ id: String) -> Sharing {
    guard let project = projects[id] else { return .none }
    var level = newest(visibility[id])!
    if let org = project.fact.org {
      if newest(learning[org]) == false { return .none }
      if let limit = newest(sharing[org]) { level = min(level, limit) }
    }
    return level
  }

  /// Lets a project's person in or out where its sharing changed.
  private mutating func review(_ id: String) {
    guard let project = projects[id] else { return }
    let (old, new) = (shared[id] ?? .none, level(id))
    shared[id] = new
    let person = hash(project.fact.user)
    let isNobodys = nobodys.contains(id)
    func move(_ sketch: inout Sketch, _ isIn: Bool) {
      switch (isIn, isNobodys) {
      case (true, false): sketch.add(person)
      case (false, false): sketch.remove(person)
      case (true, true): break
      case (false, true): sketch.removeNobody()
      }
    }
    if let team = project.fact.team, (old == .none) != (new == .none) {
      move(&teamPeople[[team, "\(project.day)"], default: Sketch()], new != .none)
    }
    if (old == .public) != (new == .public) {
      for name in project.names {
        move(&technologyPeople[[name, "\(project.day)"], default: Sketch()], new == .public)
        if new == .public { technologyTimes[name, default: []].append(project.time) }
      }
      move(&stackPeople[project.names, default: Sketch()], new == .public)
      move(&dayPeople[project.day, default: Sketch()], new == .public)
      move(&domainPeople[project.fact.type, default: Sketch()], new == .public)
      move(&domainStackPeople[[project.fact.type] + project.names, default: Sketch()], new == .public)
      for pair in project.pairs { move(&pairPeople[pair, default: Sketch()], new == .public) }
      if new == .public { stackTimes[project.names, default: []].append(project.time) }
    }
  }

  // MARK: - Numbers

  struct Tally {
    var projects = 0
    var selections = 0
    var steps = 0
    var opened = 0
    var events = 0
    var successes = 0
    var failures = 0
    var complexitySum = 0
    var complexityCount = 0
    var outcomes: String { "\(successes) \(failures)" }

    mutating func count(_ project: Project, _ outcome: Bool?) {
      projects += 1
      if outcome == true { successes += 1 }
      if outcome == false { failures += 1 }
      if let complexity = project.fact.complexity {
        complexitySum += Int(complexity)
        complexityCount += 1
      }
    }
  }

  /// Projects by the level they share at least.
  func counting(_ level: Sharing) -> [(id: String, project: Project, outcome: Bool?)] {
    projects.filter { self.level($0.key) >= level }.map { ($0.key, $0.value, newest(feedback[$0.key])) }
  }

  /// Every row by its table and key, as text; rows with nothing in them are left out.
  func rows() -> [String: String] {
    var rows: [String: String] = [:]
    func extremes(_ times: [Int64]?) -> String {
      "\(times?.min().map(String.init) ?? "-") \(times?.max().map(String.init) ?? "-")"
    }
    var (technologies, days, combinations): ([String: Tally], [Int32: Tally], [[String]: Tally]) = ([:], [:], [:])
    var (usage, stackDays): ([[String]: Tally], [[String]: Int]) = ([:], [:])
    for (_, project, outcome) in counting(.public) {
      days[project.day, default: Tally()].count(project, outcome)
      combinations[project.names, default: Tally()].count(project, outcome)
      stackDays[project.names + ["\(project.day)"], default: 0] += 1
      for name in project.names {
        technologies[name, default: Tally()].count(project, outcome)
        usage[[name, "\(project.day)"], default: Tally()].count(project, outcome)
      }
    }
    for (technology, day) in selections {
      technologies[technology, default: Tally()].selections += 1
      usage[[technology, "\(day)"], default: Tally()].selections += 1
    }
    for (name, category) in categories {
      let tally = technologies[name] ?? Tally()
      rows["technologies \(name)"] =
        "\(category) \(tally.projects) \(tally.selections) \(extremes(technologyTimes[name]))"
    }
    for key in Set(usage.keys).union(technologyPeople.keys) {
      let (tally, people) = (usage[key] ?? Tally(), technologyPeople[key] ?? Sketch())
      rows["technology_usage \(key)"] =
        "\(tally.projects) \(tally.selections) \(tally.outcomes) \(people.count) \(people.takenOut)"
    }
    for (key, people) in technologyPeople { rows["technology_people \(key)"] = people.text }
    for (day, people) in dayPeople {
      let tally = days[day] ?? Tally()
      rows["project_days \(day)"] = "\(tally.projects) \(tally.outcomes) \(people.count) \(people.takenOut)"
      rows["project_people \(day)"] = people.text
    }
    pairRows(&rows)
    domainRows(&rows)
    calibrationRows(&rows)
    for (names, people) in stackPeople {
      let tally = combinations[names] ?? Tally()
      rows["stack_combinations \(names)"] =
        "\(tally.projects) \(tally.outcomes) \(tally.complexitySum) \(tally.complexityCount) \(extremes(stackTimes[names]))"
        + " \(people.count) \(people.takenOut)"
      rows["stack_people \(names)"] = people.text
    }
    for (key, count) in stackDays { rows["stack_days \(key)"] = "\(count)" }
    teamRows(&rows)
    for (team, people) in memberships {
      for (user, changes) in people {
        rows["memberships \(team) \(hash(user))"] = newest(changes)!.map { "\($0.rawValue)" } ?? "-"
      }
    }
    return rows
  }

  private func teamRows(_ rows: inout [String: String]) {
    var (stats, activity, technologies): ([String: Tally], [[String]: Tally], [[String]: Tally]) = ([:], [:], [:])
    for (team, day, isStep) in teamEvents {
      activity[[team, "\(day)"], default: Tally()].events += 1
      if isStep {
        activity[[team, "\(day)"], default: Tally()].steps += 1
        stats[team, default: Tally()].steps += 1
      }
    }
    for (id, project, outcome) in counting(.team) {
      guard let team = project.fact.team else { continue }
      stats[team, default: Tally()].count(project, outcome)
      activity[[team, "\(project.day)"], default: Tally()].count(project, outcome)
      activity[[team, "\(project.day)"], default: Tally()].events += 1
      for name in project.names { technologies[[team, name], default: Tally()].count(project, outcome) }
      for day in openings[id] ?? [] {
        stats[team, default: Tally()].opened += 1
        activity[[team, "\(day)"], default: Tally()].opened += 1
        activity[[team, "\(day)"], default: Tally()].events += 1
      }
    }
    for (team, times) in teamTimes {
      let tally = stats[team] ?? Tally()
      let members = (memberships[team] ?? [:]).values.filter { newest($0)! != nil }.count
      rows["team_stats \(team)"] =
        "\(newest(teamNames[team]) ?? "-") \(members) \(tally.projects) \(tally.opened) \(tally.steps) \(tally.outcomes)"
        + " \(tally.complexitySum) \(tally.complexityCount) \(times.min()!) \(times.max()!)"
    }
    for key in Set(activity.keys).union(teamPeople.keys) {
      let (tally, people) = (activity[key] ?? Tally(), teamPeople[key] ?? Sketch())
      rows["team_activity \(key)"] =
        "\(tally.events) \(tally.projects) \(tally.opened) \(tally.steps) \(people.count) \(tally.outcomes) \(people.text)"
    }
    for (key, tally) in technologies { rows["team_technologies \(key)"] = "\(tally.projects) \(tally.outcomes)" }
  }
}
