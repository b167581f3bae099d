// The data of each type of event, as `EventBatch` has it: `.none` and nil where the event says nothing, lists of technologies as
// ranges of `EventBatch.technologies`.

/// An entry of a `technologies` list.
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

/// Who may see a project, from nobody to everybody; of an organisation, the most that it allows.
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

/// What a member is in a team.
package enum TeamRole: UInt8, Sendable {
  case admin = 0
  case member = 1
  case viewer = 2
}

/// The data of a `team_member_added` or a `team_member_removed`.
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

/// How hard the task of a model was said to be.
package enum TaskComplexity: UInt8, Sendable {
  case simple = 0
  case medium = 1
  case complex = 2
  case veryHigh = 3
}

/// What a model was chosen for.
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

/// The data of a `cache_hit` or a `cache_miss`.
package struct CacheLookup: Sendable {
  package var cache: Symbol
  package var model: Symbol
  package var tokensSaved: Int64?
  package var costSavedNanodollars: Int64?
  package var projectID: Symbol
}

/// How bad an error was said to be.
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
