/// Why the store did not do what it was asked.
package enum StoreError: Error, Sendable {
  /// The connection broke, or a reply did not come: whatever was under way may have happened. Try again later.
  case unavailable(String)
  /// The lease, the epoch or the place is not (or no longer) this stage's; nothing was written.
  case lost(String)
  /// The live generation is of other versions or another hash key than this program's: it is not this program's to fold.
  case foreign(String)
  /// The database refuses this for good (a privilege, a constraint, a defect of ours); nothing was written.
  case refused(String)

  package var message: String {
    switch self {
    case .unavailable(let text), .lost(let text), .foreign(let text), .refused(let text): text
    }
  }
}
