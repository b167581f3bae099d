/// Pseudo-random numbers that are the same everywhere: xoshiro256** (Blackman and Vigna, 2018), seeded by splitmix64.
struct Xoshiro256 {
  private var s0: UInt64
  private var s1: UInt64
  private var s2: UInt64
  private var s3: UInt64

  init(seed: UInt64) {
    var state = seed
    func draw() -> UInt64 {
      state &+= 0x9E37_79B9_7F4A_7C15
      return finalize(state)
    }
    (s0, s1, s2, s3) = (draw(), draw(), draw(), draw())
  }

  init(state: (UInt64, UInt64, UInt64, UInt64)) { (s0, s1, s2, s3) = state }

  mutating func next() -> UInt64 {
    let product = s1 &* 5
    let result = ((product << 7) | (product >> 57)) &* 9
    let shifted = s1 << 17
    s2 ^= s0
    s3 ^= s1
    s1 ^= s2
    s0 ^= s3
    s2 ^= shifted
    s3 = (s3 << 45) | (s3 >> 19)
    return result
  }

  /// 0 ..< bound, by multiplication: the bias is below bound / 2^64.
  mutating func below(_ bound: Int) -> Int {
    Int(next().multipliedFullWidth(by: UInt64(bound)).high)
  }

  /// [0, 1) with 53 bits.
  mutating func unit() -> Double { Double(next() >> 11) * 0x1p-53 }

  mutating func chance(_ probability: Double) -> Bool { unit() < probability }

  /// Close to a standard normal: four uniform numbers summed, so never beyond ±3.47.
  mutating func normal() -> Double {
    let bits = next()
    let sum = (bits & 0xFFFF) + (bits >> 16 & 0xFFFF) + (bits >> 32 & 0xFFFF) + (bits >> 48)
    return (Double(sum) / 65536 - 2) * 1.7320508075688772
  }

  /// exp(N(ln median, sigma²)).
  mutating func logNormal(median: Double, sigma: Double) -> Double { median * exponential(sigma * normal()) }
}

/// The finalizer of splitmix64 (Steele, Lea, Flood, 2014): a bijection that spreads every bit.
func finalize(_ value: UInt64) -> UInt64 {
  var z = value
  z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
  z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
  return z ^ (z >> 31)
}

/// A fixed random number for a thing of the world: the same seed, kind and index give the same one, and nothing is
/// stored.
func fixedRandom(_ seed: UInt64, _ kind: Trait, _ index: UInt64) -> UInt64 {
  finalize(seed &+ finalize(index &+ kind.rawValue &* 0xD6E8_FEB8_6659_FD93))
}

/// The same as a number in [0, 1).
func fixedUnit(_ seed: UInt64, _ kind: Trait, _ index: UInt64) -> Double {
  Double(fixedRandom(seed, kind, index) >> 11) * 0x1p-53
}

/// What a fixed random number is for, so that a team's taste and its skill have nothing to do with each other.
enum Trait: UInt64 {
  case personID = 1
  case sessionID, projectID, teamID, organisation, organisationTemper, teamSize, teamSkill, teamName, taste, tastePhase,
    favourite, habit, technologyMidpoint, hourNoise, incident, incidentComponent, strategy
}

/// e^x out of IEEE 754 operations that are exact everywhere, so that a world does not depend on the C library; |x| ≤
/// 50.
func exponential(_ x: Double) -> Double {
  let power = (x * 1.4426950408889634).rounded()
  let r = x - power * 0.6931471805599453
  var sum = 1.0
  var k = 12.0
  while k >= 1 {
    sum = 1 + r * sum / k
    k -= 1
  }
  return Double(sign: .plus, exponent: Int(power), significand: 1) * sum
}
