import Events

/// Journeys through the wizard, and the projects that come of them.
extension World {
  /// Somebody opens the wizard.
  mutating func setOut(at now: Int64) {
    let (team, place) = population.place(&random, progress: progress)
    var journey = Journey()
    journey.team = team
    journey.place = place
    journey.session = sessionSerial
    journey.stepMilliseconds = stepDuration()
    sessionSerial += 1
    proceed(journeys.add(journey), at: now)
  }

  /// The journey emits its next event, and is put on the agenda again or ends.
  mutating func proceed(_ index: Int32, at now: Int64) {
    var wait: Int64?
    switch journeys[index].stage {
    case .arriving:
      journeys[index].person = population.personAt[Int(journeys[index].place)]
      if settle(team: journeys[index].team, place: journeys[index].place, at: now) {
        wait = 2000 + Int64(random.below(30_000))
      } else {
        journeys[index].stage = .stepping
        wait = completeStep(index, at: now)
      }
    case .stepping: wait = completeStep(index, at: now)
    case .advising: wait = lookUpAdvice(index, at: now)
    case .asking:
      let complexity = min(3, Int(journeys[index].complexityThousandths) / 250)
      let milliseconds = routeModel(
        task: 0, complexity: complexity, person: journeys[index].person, team: journeys[index].team, project: nil,
        at: now)
      journeys[index].stage = .stepping
      wait = milliseconds + nextStep(index)
    case .selecting: wait = selectStack(index, at: now)
    case .generating:
      journeys[index].projectSerial = projectSerial
      projectSerial += 1
      let complexity = min(3, Int(journeys[index].complexityThousandths) / 250)
      journeys[index].stage = .project
      wait =
        400
        + routeModel(
          task: 1, complexity: complexity, person: journeys[index].person, team: journeys[index].team,
          project: journeys[index].projectSerial, at: now)
    case .project: wait = generateProject(index, at: now)
    case .predicting: wait = predict(index, at: now)
    case .living: wait = live(index, at: now)
    }
    if let wait { agenda.add(index, due: now + wait) } else { journeys.remove(index) }
  }

  private mutating func stepDuration() -> Int32 {
    Int32(min(max(random.logNormal(median: 24_000, sigma: 0.8), 900), 3_600_000))
  }

  /// The next step will take so long.
  private mutating func nextStep(_ index: Int32) -> Int64 {
    journeys[index].stepMilliseconds = stepDuration()
    return Int64(journeys[index].stepMilliseconds)
  }

  private static let abandonment = 0.03

  private mutating func completeStep(_ index: Int32, at now: Int64) -> Int64? {
    journeys[index].step += 1
    let journey = journeys[index]
    begin("wizard_step_completed", source: "/wizard", at: now)
    writer.member("user_id", .person(journey.person))
    writer.member("session_id", .session(journey.session))
    writer.member("step", Int(journey.step))
    if !random.chance(0.03) { writer.member("step_name", Journey.stepNames[Int(journey.step) - 1]) }
    if random.chance(0.08) {
      writer.member("duration_ms", Int(journey.stepMilliseconds) * 1000 + random.below(1000), places: 3)
    } else {
      writer.member("duration_ms", Int(journey.stepMilliseconds))
    }
    if journey.team >= 0 { writer.member("team_id", .team(journey.team)) }
    if random.chance(0.03) { writer.member("locale", random.chance(0.5) ? "de-DE" : "en-GB") }
    writer.end()
    writer.setKey(.person(journey.person))

    if random.chance(Self.abandonment) { return nil }
    switch journey.step {
    case Journey.stackStep:
      journeys[index].stage = .selecting
      return 60 + Int64(random.below(400))
    case Journey.lastStep:
      if random.chance(0.06) { return nil }
      journeys[index].stage = .generating
      return 150 + Int64(random.below(600))
    case Journey.stackStep - 1 where random.chance(0.5):
      journeys[index].stage = .advising
      return 80 + Int64(random.below(300))
    default:
      return nextStep(index)
    }
  }

  private mutating func lookUpAdvice(_ index: Int32, at now: Int64) -> Int64 {
    let isHit = random.chance(0.25 + 0.25 * progress)
    lookUpCache(0, isHit: isHit, project: nil, person: journeys[index].person, at: now)
    journeys[index].stage = isHit ? .stepping : .asking
    return isHit ? nextStep(index) : 20 + Int64(random.below(60))
  }

  /// Chooses the technologies, by the team's taste, the fashion of the day, and chance.
  private mutating func selectStack(_ index: Int32, at now: Int64) -> Int64 {
    chooseStack(index)
    let journey = journeys[index]
    begin("stack_selected", source: "/wizard", at: now)
    writer.member("user_id", .person(journey.person))
    if !random.chance(0.04) { writer.member("session_id", .session(journey.session)) }
    writer.technologies(journeys.stack(index), habit: fixedRandom(settings.seed, .habit, UInt64(journey.person)))
    if !random.chance(0.08) { writer.member("project_type", Blueprint.all[Int(journey.blueprint)].projectType) }
    if journey.team >= 0 { writer.member("team_id", .team(journey.team)) }
    writer.end()
    writer.setKey(.person(journey.person))
    // Some think again.
    if random.chance(0.12) { return 5000 + Int64(random.below(40_000)) }
    journeys[index].stage = .stepping
    return nextStep(index)
  }

  private mutating func chooseStack(_ index: Int32) {
    let team = journeys[index].team
    let lot = random.unit()
    let place: Double
    if team >= 0, lot < 0.66 {
      place = population.taste(of: team, rank: lot < 0.48 ? 0 : 1, progress: progress)
    } else {
      place = random.unit()
    }
    let blueprintIndex = fashion.blueprint(at: place)
    let blueprint = Blueprint.all[blueprintIndex]
    journeys.clearStack(index)
    journeys[index].blueprint = UInt8(blueprintIndex)
    journeys[index].fromTemplate = random.chance(0.4)
    if journeys[index].fromTemplate {
      for technology in fashion.templates[blueprintIndex] { journeys.add(technology, to: index) }
    } else {
      for technology in blueprint.always { journeys.add(technology, to: index) }
      for (number, choice) in blueprint.choices.enumerated() {
        let favourite = population.favourite(
          of: team, blueprint: blueprintIndex, choice: number, count: choice.count, progress: progress)
        journeys.add(fashion.choose(choice, at: random.unit(), favourite: favourite), to: index)
      }
      for (technology, probability) in blueprint.extras
      where random.chance(probability * fashion.appeal[Int(technology)] / Technology.all[Int(technology)].appeal) {
        journeys.add(technology, to: index)
      }
    }
    let extra = 0.03 * Double(max(0, Int(journeys[index].technologies) - 4))
    let complexity = blueprint.complexity + extra + 0.11 * random.normal()
    journeys[index].complexityThousandths = Int16(min(max(complexity, 0.01), 0.99) * 1000)
    journeys[index].success = Float(successProbability(index))
  }

  /// Better with a stack that works, worse with complexity, and with the team.
  private func successProbability(_ index: Int32) -> Double {
    let journey = journeys[index]
    var p = 0.76 + Blueprint.all[Int(journey.blueprint)].quality + population.skill(of: journey.team)
    for technology in journeys.stack(index) { p += fashion.quality[Int(technology)] }
    p -= 0.45 * (Double(journey.complexityThousandths) / 1000 - 0.4)
    if journey.fromTemplate { p += 0.04 }
    return min(max(p, 0.04), 0.97)
  }

  private mutating func generateProject(_ index: Int32, at now: Int64) -> Int64? {
    let journey = journeys[index]
    if random.chance(0.02) {
      fail(component: 1, project: journey.projectSerial, person: journey.person, at: now)
      return random.chance(0.3) ? nil : 4000 + Int64(random.below(20_000))
    }
    let blueprint = Blueprint.all[Int(journey.blueprint)]
    begin("project_generated", source: "/generator", at: now)
    writer.member("project_id", .project(journey.projectSerial))
    writer.member("user_id", .person(journey.person))
    writer.technologies(journeys.stack(index), habit: fixedRandom(settings.seed, .habit, UInt64(journey.person)))
    writer.member("project_type", blueprint.projectType)
    if journey.team >= 0 {
      writer.member("team_id", .team(journey.team))
      let organisation = population.organisation(of: journey.team)
      if organisation >= 0 { writer.member("org_id", .organisation(organisation)) }
    }
    if !random.chance(0.07) { writer.member("complexity", Int(journey.complexityThousandths), places: 3) }
    if journey.fromTemplate { writer.member("template_id", blueprint.name) }
    let lot = random.unit()
    switch lot {
    case ..<0.025: writer.member("visibility", "none")
    case ..<0.11: writer.member("visibility", "team")
    case ..<0.20: writer.member("visibility", "org")
    case ..<0.45: writer.member("visibility", "public")
    default: break
    }
    writer.end()
    writer.setKey(.project(journey.projectSerial))
    recent.add(
      RecentProjects.Entry(
        serial: journey.projectSerial, team: journey.team, person: journey.person, success: journey.success))

    let openings = random.unit()
    journeys[index].openings = openings < 0.12 ? 0 : openings < 0.45 ? 1 : openings < 0.72 ? 2 : openings < 0.88 ? 3 : 5
    let feedback = random.unit()
    journeys[index].feedbacks = feedback < 0.36 ? 0 : feedback < 0.94 ? 1 : 2
    journeys[index].visibilityChanges = random.chance(0.05) ? 1 : 0
    journeys[index].predictions = random.chance(0.9) ? (random.chance(0.3) ? 2 : 1) : 0
    journeys[index].stage = journeys[index].predictions > 0 ? .predicting : .living
    return journeys[index].predictions > 0 ? 90 + Int64(random.below(1500)) : 30_000
  }

  private mutating func predict(_ index: Int32, at now: Int64) -> Int64? {
    let journey = journeys[index]
    let isNewest = progress > 0.55
    // Of two predictions one is the old model's, that is too sure of itself.
    let version: StaticString
    let probability: Double
    let success = Double(journey.success)
    if journey.predictions == 2 {
      version = "success-1.4"
      probability = 0.5 + (success - 0.5) * 1.6 + 0.12 * random.normal()
    } else {
      version = isNewest ? "success-2.1" : "success-2.0"
      probability = success + (isNewest ? 0.05 : 0.09) * random.normal()
    }
    begin("prediction_computed", source: "/predictor", at: now)
    writer.member("project_id", .project(journey.projectSerial))
    writer.member("model_version", version)
    writer.member("probability", Int(min(max(probability, 0), 1) * 10_000), places: 4)
    if !random.chance(0.05) {
      writer.member("latency_ms", Int(random.logNormal(median: 42_000, sigma: 0.5)), places: 3)
    }
    writer.end()
    writer.setKey(.project(journey.projectSerial))
    journeys[index].predictions -= 1
    if journeys[index].predictions > 0 { return 5 + Int64(random.below(40)) }
    journeys[index].stage = .living
    return journey.openings > 0 ? Int64(random.logNormal(median: 180_000, sigma: 1)) : life()
  }

  /// Until somebody next has to do with a project: hours, or days.
  private mutating func life() -> Int64 {
    Int64(min(random.logNormal(median: 30_000_000, sigma: 1.1) * patience, 1_200_000_000)) + 1000
  }

  /// Somebody opens the project, says how it went, or shows it to others. Emits nothing else; nil when this was the
  /// last.
  private mutating func live(_ index: Int32, at now: Int64) -> Int64? {
    let journey = journeys[index]
    let all = Int(journey.openings) + Int(journey.feedbacks) + Int(journey.visibilityChanges)
    // A project with nothing before it is opened once by who made it.
    let lot = all == 0 ? 0 : random.below(all)
    let actor = actor(for: journey)
    if lot < Int(journey.openings) || all == 0 {
      openProject(journey.projectSerial, person: actor, at: now)
      if all > 0 { journeys[index].openings -= 1 }
    } else if lot < Int(journey.openings) + Int(journey.feedbacks) {
      let success: Bool
      if let given = journey.feedbackGiven {
        success = random.chance(0.7) ? !given : given
      } else {
        success = random.chance(Double(journey.success))
      }
      journeys[index].feedbackGiven = success
      journeys[index].feedbacks -= 1
      giveFeedback(journey.projectSerial, person: actor, success: success, at: now)
    } else {
      journeys[index].visibilityChanges -= 1
      changeVisibility(journey.projectSerial, at: now)
    }
    return all <= 1 ? nil : life()
  }

  /// Mostly who made the project, else somebody of the team.
  private mutating func actor(for journey: Journey) -> Int32 {
    guard journey.team >= 0, random.chance(0.3) else { return journey.person }
    let place = population.colleague(of: journey.team, &random)
    return population.isMember(place) ? population.personAt[Int(place)] : journey.person
  }
}
