/// Events in memory, whether from the decoder, the journal, or a test.
///
/// A dictionary of the distinct strings, an array of plain structs for each event type with symbols instead of strings, and
/// the order over them. The strings of known members stand here already checked and trimmed; numbers in whole units
/// (microseconds, nano-dollars, millionths). What Pleat does not know of an event is kept as JSON text.
package struct EventBatch: Sendable {
  package var strings = SymbolTable()
  /// Free text (`comment`, `message`, unknown members) and nothing that is looked up: bytes behind `Text` references.
  package var texts: [UInt8] = []
  /// The events in their order.
  package var events: [Event] = []

  package var wizardStepsCompleted: [WizardStepCompleted] = []
  package var stacksSelected: [StackSelected] = []
  package var projectsGenerated: [ProjectGenerated] = []
  package var projectsOpened: [ProjectOpened] = []
  package var feedbackSubmitted: [FeedbackSubmitted] = []
  package var teamsCreated: [TeamCreated] = []
  /// Of both `team_member_added` and `team_member_removed`.
  package var membershipChanges: [MembershipChange] = []
  package var orgSettingsChanges: [OrgSettingsChange] = []
  package var visibilityChanges: [VisibilityChange] = []
  package var predictionsComputed: [PredictionComputed] = []
  package var modelsRouted: [ModelRouted] = []
  /// Of both `cache_hit` and `cache_miss`.
  package var cacheLookups: [CacheLookup] = []
  package var errorsOccurred: [ErrorOccurred] = []
  package var peopleErased: [PersonErased] = []
  /// The entries of all `technologies` lists, each list a range of it.
  package var technologies: [TechnologyMention] = []
  /// Symbols that stand for a person's keyed hash (8 bytes, little-endian) since an erasure, not for an id.
  package var erasedPeople: Set<Symbol> = []
  /// Symbols of ids that stand for their identity's digest (16 bytes: low, then high, little-endian) since an erasure.
  package var erasedIdentities: Set<Symbol> = []

  package init() {}

  /// An empty batch with room for what another one holds.
  package init(withRoomOf other: EventBatch) {
    strings = SymbolTable(withRoomOf: other.strings)
    texts.reserveCapacity(other.texts.count)
    events.reserveCapacity(other.events.count)
    technologies.reserveCapacity(other.technologies.count)
  }

  package var count: Int { events.count }
}

/// Some bytes of `EventBatch.texts`.
package struct Text: Hashable, Sendable {
  package var offset: UInt32
  package var count: UInt32
  package init(offset: UInt32, count: UInt32) { (self.offset, self.count) = (offset, count) }
  package static let none = Text(offset: .max, count: 0)
  package var isNone: Bool { offset == .max }
}
