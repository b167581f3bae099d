import Foundation

/// The derived events that must follow from some events: each rule of the contract at each turn of the hour, by counting all
/// projects again, with nothing of Pleat's own but the lines of `pleat journal`.
///
/// People are counted exactly, so a world must not have more than 256 of them behind any key.
struct SlowRules {
  struct Event {
    var topic: String
    var source = "/pleat/projects"
    var type: String
    var subject: String
    var time: String
    var data: [String: Any]
  }

  struct Project {
    var id: String
    var day: Int
    var team: String?
    var org: String?
    /// A number instead of the `user_id`.
    var user: Int
    /// Indices into `names`, in the order of the names' bytes.
    var technologies: [Int] = []
    var combination = 0
  }

  typealias Newest<T> = (time: Date6, position: Int, value: T)

  var projects: [Project] = []
  /// Technologies, and combinations of them.
  var names: [String] = []
  var combinations: [[Int]] = []
  private var indices: [String: Int] = [:]
  private var combinationIndices: [[Int]: Int] = [:]
  private var users: [String: Int] = [:]
  private var known: Set<String> = []
  private var visibility: [String: Newest<String>] = [:]
  private var outcomes: [String: Newest<Bool>] = [:]
  private var levels: [String: Newest<String>] = [:]
  private var learning: [String: Newest<Bool>] = [:]
  /// By model, task type and day.
  var calls: [[String]: [Int: [JournalLine]]] = [:]

  // What the rules remember.
  var directions: [String: String] = [:]
  var trending: [Int: Date6] = [:]
  var rates: [String: SuccessRate] = [:]
  var patterns: Set<[Int]> = []
  var modelChanges: Set<[String]> = []

  var found: [Event] = []

  /// In the order of the journal, and of one turn: those of the projection of projects, then those of the models.
  static func events(of journal: [JournalLine]) -> [Event] {
    var rules = SlowRules()
    var greatest: Date6?
    for line in journal {
      if let before = greatest {
        let after = Date6(microseconds: max(before, line.time).microseconds - 300_000_000)
        let before = Date6(microseconds: before.microseconds - 300_000_000)
        if after.hour > before.hour { rules.turn(at: line.position, from: before, to: after) }
      }
      greatest = max(greatest ?? line.time, line.time)
      rules.apply(line)
    }
    return rules.found
  }

  // MARK: - Events

  private func newer<T>(_ old: Newest<T>?, _ line: JournalLine, _ value: T) -> Newest<T> {
    if let old, (line.time, line.position) < (old.time, old.position) { return old }
    return (line.time, line.position, value)
  }

  private mutating func apply(_ line: JournalLine) {
    let project = line.string("project_id") ?? ""
    switch line.type {
    case "project_generated":
      if !known.insert(project).inserted { return }
      visibility[project] = newer(visibility[project], line, line.string("visibility") ?? "public")
      var each = Project(
        id: project, day: line.time.day, team: line.string("team_id"), org: line.string("org_id"),
        user: users[line.string("user_id")!, default: users.count])
      users[line.string("user_id")!] = each.user
      let sorted = Set(line.mentions.map(\.name)).sorted {
        Array($0.utf8).lexicographicallyPrecedes(Array($1.utf8))
      }
      each.technologies = sorted.map { name in
        if indices[name] == nil {
          indices[name] = names.count
          names.append(name)
        }
        return indices[name]!
      }
      if combinationIndices[each.technologies] == nil {
        combinationIndices[each.technologies] = combinations.count
        combinations.append(each.technologies)
      }
      each.combination = combinationIndices[each.technologies]!
      projects.append(each)
    case "project_visibility_changed":
      visibility[project] = newer(visibility[project], line, line.string("visibility")!)
    case "feedback_submitted":
      outcomes[project] = newer(outcomes[project], line, line.data["success"] as! Bool)
    case "org_settings_changed":
      let org = line.string("org_id")!
      if let level = line.string("data_sharing_level") { levels[org] = newer(levels[org], line, level) }
      if let enabled = line.data["learning_enabled"] as? Bool { learning[org] = newer(learning[org], line, enabled) }
    case "model_routed":
      calls[[line.string("model")!, line.string("task_type")!], default: [:]][line.time.day, default: []].append(line)
    default: break
    }
  }

  private func sharing(_ project: Project) -> Int {
    let order = ["none": 0, "team": 1, "org": 2, "public": 3]
    var level = order[visibility[project.id]!.value]!
    guard let org = project.org else { return level }
    if let set = levels[org] { level = min(level, order[set.value]!) }
    return learning[org]?.value == false ? 0 : level
  }

  // MARK: - A turn

  struct Turn {
    var position: Int
    var watermark: Date6
    var before: Date6
    var time: String { String(Date6(microseconds: watermark.hour * 3_600_000_000).text.prefix(19)) + "Z" }
    var current: ClosedRange<Int> { watermark.day - 29...watermark.day }
    var previous: ClosedRange<Int> { watermark.day - 59...watermark.day - 30 }
  }

  private mutating func turn(at position: Int, from before: Date6, to watermark: Date6) {
    let turn = Turn(position: position, watermark: watermark, before: before)
    let facts = projects.map { (project: $0, sharing: sharing($0), outcome: outcomes[$0.id]?.value) }
    let everybody = facts.filter { $0.sharing == 3 }.map { ($0.project, $0.outcome) }
    let teams = facts.filter { $0.sharing > 0 && $0.project.team != nil }.map { ($0.project, $0.outcome) }
    let tallies = Tallies(everybody, names.count, combinations.count, turn)
    trendRule(tallies, turn)
    stackRule(tallies, turn)
    rateRule(tallies, teams, turn)
    patternRule(everybody, turn)
    modelRule(turn)
  }

  mutating func say(
    _ type: String, about subject: String, _ turn: Turn, of sample: Int, on topic: String = "analytics.events",
    _ data: [String: Any?]
  ) {
    var data = data.mapValues { $0 ?? NSNull() as Any }
    data["position"] = turn.position
    data["as_of"] = turn.time
    data["sample_size"] = sample
    found.append(Event(topic: topic, type: type, subject: subject, time: turn.time, data: data))
  }

  func json(_ list: [String]) -> String {
    let data = try! JSONSerialization.data(withJSONObject: list, options: [.withoutEscapingSlashes])
    return String(decoding: data, as: UTF8.self)
  }

  /// What counts for everybody at a turn.
  struct Tallies {
    struct Tally {
      var current = 0
      var previous = 0
      var all = 0
      /// Of the current window.
      var results: [Bool?] = []
      private var users: [Int] = []
      /// Of all time.
      private var allUsers: [Int] = []
      var people: Int { Set(users).count }
      var everyone: Int { Set(allUsers).count }

      mutating func add(_ project: Project, _ outcome: Bool?, _ turn: Turn) {
        all += 1
        allUsers.append(project.user)
        if turn.current.contains(project.day) {
          current += 1
          results.append(outcome)
          users.append(project.user)
        }
        if turn.previous.contains(project.day) { previous += 1 }
      }
    }
    var whole = Tally()
    var technologies: [Tally]
    var combinations: [Tally]

    init(_ facts: [(Project, Bool?)], _ names: Int, _ stacks: Int, _ turn: Turn) {
      technologies = Array(repeating: Tally(), count: names)
      combinations = Array(repeating: Tally(), count: stacks)
      for (project, outcome) in facts {
        whole.add(project, outcome, turn)
        combinations[project.combination].add(project, outcome, turn)
        for technology in project.technologies { technologies[technology].add(project, outcome, turn) }
      }
    }

    func trend(_ tally: Tally) -> Trend { Trend(tally.current, whole.current, tally.previous, whole.previous) }
  }
}
