import Events

/// Events that journeys and everything else have in common, and what belongs to no journey.
extension World {
  mutating func openProject(_ project: UInt64, person: Int32, at now: Int64) {
    begin("project_opened", source: "/editor", at: now)
    writer.member("project_id", .project(project))
    writer.member("user_id", .person(person))
    if random.chance(0.05) {
      writer.name("client")
      writer.out.put(#"{"name":"web","version":"4."#)
      writer.out.put(Int(progress * 12))
      writer.out.put(#""}"#)
    }
    writer.end()
    writer.setKey(.project(project))
  }

  mutating func giveFeedback(_ project: UInt64, person: Int32, success: Bool, at now: Int64) {
    begin("feedback_submitted", source: "/feedback", at: now)
    writer.member("project_id", .project(project))
    writer.member("user_id", .person(person))
    writer.member("success", success)
    if !random.chance(0.2) {
      let lot = random.unit()
      let stars = success ? (lot < 0.5 ? 5 : lot < 0.88 ? 4 : 3) : (lot < 0.35 ? 1 : lot < 0.8 ? 2 : 3)
      writer.member("rating", stars)
    }
    if random.chance(0.35) {
      let from = success ? 0 : Names.firstComplaint
      let count = success ? Names.firstComplaint : Names.comments.count - Names.firstComplaint
      writer.member("comment", Names.comments[from + random.below(count)])
    }
    writer.end()
    writer.setKey(.project(project))
  }

  mutating func changeVisibility(_ project: UInt64, at now: Int64) {
    begin("project_visibility_changed", source: "/editor", at: now)
    writer.member("project_id", .project(project))
    let lot = random.unit()
    writer.member("visibility", lot < 0.35 ? "public" : lot < 0.6 ? "org" : lot < 0.85 ? "team" : "none")
    writer.end()
    writer.setKey(.project(project))
  }

  /// A call to a model; the milliseconds that it takes.
  @discardableResult
  mutating func routeModel(task: Int, complexity: Int, person: Int32?, team: Int32, project: UInt64?, at now: Int64)
    -> Int64
  {
    // A team sticks to its strategy; the others take the middle way.
    let strategy = team < 0 ? 1 : Int(fixedRandom(settings.seed, .strategy, UInt64(team)) % 3)
    let model = chooseModel(strategy: strategy, complexity: complexity)
    let change = model.factors(at: progress)
    let isBroken = incident(at: now) == 0
    let scale = [0.6, 1.0, 1.6, 2.6][complexity]
    let tokens = max(20, Int(random.logNormal(median: LanguageModel.medianTokens[task] * scale, sigma: 0.5)))
    let written = Double(tokens) * LanguageModel.writtenShare[task]
    var milliseconds = (model.baseMilliseconds + written * model.millisecondsPerToken) * change.latency
    milliseconds *= random.logNormal(median: isBroken ? 1.9 : 1, sigma: 0.28)
    let price = model.nanodollarsPerToken * change.price

    begin("model_routed", source: "/router", at: now, micros: true)
    writer.member("model", model.name)
    writer.member("task_type", LanguageModel.taskTypes[task])
    writer.member("complexity", LanguageModel.complexities[complexity])
    writer.member("strategy", LanguageModel.strategies[strategy])
    if random.chance(0.2) {
      writer.member("response_time_ms", Int(milliseconds * 1000), places: 3)
    } else {
      writer.member("response_time_ms", Int(milliseconds))
    }
    writer.member("tokens_used", tokens)
    let cost = Int(Double(tokens) * price)
    if random.chance(0.1) {
      writer.member("cost_usd", cost, places: 9)
    } else {
      writer.money("cost_usd", nanodollars: cost)
    }
    if !random.chance(0.3) {
      let harder = [-0.04, 0, 0.06, 0.13][complexity] + LanguageModel.difficulty[task]
      let quality = model.quality * change.quality - harder + 0.06 * random.normal()
      writer.member("quality_score", Int(min(max(quality, 0), 1) * 1000), places: 3)
    }
    let fallback = random.chance(isBroken ? 0.4 : 0.03)
    if fallback || random.chance(0.2) { writer.member("fallback", fallback) }
    if let person { writer.member("user_id", .person(person)) }
    if team >= 0 { writer.member("team_id", .team(team)) }
    if let project { writer.member("project_id", .project(project)) }
    writer.end()
    if let project {
      writer.setKey(.project(project))
    } else if let person {
      writer.setKey(.person(person))
    } else {
      writer.setKey(model.name)
    }
    return Int64(milliseconds)
  }

  private mutating func chooseModel(strategy: Int, complexity: Int) -> LanguageModel {
    // 0 the small, 1 the middle, 2 the large: what the strategy wants, one more for what is hard.
    let drift = random.unit()
    var tier = strategy + (complexity == 3 ? 1 : 0) + (drift < 0.12 ? -1 : drift > 0.88 ? 1 : 0)
    tier = min(max(tier, 0), 2)
    var chosen = LanguageModel.all[0]
    var seen = 0
    for model in LanguageModel.all where model.tier.rawValue == tier && model.isThere(at: progress) {
      seen += 1
      if random.below(seen) == 0 { chosen = model }
    }
    return chosen
  }

  private static let caches: [StaticString] = ["recommendations", "llm-responses", "templates"]

  mutating func lookUpCache(_ cache: Int, isHit: Bool, project: UInt64?, person: Int32?, at now: Int64) {
    if isHit {
      begin("cache_hit", source: "/cache", at: now)
    } else {
      begin("cache_miss", source: "/cache", at: now)
    }
    writer.member("cache", Self.caches[cache])
    if cache == 1 { writer.member("model", chooseModel(strategy: random.below(3), complexity: 1).name) }
    if isHit, cache < 2 {
      let tokens = Int(random.logNormal(median: 900, sigma: 0.6))
      writer.member("tokens_saved", tokens)
      writer.money("cost_saved_usd", nanodollars: tokens * 4200)
    }
    if let project { writer.member("project_id", .project(project)) }
    writer.end()
    if let project {
      writer.setKey(.project(project))
    } else if let person {
      writer.setKey(.person(person))
    } else {
      writer.setKey(Self.caches[cache])
    }
  }

  mutating func fail(component: Int, project: UInt64?, person: Int32?, at now: Int64) {
    begin("error_occurred", source: "/ops", at: now)
    writer.member("component", Self.components[component])
    let lot = random.unit()
    writer.member("severity", lot < 0.1 ? "info" : lot < 0.42 ? "warning" : lot < 0.94 ? "error" : "critical")
    let kind = random.below(Self.failures.count)
    if !random.chance(0.15) { writer.member("code", Self.failures[kind].code) }
    if !random.chance(0.1) {
      writer.name("message")
      writer.out.put("\"")
      writer.out.put(Self.failures[kind].message)
      writer.out.put(Int(random.logNormal(median: 2400, sigma: 0.9)))
      writer.out.put(" ms\"")
    }
    if let project { writer.member("project_id", .project(project)) }
    if let person { writer.member("user_id", .person(person)) }
    writer.end()
    if let project { writer.setKey(.project(project)) } else { writer.setKey(Self.components[component]) }
  }

  private static let failures: [(code: StaticString, message: StaticString)] = [
    ("E_TIMEOUT", "upstream did not answer within "), ("E_RATE_LIMIT", "rate limited, retry after "),
    ("E_BAD_OUTPUT", "the answer could not be parsed, spent "), ("E_CONNECTION", "connection reset after "),
    ("E_QUOTA", "quota used up, waited "),
  ]

  /// Something that belongs to no journey.
  mutating func somethingElse(at now: Int64) {
    if let component = incident(at: now), random.chance(0.35) {
      return fail(component: component, project: nil, person: nil, at: now)
    }
    let (team, place) = population.place(&random, progress: progress)
    if settle(team: team, place: place, at: now) { return }
    let person = population.personAt[Int(place)]
    let lot = random.unit()
    switch lot {
    case ..<0.50:
      let isKnown = random.chance(0.85)
      let task = [1, 1, 2, 2, 3, 4, 0][random.below(7)]
      let complexity = [0, 0, 1, 1, 1, 2, 2, 3][random.below(8)]
      routeModel(
        task: task, complexity: complexity, person: isKnown ? person : nil, team: isKnown ? team : -1, project: nil,
        at: now)
    case ..<0.72:
      lookUpCache(1 + random.below(2), isHit: random.chance(0.45 + 0.2 * progress), project: nil, person: nil, at: now)
    case ..<0.76:
      fail(
        component: random.below(Self.components.count), project: nil, person: random.chance(0.5) ? person : nil, at: now
      )
    case ..<0.80: changeTeam(team, place, at: now)
    case ..<0.815: changeSettings(at: now)
    case ..<0.82:
      // A type that nobody has listed: journaled, and folded by nobody.
      begin("template_published", source: "/editor", at: now)
      writer.member("template", Blueprint.all[random.below(Blueprint.all.count)].name)
      writer.member("user_id", .person(person))
      writer.end()
      writer.setKey(.person(person))
    default:
      guard let project = recent.pick(&random) else {
        return lookUpCache(2, isHit: false, project: nil, person: nil, at: now)
      }
      if lot < 0.95 {
        openProject(project.serial, person: lot < 0.90 ? project.person : person, at: now)
      } else if lot < 0.985 {
        giveFeedback(project.serial, person: person, success: random.chance(Double(project.success)), at: now)
      } else {
        changeVisibility(project.serial, at: now)
      }
    }
  }

  /// A member leaves, or gets another role.
  private mutating func changeTeam(_ team: Int32, _ place: Int32, at now: Int64) {
    if team < 0 { return lookUpCache(2, isHit: true, project: nil, person: nil, at: now) }
    let person = population.personAt[Int(place)]
    if random.chance(0.5) {
      begin("team_member_removed", source: "/teams", at: now)
      writer.member("team_id", .team(team))
      writer.member("user_id", .person(person))
      population.replace(place, &random)
    } else {
      begin("team_member_added", source: "/teams", at: now)
      writer.member("team_id", .team(team))
      writer.member("user_id", .person(person))
      writer.member("role", random.chance(0.3) ? "admin" : "member")
    }
    writer.end()
    writer.setKey(.team(team))
  }

  /// An organisation says how it wants its projects used.
  private mutating func changeSettings(at now: Int64) {
    // Small numbers more often: they are the large organisations.
    let u = random.unit()
    let organisation = Int32(u * u * Double(population.organisations))
    begin("org_settings_changed", source: "/admin", at: now)
    writer.member("org_id", .organisation(organisation))
    switch population.temper(of: organisation) {
    case .open:
      population.learningEnabled[Int(organisation)] = true
      writer.member("learning_enabled", true)
      if random.chance(0.5) { writer.member("data_sharing_level", "public") }
    case .guarded:
      let lot = random.unit()
      writer.member("data_sharing_level", lot < 0.6 ? "org" : lot < 0.8 ? "team" : "public")
    case .optedOut:
      population.learningEnabled[Int(organisation)] = false
      writer.member("learning_enabled", false)
      if random.chance(0.4) { writer.member("data_sharing_level", "none") }
    case .wavering:
      let enabled = !(population.learningEnabled[Int(organisation)] ?? true)
      population.learningEnabled[Int(organisation)] = enabled
      writer.member("learning_enabled", enabled)
    }
    writer.end()
    writer.setKey(.organisation(organisation))
  }
}
