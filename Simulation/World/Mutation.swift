import Engine

/// Something that protects, taken out, or two things that stand behind each other: in the simulated database and broker, or (in a build
/// with `MUTATIONS`) in the stages.
package struct Mutation: Sendable {
  package let name: String
  package let safeguards: Set<Safeguard>
  private let protections: [Protection]

  /// Each protection by itself, but for those that stand behind others, and the pairs.
  package static let all: [Mutation] =
    ((Safeguard.allCases.map(\.rawValue) + protections.map(\.rawValue)).filter {
      !behindOthers.contains($0)
    } + pairs).compactMap { Mutation(named: $0) }

  /// Missed only where that which they stand behind is missed, too: they are in a pair each.
  private static let behindOthers: Set<String> = [
    "appendPlace", "projectionPlace", "takeoverWaits", "takeoverRaisesEpoch", "swapLiveEpoch", "swapPlace",
    "rebuildRaisesEpoch", "batchesAreChained", "chainValue", "doubtClearsTail", "takeoverClearsTail", "relayPlaceChain",
    "rebuildStaysBehind", "makingStaysBehind",
  ]

  /// Protections that stand behind each other: alone, neither is missed.
  private static let pairs = [
    "appendEpoch+appendPlace", "projectionEpoch+projectionPlace", "takeoverWaits+appendPlace",
    "takeoverWaits+projectionPlace", "takeoverRaisesEpoch+appendPlace", "takeoverRaisesEpoch+projectionPlace",
    "swapLiveEpoch+swapPlace", "rebuildRaisesEpoch+projectionPlace", "batchesAreChained+chainValue",
    "doubtClearsTail+takeoverClearsTail", "relayChecksChain+relayPlaceChain", "rebuildStaysBehind+makingStaysBehind",
  ]

  private static var protections: [Protection] {
    #if MUTATIONS
      return Protection.allCases
    #else
      return []
    #endif
  }

  /// - Parameter name: of one, or of several with `+` between them.
  package init?(named name: String) {
    var safeguards: [Safeguard] = []
    var protections: [Protection] = []
    for part in name.split(separator: "+").map(String.init) {
      if let safeguard = Safeguard(rawValue: part) {
        safeguards.append(safeguard)
      } else if let protection = Self.protections.first(where: { $0.rawValue == part }) {
        protections.append(protection)
      } else {
        return nil
      }
    }
    (self.name, self.safeguards, self.protections) = (name, Set(safeguards), protections)
  }

  /// Takes the stages' protections out, for every world from now on.
  package func apply() {
    #if MUTATIONS
      Protection.removed = Set(protections)
    #endif
  }

  package func takeBack() {
    #if MUTATIONS
      Protection.removed = []
    #endif
  }
}
