/// What the world takes to at a time: the appeal of each technology and the demand for each blueprint, as they rise and
/// fall.
///
/// Reckoned anew once an hour of the world's time, so that an event only looks it up.
struct Fashion {
  private let seed: UInt64
  /// By technology.
  private(set) var appeal: [Double]
  /// Running sums over the blueprints.
  private(set) var demand: [Double]
  /// By blueprint: what its template names, that is the leader of each choice.
  private(set) var templates: [[UInt8]]
  /// By technology: what it adds to the probability of success now.
  private(set) var quality: [Double]

  /// A course takes this part of the span, and its middle lies within the rest.
  private static let courseLength = 0.5
  /// A release that went wrong, and the part of the span from which on it is felt.
  private static let badRelease = (technology: "MongoDB", from: 0.6, loss: 0.22)

  init(seed: UInt64) {
    self.seed = seed
    appeal = Technology.all.map(\.appeal)
    demand = Array(repeating: 0, count: Blueprint.all.count)
    templates = Array(repeating: [], count: Blueprint.all.count)
    quality = Technology.all.map(\.quality)
    update(to: 0)
  }

  /// How far a thing has come on its course from 1/√rise to √rise, smoothly.
  private static func course(_ rise: Double, middle: Double, _ progress: Double) -> Double {
    let x = min(max((progress - middle) / courseLength + 0.5, 0), 1)
    let smooth = x * x * (3 - 2 * x)
    let root = rise.squareRoot()
    return 1 / root + (root - 1 / root) * smooth
  }

  /// - Parameter progress: 0 at the start of the span, 1 at its end.
  mutating func update(to progress: Double) {
    for index in Technology.all.indices {
      let technology = Technology.all[index]
      let middle = 0.3 + 0.4 * fixedUnit(seed, .technologyMidpoint, UInt64(index))
      appeal[index] = technology.appeal * Self.course(technology.rise, middle: middle, progress)
    }
    var sum = 0.0
    for (index, blueprint) in Blueprint.all.enumerated() {
      let middle = 0.3 + 0.4 * fixedUnit(seed, .technologyMidpoint, UInt64(1000 + index))
      sum += blueprint.demand * Self.course(blueprint.rise, middle: middle, progress)
      demand[index] = sum
      templates[index] =
        blueprint.always
        + blueprint.choices.compactMap { choice in
          choice.max { appeal[Int($0)] < appeal[Int($1)] }
        }
    }
    if progress >= Self.badRelease.from, let index = Technology.indexByName[Self.badRelease.technology] {
      quality[Int(index)] = Technology.all[Int(index)].quality - Self.badRelease.loss
    }
  }

  /// A blueprint by demand, for a number in [0, 1).
  func blueprint(at place: Double) -> Int {
    let target = place * (demand.last ?? 0)
    return demand.firstIndex { target < $0 } ?? 0
  }

  /// One of a choice by appeal, for a number in [0, 1); `favourite` counts for more.
  func choose(_ choice: [UInt8], at place: Double, favourite: Int) -> UInt8 {
    let loyalty = 3.0
    var sum = 0.0
    for (index, technology) in choice.enumerated() {
      sum += appeal[Int(technology)] * (index == favourite ? loyalty : 1)
    }
    var target = place * sum
    for (index, technology) in choice.enumerated() {
      target -= appeal[Int(technology)] * (index == favourite ? loyalty : 1)
      if target < 0 { return technology }
    }
    return choice[choice.count - 1]
  }
}
