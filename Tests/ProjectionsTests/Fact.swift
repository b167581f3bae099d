@testable import Events

/// An event as a test writes it.
struct Fact {
  enum What {
    case generated(ProjectFact)
    case opened(project: String)
    case feedback(project: String, success: Bool)
    case visibility(project: String, Sharing)
    case predicted(project: String, version: String, millionths: Int32)
    case selected(user: String, technologies: [Mention], team: String?)
    case wizard(user: String, team: String?)
    case routed(user: String?, team: String?)
    case teamCreated(team: String, name: String, user: String)
    case member(team: String, user: String, role: TeamRole?)
    case organisation(String, learning: Bool?, sharing: Sharing?)
    case erased(user: String)
    case unrelated
  }

  var time: Timestamp
  var what: What

  init(_ time: Int64, _ what: What) { (self.time, self.what) = (Timestamp(microseconds: time), what) }
}

struct ProjectFact {
  var id: String
  var user: String
  var technologies: [Mention]
  var type = "type"
  var team: String?
  var org: String?
  var complexity: Int32?
  var visibility: Sharing?
}

struct Mention: ExpressibleByStringLiteral {
  var name: String
  var category: String?
  init(_ name: String, _ category: String? = nil) { (self.name, self.category) = (name, category) }
  init(stringLiteral name: String) { self.init(name) }
}

extension EventBatch {
  /// The batch of some facts, in their order.
  init(_ facts: some Collection<Fact>) {
    self.init()
    for fact in facts { append(fact) }
  }

  private mutating func symbol(_ string: String?) -> Symbol {
    string.map { strings.intern($0) } ?? .none
  }

  private mutating func mentions(_ mentions: [Mention]) -> Range<UInt32> {
    let first = UInt32(technologies.count)
    for mention in mentions {
      technologies.append(
        TechnologyMention(
          name: symbol(mention.name), category: symbol(mention.category), unknown: .none,
          isObject: mention.category != nil))
    }
    return first..<UInt32(technologies.count)
  }

  private mutating func append(_ fact: Fact) {
    var type = EventType.other
    var row = 0
    switch fact.what {
    case .generated(let project):
      (type, row) = (.projectGenerated, projectsGenerated.count)
      projectsGenerated.append(
        ProjectGenerated(
          projectID: symbol(project.id), userID: symbol(project.user), technologies: mentions(project.technologies),
          projectType: symbol(project.type), teamID: symbol(project.team), orgID: symbol(project.org),
          complexityMillionths: project.complexity, templateID: .none, visibility: project.visibility))
    case .opened(let project):
      (type, row) = (.projectOpened, projectsOpened.count)
      projectsOpened.append(ProjectOpened(projectID: symbol(project), userID: symbol("opener")))
    case .feedback(let project, let success):
      (type, row) = (.feedbackSubmitted, feedbackSubmitted.count)
      feedbackSubmitted.append(
        FeedbackSubmitted(
          projectID: symbol(project), userID: symbol("critic"), success: success, rating: nil, comment: .none))
    case .visibility(let project, let visibility):
      (type, row) = (.projectVisibilityChanged, visibilityChanges.count)
      visibilityChanges.append(VisibilityChange(projectID: symbol(project), visibility: visibility))
    case .predicted(let project, let version, let millionths):
      (type, row) = (.predictionComputed, predictionsComputed.count)
      predictionsComputed.append(
        PredictionComputed(
          projectID: symbol(project), modelVersion: symbol(version), probabilityMillionths: millionths,
          latencyMicroseconds: nil))
    case .selected(let user, let technologies, let team):
      (type, row) = (.stackSelected, stacksSelected.count)
      stacksSelected.append(
        StackSelected(
          userID: symbol(user), sessionID: .none, technologies: mentions(technologies), projectType: .none,
          teamID: symbol(team)))
    case .wizard(let user, let team):
      (type, row) = (.wizardStepCompleted, wizardStepsCompleted.count)
      wizardStepsCompleted.append(
        WizardStepCompleted(
          userID: symbol(user), sessionID: symbol("session"), step: 1, stepName: .none, durationMicroseconds: nil,
          teamID: symbol(team), projectID: .none))
    case .routed(let user, let team):
      (type, row) = (.modelRouted, modelsRouted.count)
      modelsRouted.append(
        ModelRouted(
          model: symbol("model"), taskType: symbol("task"), complexity: .simple, strategy: .cost,
          responseTimeMicroseconds: 0, tokensUsed: 0, costNanodollars: 0, qualityMillionths: nil, fallback: nil,
          userID: symbol(user), teamID: symbol(team), projectID: .none))
    case .teamCreated(let team, let name, let user):
      (type, row) = (.teamCreated, teamsCreated.count)
      teamsCreated.append(
        TeamCreated(teamID: symbol(team), name: symbol(name), orgID: .none, userID: symbol(user)))
    case .member(let team, let user, let role):
      (type, row) = (role == nil ? .teamMemberRemoved : .teamMemberAdded, membershipChanges.count)
      membershipChanges.append(MembershipChange(teamID: symbol(team), userID: symbol(user), role: role))
    case .organisation(let org, let learning, let sharing):
      (type, row) = (.orgSettingsChanged, orgSettingsChanges.count)
      orgSettingsChanges.append(
        OrgSettingsChange(orgID: symbol(org), learningEnabled: learning, dataSharingLevel: sharing))
    case .erased(let user):
      (type, row) = (.personErased, peopleErased.count)
      let hash = Array(user.utf8).withUnsafeBufferPointer { sipHash24(ProjectsWorld.key, $0) }
      peopleErased.append(PersonErased(person: internErased(hash)))
    case .unrelated:
      (type, row) = (.cacheHit, cacheLookups.count)
      cacheLookups.append(
        CacheLookup(cache: symbol("cache"), model: .none, tokensSaved: nil, costSavedNanodollars: nil, projectID: .none)
      )
    }
    events.append(
      Event(
        type: type, envelope: .bare, row: UInt32(row), typeName: .none, source: symbol("bare"), id: .none,
        time: fact.time, offset: Int64(events.count), attributes: .none, unknown: .none))
  }
}
