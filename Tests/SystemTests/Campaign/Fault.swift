/// What a campaign does to a running Pleat, and from what it must recover by itself.
enum Fault: String, CaseIterable {
  case killInstance = "kill -9 of an instance"
  case rush = "instances that come and go, each killed within a second"
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
  case killNode = "kill -9 of one of three brokers, back after seconds"
  case stopNode = "SIGSTOP of one of three brokers until it is given up, then SIGCONT"
  case killNodes = "kill -9 of all three brokers"
  case fillPostgres = "PostgreSQL's disk full for seconds"
  case fillBroker = "the broker's disk full for seconds, then kill -9"
  case restore = "PostgreSQL restored from a backup, instances killed while they notice"
  case restoreTwice = "restored twice in a row from the same backup"
  case truncate = "records deleted before they are read: an alarm with the gap, and a skip"
  case recreate = "a topic made anew and filled past the cursor: an alarm, and a skip"
  case slowPostgres = "PostgreSQL slow for minutes"
  case slowBroker = "the broker slow for minutes"
  case brokerAway = "the broker away for minutes"

  /// How often, against the other ordinary ones: what takes seconds by itself comes less often.
  var weight: Int {
    switch self {
    case .killInstance: 10
    case .endBackend, .killBackend, .cutBefore, .cutAfter, .cutLate: 3
    case .stopInstance, .killPostmaster, .takeName, .comeAndGo, .killBroker, .stopBroker: 1
    default: 0
    }
  }
}

/// What every other fault of a round is about; the ordinary ones come in all of them.
enum Theme: String, CaseIterable {
  case rushes, disks, nodes, restores, topics

  /// All of them where none is named.
  static func asked(_ name: String?) throws(UnknownTheme) -> [Theme] {
    guard let name else { return allCases }
    guard let theme = Theme(rawValue: name) else { throw UnknownTheme(name: name) }
    return [theme]
  }

  var faults: [Fault] {
    switch self {
    case .rushes: [.rush]
    case .disks: [.fillPostgres, .fillBroker]
    case .nodes: [.killNode, .killNode, .stopNode, .killNodes]
    case .restores: [.restore, .restoreTwice]
    case .topics: [.truncate, .recreate]
    }
  }
}

struct UnknownTheme: Error, Equatable, CustomStringConvertible {
  var name: String
  var description: String {
    let names = Theme.allCases.map(\.rawValue).joined(separator: ", ")
    return "SOAK_THEME=\(name) is none of the themes: \(names); leave it out for all."
  }
}
