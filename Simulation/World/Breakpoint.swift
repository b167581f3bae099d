import Engine

/// What a seed does to a process just before one of its calls, and what it starts meanwhile.
///
/// The moments that decide are short, and bad luck that comes at any time hardly ever meets one: so some seeds name a call, and
/// another one, up to which whoever makes the first is held.
struct Breakpoint {
  /// What a seed's breakpoints are about, so that several meet each other.
  enum Subject: CaseIterable {
    case names, ingest, folds, rebuilds, erasures, relay
  }

  enum Action: CaseIterable {
    /// The process is stopped, and wakes up.
    case stop
    case kill
    /// The call is long on its way, while the rest of the process goes on.
    case hold
    /// The connection breaks, and the call happens later.
    case late
    case replySlow
    case replyLost
    case requestLost
    /// The statement takes long where it could, and holds its locks.
    case slow
    /// Nothing but what is started meanwhile.
    case none
  }

  /// What is started, and makes calls.
  enum Company: CaseIterable {
    /// An instance is killed, and starts again under its name.
    case restart
    /// The process's name starts a second time.
    case namesake
    case newcomer
    /// All other instances are stopped.
    case silence
    /// Events are written.
    case events
    /// What the process rebuilds is rebuilt, or one of both projections.
    case rebuild
    case discard
    /// The process's person is forgotten, or any; they have written something more.
    case forget
    case retry
    case restore
    /// A standby takes over that lacks what happened since the call, and that.
    case failover
    case recreate
  }

  private typealias Step = (call: String, caller: Company)

  let call: String
  /// Who is started so that the call is made; nil where it is made by itself, at the beginning.
  let caller: Company?
  /// Not before that moment, at which the caller is started.
  let since: Int64
  /// Before the so manieth call from then on.
  var left: Int
  let action: Action
  /// Of what takes time.
  let nanoseconds: Int64
  /// What takes time ends when another call of this name is made.
  let until: String?
  /// Each with how much later it is started; the first is who comes to the other call.
  let company: [(kind: Company, after: Int64)]

  private static let seconds = [0...0.5, 0.5...4, 4...12]
  /// Of a world's time, in which a breakpoint's caller is started.
  private static let share = 0.7

  init(_ subject: Subject, in world: World) {
    var luck = world.scheduler.random
    defer { world.scheduler.random = luck }
    let steps = Self.steps(of: subject, in: world)
    let step = luck.pick(steps)
    call = step.call
    // A first start has steps of its own.
    let isFirst = luck.chance(0.2)
    (since, caller) = isFirst ? (0, nil) : (luck.nanoseconds(0...world.profile.seconds * Self.share), step.caller)
    left = luck.pick([1, 1, 1, 2, 2, 3])
    let more: [Action] =
      switch subject {
      case .ingest, .relay: [.replySlow, .replySlow, .replySlow]
      case .rebuilds: [.stop, .stop, .stop]
      default: []
      }
    action = luck.pick(Action.allCases + [.stop, .stop, .hold, .hold, .late, .late, .replySlow] + more)
    nanoseconds = luck.nanoseconds(luck.pick(Self.seconds))
    let lease = Double(world.profile.leaseSeconds)
    // Just before the call, just after it, or when leases have ended.
    func soon() -> Int64 {
      luck.nanoseconds(luck.pick([0...0, 0...0, 0...0, 0...0.1, 0...lease * 1.5, 0...lease * 1.5]))
    }
    var company: [(kind: Company, after: Int64)] = []
    if luck.chance(0.7) {
      let other = luck.pick(steps)
      until = other.call
      company.append((other.caller, soon()))
    } else {
      until = nil
    }
    let kinds = Self.company(of: subject)
    for _ in 0..<luck.int(0...2) { company.append((luck.pick(kinds), soon())) }
    self.company = company
  }

  /// Which calls belong together.
  private static func steps(of subject: Subject, in world: World) -> [Step] {
    func all(_ calls: [String], _ caller: Company) -> [Step] { calls.map { ($0, caller) } }
    let folds = all(World.projections.map { "takeover of \($0)" }, .restart)
    switch subject {
    case .names:
      return all(["last start", "register", "register", "acquire"], .restart)
        + all(["register", "heartbeat"], .namesake) + all(["leave"], .newcomer)
    case .ingest:
      return all(world.inputs.map { "takeover of \($0)" } + ["cursor", "identities", "initialize"], .restart)
        + all(["append", "append", "append"], .events) + all(["begin of a retry", "end of a retry"], .retry)
        + all(["begin of an erasure"], .forget)
    case .folds:
      return folds + all(["segments", "load", "rows", "begin", "write", "versions", "outbox", "commit"], .events)
    case .rebuilds:
      return folds + all(["begin", "segments"], .events)
        + all(
          [
            "begin of a rebuild", "renewal of a rebuild", "seizure", "seizure", "return of the live fold", "swap",
            "swap", "swap", "end of a rebuild", "begin", "begin", "commit",
          ], .rebuild)
    case .erasures:
      return all(["append", "takeover of \(world.inputs[0])"], .restart)
        + all(
          [
            "known erasures", "begin of an erasure", "erasable segments", "erasable segments", "rewriting", "rewriting",
            "rewriting", "letters", "emptying of letters", "rewritten segments", "lags", "append of an erasure",
            "append of an erasure", "append of an erasure",
          ], .forget) + all(["begin of a retry", "end of a retry", "end of a retry"], .retry)
    case .relay:
      return all(["takeover of the relay", "publish after", "folded places", "journal has"], .restart)
        + all(
          ["read back of \(SimulatedOutputLog.eventsTopic)", "folded places", "relay commit", "move of the relay"],
          .restore)
        + all(["append", "append", "entries", "move of the relay", "relay commit", "relay commit"], .events)
    }
  }

  private static func company(of subject: Subject) -> [Company] {
    switch subject {
    case .names: [.restart, .namesake, .newcomer, .silence, .restore, .events]
    case .ingest:
      [
        .restart, .newcomer, .silence, .events, .forget, .retry, .restore, .restore, .failover, .failover, .failover,
        .failover, .failover, .recreate, .recreate,
      ]
    case .folds: [.restart, .newcomer, .silence, .events, .rebuild, .restore, .failover, .forget]
    case .rebuilds:
      [.rebuild, .rebuild, .silence, .silence, .silence, .events, .restart, .discard, .restore, .failover]
    case .erasures: [.forget, .retry, .silence, .silence, .restart, .restore]
    case .relay: [.restart, .namesake, .newcomer, .silence, .events, .restore, .restore, .failover]
    }
  }
}
