/// What a campaign does to a running Pleat, and from what it must recover by itself.
enum Fault: String, CaseIterable {
  case killInstance = "kill -9 of an instance"
  case stopInstance = "SIGSTOP of an instance until its leases are gone, then SIGCONT"
  case comeAndGo = "an instance that joins, and leaves a second later"
  case takeName = "an instance started a second time under its name"
  case endBackend = "a PostgreSQL backend ended"
  case killBackend = "kill -9 of a PostgreSQL backend"
  case killPostmaster = "kill -9 of PostgreSQL's postmaster"
  case cutBefore = "a connection cut before a statement arrives"
  case cutAfter = "a connection cut before the reply arrives"
  case cutLate = "a connection cut, the statement arrives later"
  case killBroker = "kill -9 of the broker"
  case stopBroker = "SIGSTOP of the broker for seconds, then SIGCONT"

  /// How often, against the others: what takes seconds by itself comes less often.
  var weight: Int {
    switch self {
    case .killInstance: 10
    case .stopInstance, .killPostmaster, .killBroker, .stopBroker, .takeName, .comeAndGo: 1
    case .endBackend, .killBackend, .cutBefore, .cutAfter, .cutLate: 3
    }
  }

  /// Whether it kills a process outright.
  var isKill: Bool {
    switch self {
    case .killInstance, .killBackend, .killPostmaster, .killBroker: true
    default: false
    }
  }
}
