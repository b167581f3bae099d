/// One session through the wizard, and the project that may come of it, until nothing more is expected of either.
///
/// A journey emits one event at a time, and then says when it wants to go on.
struct Journey {
  enum Stage: UInt8 {
    /// Its person may have to found or join the team first.
    case arriving
    case stepping
    /// The wizard asks a model what would suit, or has the answer in a cache.
    case advising
    case asking
    case selecting
    case generating
    case project
    case predicting
    /// The project is there: openings, feedback, second thoughts, in any order.
    case living
  }

  var stage: Stage = .arriving
  /// The last step completed.
  var step: UInt8 = 0
  var openings: UInt8 = 0
  /// How often feedback will be given; the second time it is a changed mind.
  var feedbacks: UInt8 = 0
  var visibilityChanges: UInt8 = 0
  var predictions: UInt8 = 0
  var feedbackGiven: Bool? = nil
  /// What the next step takes its person.
  var stepMilliseconds: Int32 = 0
  var team: Int32 = -1
  var place: Int32 = 0
  var person: Int32 = 0
  var blueprint: UInt8 = 0
  var fromTemplate = false
  var technologies: UInt8 = 0
  var complexityThousandths: Int16 = 0
  /// Probability that the project works out.
  var success: Float = 0
  var session: UInt64 = 0
  var projectSerial: UInt64 = 0

  static let stepNames: [StaticString] = ["goals", "audience", "stack", "data", "deployment", "review"]
  /// The step in which the technologies are chosen.
  static let stackStep: UInt8 = 3
  static let lastStep: UInt8 = 6
}

/// The journeys under way, and their technologies, in memory that is used again.
struct Journeys {
  private(set) var all: [Journey] = []
  private var stacks: [UInt8] = []
  private var free: [Int32] = []

  static let capacity = 131_072

  subscript(_ index: Int32) -> Journey {
    get { all[Int(index)] }
    set { all[Int(index)] = newValue }
  }

  /// The caller sees to it that fewer than `capacity` are under way.
  mutating func add(_ journey: Journey) -> Int32 {
    if let index = free.popLast() {
      all[Int(index)] = journey
      return index
    }
    precondition(all.count < Self.capacity, "journeys have a fixed capacity")
    all.append(journey)
    stacks.append(contentsOf: repeatElement(0, count: Blueprint.largestStack))
    return Int32(all.count - 1)
  }

  mutating func remove(_ index: Int32) { free.append(index) }

  func stack(_ index: Int32) -> ArraySlice<UInt8> {
    let start = Int(index) * Blueprint.largestStack
    return stacks[start..<start + Int(all[Int(index)].technologies)]
  }

  /// Adds a technology, unless it is there or the stack is full.
  mutating func add(_ technology: UInt8, to index: Int32) {
    let count = Int(all[Int(index)].technologies)
    if count == Blueprint.largestStack || stack(index).contains(technology) { return }
    stacks[Int(index) * Blueprint.largestStack + count] = technology
    all[Int(index)].technologies += 1
  }

  mutating func clearStack(_ index: Int32) { all[Int(index)].technologies = 0 }
}
