/// Who lives in the world: teams with their members, some of them in organisations, and people on their own.
///
/// A place is one seat of a team (or of nobody's); a person holds it until somebody else does. Almost everything about
/// a team or person is fixed by the seed and needs no memory.
struct Population {
  let seed: UInt64
  /// First place of each team; the last entry is the first place of those without a team.
  private let firstPlace: [Int32]
  private(set) var personAt: [Int32]
  /// Whether the holder of a place has been announced as a member.
  private var joined: [Bool]
  private var created: [Bool]
  private var nextPerson: Int32
  let teams: Int
  let organisations: Int
  /// By organisation; nil until it has said something.
  var learningEnabled: [Bool?]

  /// Of those who left a team and may turn up in another.
  private var between: [Int32] = []
  private static let largestBetween = 64
  static let withoutTeam = 0.14

  /// - Parameter people: about how many are active at a time; at least 20.
  init(seed: UInt64, people: Int) {
    self.seed = seed
    var first: [Int32] = []
    var places = 0
    let inTeams = Int(Double(people) * (1 - Self.withoutTeam))
    while places < inTeams {
      first.append(Int32(places))
      // 3 to 16, mostly small.
      let u = fixedUnit(seed, .teamSize, UInt64(first.count))
      places += 3 + Int(u * u * 14)
    }
    teams = first.count
    first.append(Int32(places))
    firstPlace = first
    let all = places + max(4, people - inTeams)
    personAt = (0..<Int32(all)).map { $0 }
    joined = Array(repeating: false, count: all)
    created = Array(repeating: false, count: teams)
    nextPerson = Int32(all)
    organisations = max(5, teams / 6)
    learningEnabled = Array(repeating: nil, count: organisations)
  }

  /// A place to act from: some teams do much more than others, and new ones come up as the span goes on.
  func place(_ random: inout Xoshiro256, progress: Double) -> (team: Int32, place: Int32) {
    if random.chance(Self.withoutTeam) {
      let first = Int(firstPlace[teams])
      return (-1, Int32(first + random.below(personAt.count - first)))
    }
    let active = max(1, Int(Double(teams) * (0.55 + 0.45 * progress)))
    let u = random.unit()
    let team = min(Int(u * u * Double(active)), active - 1)
    let size = Int(firstPlace[team + 1] - firstPlace[team])
    let v = random.unit()
    return (Int32(team), firstPlace[team] + Int32(v * v * Double(size)))
  }

  /// Somebody of the team: for what colleagues do with a project.
  func colleague(of team: Int32, _ random: inout Xoshiro256) -> Int32 {
    let first = firstPlace[Int(team)]
    return first + Int32(random.below(Int(firstPlace[Int(team) + 1] - first)))
  }

  func isCreated(_ team: Int32) -> Bool { created[Int(team)] }
  func isMember(_ place: Int32) -> Bool { joined[Int(place)] }

  /// The founder is a member by that.
  mutating func create(_ team: Int32, founder place: Int32) {
    created[Int(team)] = true
    joined[Int(place)] = true
  }

  mutating func join(_ place: Int32) { joined[Int(place)] = true }

  /// The holder leaves, and somebody takes the place: mostly a new person, sometimes one who left another team.
  mutating func replace(_ place: Int32, _ random: inout Xoshiro256) {
    let leaving = personAt[Int(place)]
    if !between.isEmpty, random.chance(0.4) {
      personAt[Int(place)] = between.remove(at: random.below(between.count))
    } else {
      personAt[Int(place)] = nextPerson
      nextPerson += 1
    }
    joined[Int(place)] = false
    if between.count < Self.largestBetween { between.append(leaving) }
  }

  /// −1 for a team that belongs to none.
  func organisation(of team: Int32) -> Int32 {
    if team < 0 { return -1 }
    let hash = fixedRandom(seed, .organisation, UInt64(team))
    if hash % 5 == 0 { return -1 }
    return Int32(truncatingIfNeeded: (hash >> 16) % UInt64(organisations))
  }

  /// What an organisation thinks of sharing; it does not depend on the events.
  enum Temper { case open, guarded, optedOut, wavering }

  func temper(of organisation: Int32) -> Temper {
    // The first two are what a small world must have, too.
    switch organisation {
    case 1: return .wavering
    case 2: return .optedOut
    default: break
    }
    switch fixedUnit(seed, .organisationTemper, UInt64(organisation)) {
    case ..<0.80: return .open
    case ..<0.90: return .guarded
    case ..<0.95: return .optedOut
    default: return .wavering
    }
  }

  /// −0.12 … 0.12, added to the probability of success.
  func skill(of team: Int32) -> Double {
    team < 0 ? -0.02 : 0.24 * fixedUnit(seed, .teamSkill, UInt64(team)) - 0.12
  }

  /// A blueprint that the team likes, as a place in [0, 1) of the demand. It changes now and then, each team in its own
  /// time.
  func taste(of team: Int32, rank: Int, progress: Double) -> Double {
    let phase = fixedUnit(seed, .tastePhase, UInt64(team))
    let era = UInt64(progress * 2.5 + phase)
    return fixedUnit(seed, .taste, UInt64(team) << 8 | UInt64(rank) << 4 | era)
  }

  /// Which one of `count` a team prefers where there is a choice.
  func favourite(of team: Int32, blueprint: Int, choice: Int, count: Int, progress: Double) -> Int {
    if team < 0 { return -1 }
    let phase = fixedUnit(seed, .tastePhase, UInt64(team) ^ 0x5555)
    let era = UInt64(progress * 1.8 + phase)
    let index = UInt64(team) << 20 | UInt64(blueprint) << 12 | UInt64(choice) << 4 | era
    return Int(fixedRandom(seed, .favourite, index) % UInt64(count))
  }
}
