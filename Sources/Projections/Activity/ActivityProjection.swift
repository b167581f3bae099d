package import Events

/// What people do beside their projects, and what goes wrong: wizard steps, look-ups in caches, errors.
///
/// These events belong to no project and always count, so each only adds to a few rows, and no stored row is ever needed first.
package struct ActivityProjection: Projection {
  package static let name = "activity"
  package static let version = 1

  private let names = Names()
  private let wizard: RowCache<WizardLayout>
  private let sketches: PeopleTable<WizardLayout>
  private let sessions = RowCache(WizardSessionLayout())
  private let caches: RowCache<CacheLayout>
  private let errors: RowCache<ErrorLayout>
  /// Of session ids: they are a person's, and held as their keyed hash alone.
  private var hasher: PersonHasher

  package init(key: HashKey) {
    wizard = RowCache(WizardLayout())
    sketches = PeopleTable(of: wizard)
    caches = RowCache(CacheLayout(names: names))
    errors = RowCache(ErrorLayout(names: names))
    hasher = PersonHasher(key: key)
  }

  package var tables: [any Table] { [sketches, wizard, sessions, caches, errors] }
  package var tablesOfRules: [any Table] { [sessions] }
  package var tablesOfFolding: [any Table] { [] }

  package mutating func wantRows(for events: Range<Int>, of batch: EventBatch, round: Int) -> Bool {
    hasher.reset(for: batch)
    return false
  }

  package mutating func fold(_ events: Range<Int>, of batch: EventBatch, firstPosition: Int64) {
    for index in events {
      let event = batch.events[index]
      let position = firstPosition + Int64(index)
      switch event.type {
      case .wizardStepCompleted:
        let completed = batch.wizardStepsCompleted[Int(event.row)]
        let session = hasher.hash(completed.sessionID, in: batch)
        wizard.update(WizardLayout.key(completed.step, hour: event.time.hour)) {
          $0.add(session, durationMicroseconds: completed.durationMicroseconds, at: position)
        }
        sessions.touch(RowKey(session)) {
          $0.complete(completed.step, Moment(time: event.time, position: position))
        }
      case .cacheHit, .cacheMiss:
        let lookup = batch.cacheLookups[Int(event.row)]
        let cache = batch.strings.withBytes(lookup.cache) { names.intern($0) }
        caches.update(RowKey(cache, day: event.time.day)) {
          $0.add(lookup, isHit: event.type == .cacheHit, at: position)
        }
      case .errorOccurred:
        let error = batch.errorsOccurred[Int(event.row)]
        let component = batch.strings.withBytes(error.component) { names.intern($0) }
        errors.update(ErrorLayout.key(component, error.severity, hour: event.time.hour)) {
          $0.occurrences += 1
          $0.position = position
        }
      default:
        break
      }
    }
  }

  package func fansOut(_ index: Int, of batch: EventBatch) -> Bool { false }

  package mutating func fanOut(_ index: Int, of batch: EventBatch, position: Int64, store: any RowStream) throws -> Bool
  {
    preconditionFailure("no event of the activity fans out")
  }

  /// No rules: what the turn leaves behind of the wizard's sessions goes, here and in the store (0005 says why it may).
  package mutating func runRules(at turn: Turn, store: any RowStream) throws -> [DerivedEvent] {
    let limit = Timestamp(microseconds: turn.watermark.microseconds - wizardSessionMicroseconds)
    try store.rows(Self.endSessions, [.timestamptz(turn.watermark)]) { _ in }
    sessions.forget { $0.newest.time < limit }
    return []
  }

  static let endSessions = "SELECT pleat.end_wizard_sessions($1, $2)"

  package var nameBytes: Int { names.byteCount }

  /// A quarter of the memory is for names, the rest for rows.
  @discardableResult
  package mutating func evict(keeping bytes: Int) -> Bool {
    let dropsAll = names.byteCount > bytes / 4
    if dropsAll {
      caches.removeAll()
      errors.removeAll()
      names.removeAll()
    }
    Projections.evict([wizard, sessions, caches, errors], keeping: bytes - bytes / 4)
    return dropsAll
  }
}

/// How long before the watermark a session's newest step may lie in `wizard_now`.
package let wizardSessionMicroseconds: Int64 = 1_800_000_000
