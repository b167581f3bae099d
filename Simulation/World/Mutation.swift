import Engine

/// Something that protects, taken out: in the simulated database and broker, or (in a build with `MUTATIONS`) in the stages.
package struct Mutation: Sendable {
  package let name: String
  package let safeguard: Safeguard?
  private let protection: Protection?

  package static let all: [Mutation] =
    Safeguard.allCases.map { Mutation(name: $0.rawValue, safeguard: $0, protection: nil) } + protections

  private static var protections: [Mutation] {
    #if MUTATIONS
      return Protection.allCases.map { Mutation(name: $0.rawValue, safeguard: nil, protection: $0) }
    #else
      return []
    #endif
  }

  private init(name: String, safeguard: Safeguard?, protection: Protection?) {
    (self.name, self.safeguard, self.protection) = (name, safeguard, protection)
  }

  package init?(named name: String) {
    guard let found = Self.all.first(where: { $0.name == name }) else { return nil }
    self = found
  }

  /// Takes the stages' protection out, for every world from now on.
  package func apply() {
    #if MUTATIONS
      Protection.removed = protection
    #endif
  }

  package func takeBack() {
    #if MUTATIONS
      Protection.removed = nil
    #endif
  }
}
