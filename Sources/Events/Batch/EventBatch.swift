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

package enum Envelope: UInt8, Sendable {
  case structured = 0
  case binary = 1
  case bare = 2
}

/// One event's envelope and where its data stands.
package struct Event: Sendable {
  package var type: EventType
  package var envelope: Envelope
  /// Index into the array of its type (unused for `.other`).
  package var row: UInt32
  /// The `type` as sent: of `.other` alone, `.none` for the listed types.
  package var typeName: Symbol
  /// `bare` for a bare event.
  package var source: Symbol
  /// `.none` for a bare event without one: it has no identity.
  package var id: Symbol
  package var time: Timestamp
  /// Offset in the event's partition.
  package var offset: Int64
  /// Further envelope attributes, as the members of a JSON object without its braces (`"subject":"x","y":1`).
  package var attributes: Text
  /// Unknown members of `data`, likewise; for `.other` all of its members.
  package var unknown: Text
}

package struct TechnologyMention: Sendable {
  /// As sent, trimmed; the catalog's canonical name is a projection's business.
  package var name: Symbol
  package var category: Symbol
  /// Unknown members of the entry, and whether it was an object: JSON members without braces; `.none` for a plain name.
  package var unknown: Text
  package var isObject: Bool
}

package struct WizardStepCompleted: Sendable {
  package var userID: Symbol
  package var sessionID: Symbol
  package var step: UInt8
  package var stepName: Symbol
  package var durationMicroseconds: Int64?
  package var teamID: Symbol
  package var projectID: Symbol
}

package struct StackSelected: Sendable {
  package var userID: Symbol
  package var sessionID: Symbol
  package var technologies: Range<UInt32>
  package var projectType: Symbol
  package var teamID: Symbol
}

package enum Sharing: UInt8, Comparable, Sendable {
  case none = 0
  case team = 1
  case org = 2
  case `public` = 3
  package static func < (a: Self, b: Self) -> Bool { a.rawValue < b.rawValue }
}

package struct ProjectGenerated: Sendable {
  package var projectID: Symbol
  package var userID: Symbol
  package var technologies: Range<UInt32>
  package var projectType: Symbol
  package var teamID: Symbol
  package var orgID: Symbol
  /// In millionths.
  package var complexityMillionths: Int32?
  package var templateID: Symbol
  /// nil where the event says none, which means `public`.
  package var visibility: Sharing?
}

package struct ProjectOpened: Sendable {
  package var projectID: Symbol
  package var userID: Symbol
}

package struct FeedbackSubmitted: Sendable {
  package var projectID: Symbol
  package var userID: Symbol
  package var success: Bool
  package var rating: UInt8?
  package var comment: Text
}

package struct TeamCreated: Sendable {
  package var teamID: Symbol
  package var name: Symbol
  package var orgID: Symbol
  package var userID: Symbol
}

package enum TeamRole: UInt8, Sendable {
  case admin = 0
  case member = 1
  case viewer = 2
}

package struct MembershipChange: Sendable {
  package var teamID: Symbol
  package var userID: Symbol
  /// nil for a removal.
  package var role: TeamRole?
}

package struct OrgSettingsChange: Sendable {
  package var orgID: Symbol
  package var learningEnabled: Bool?
  package var dataSharingLevel: Sharing?
}

package struct VisibilityChange: Sendable {
  package var projectID: Symbol
  package var visibility: Sharing
}

package struct PredictionComputed: Sendable {
  package var projectID: Symbol
  package var modelVersion: Symbol
  package var probabilityMillionths: Int32
  package var latencyMicroseconds: Int64?
}

package enum TaskComplexity: UInt8, Sendable {
  case simple = 0
  case medium = 1
  case complex = 2
  case veryHigh = 3
}

package enum RoutingStrategy: UInt8, Sendable {
  case cost = 0
  case balanced = 1
  case performance = 2
}

package struct ModelRouted: Sendable {
  package var model: Symbol
  package var taskType: Symbol
  package var complexity: TaskComplexity
  package var strategy: RoutingStrategy
  package var responseTimeMicroseconds: Int64
  package var tokensUsed: Int64
  package var costNanodollars: Int64
  package var qualityMillionths: Int32?
  package var fallback: Bool?
  package var userID: Symbol
  package var teamID: Symbol
  package var projectID: Symbol
}

package struct CacheLookup: Sendable {
  package var cache: Symbol
  package var model: Symbol
  package var tokensSaved: Int64?
  package var costSavedNanodollars: Int64?
  package var projectID: Symbol
}

package enum ErrorSeverity: UInt8, Sendable {
  case info = 0
  case warning = 1
  case error = 2
  case critical = 3
}

package struct ErrorOccurred: Sendable {
  package var component: Symbol
  package var severity: ErrorSeverity
  package var code: Symbol
  package var message: Text
  package var projectID: Symbol
  package var userID: Symbol
}

/// A person is gone from here on. What was rewritten before stands in the event's unknown members: `segments`, an array of objects
/// with `first_position`, `payload_digest` and `identities_digest` (hexadecimal).
package struct PersonErased: Sendable {
  /// Of `EventBatch.erasedPeople`: the keyed hash.
  package var person: Symbol
}
