package import Engine

/// What kinds of bad luck a seed has, and how often: each world has some of them only, so that each also occurs where nothing else
/// hides it.
package struct Profile: Sendable {
  package var instances = 1
  package var partitions = 1
  package var events = 60
  /// Virtual seconds in which things go wrong.
  package var seconds = 15.0
  package var leaseSeconds = 2
  package var flushEvents = 10
  package var publishAll = true
  /// Memory for clean rows, in bytes: with little, most rows are partial ones.
  package var cacheBytes = 600
  /// Memory for rows that are changed, in bytes; nil for what `folding` says.
  package var dirtyBytes: Int?
  /// Of calls that wait for the network.
  package var latency = 0.2
  /// Of calls to the database and to the broker that do not end well.
  package var databaseDoubt = 0.0
  package var brokerDoubt = 0.0
  /// Of statements that are slow, some of them longer than a lease.
  package var slow = 0.0
  /// Mean virtual seconds between two of a kind; nil for never.
  package var crash: Double?
  package var pause: Double?
  package var databaseRestart: Double?
  package var restore: Double?
  /// When all has caught up the database goes back, and once more to the same moment.
  package var restoresAtEnd = false
  package var brokerAway: Double?
  package var leaderAway: Double?
  package var partition: Double?
  package var diskFull: Double?
  package var clockStep: Double?
  package var newcomer: Double?
  package var namesake: Double?
  package var truncate: Double?
  package var recreate: Double?
  package var retention: Double?
  package var foreignTransaction: Double?
  package var compaction: Double?
  package var failover: Double?
  package var slowDisk: Double?
  package var rebuild: Double?
  package var discard: Double?
  package var erasure: Double?
  package var retry: Double?
  /// When the instances of version 1 are replaced by those of version 2; nil for never.
  package var upgradeAt: Double?
  /// Of records that are no events, that are sent again, that stand in a producer's transaction.
  package var bad = 0.02
  package var repeated = 0.1
  package var transactional = 0.2
  package var leaps = 0.02
  /// Of events whose time is later than any before: with few, hours hardly turn.
  package var pace = 0.5
  /// Of events that name a person.
  package var people = 0.3
  /// Calls at which something happens, and what they are about.
  var breakpoints = 0
  var subject = Breakpoint.Subject.ingest
  /// Records of one fetch; nil: few, and drawn.
  package var fetchRecords: Int?
  /// Memory of rebuilds for rows; nil for as much as folds have.
  package var rebuildBytes: Int?

  package init() {}

  /// Where memory is for no row at all, rows that are changed have little, too: tables are written, and dropped, between commits.
  package var folding: ProjectionSettings {
    if let dirtyBytes { return ProjectionSettings(cacheBytes: cacheBytes, dirtyBytes: dirtyBytes) }
    return cacheBytes == 1
      ? ProjectionSettings(cacheBytes: 1, dirtyBytes: 2_000) : ProjectionSettings(cacheBytes: cacheBytes)
  }

  /// What a rebuild has may be more.
  var rebuilding: ProjectionSettings { rebuildBytes.map { ProjectionSettings(cacheBytes: $0) } ?? folding }

  package init(_ random: inout Random) {
    instances = random.pick([1, 2, 2, 2, 3])
    partitions = random.int(1...3)
    events = random.int(20...70)
    seconds = Double(random.int(4...8))
    leaseSeconds = random.int(1...3)
    flushEvents = random.pick([3, 8, 20])
    publishAll = random.chance(0.7)
    cacheBytes = random.pick([1, 600, 1 << 20])
    latency = random.pick([0.05, 0.2, 0.5])
    func some(_ probability: Double, _ seconds: [Double]) -> Double? {
      random.chance(probability) ? random.pick(seconds) : nil
    }
    databaseDoubt = random.pick([0, 0.002, 0.01, 0.03])
    brokerDoubt = random.pick([0, 0, 0.01, 0.05])
    slow = random.pick([0, 0, 0.01, 0.05])
    crash = some(0.5, [2, 5, 10])
    pause = some(0.4, [3, 6])
    databaseRestart = some(0.25, [5, 10])
    restore = some(0.3, [4, 8])
    restoresAtEnd = random.chance(0.15)
    brokerAway = some(0.2, [5, 10])
    leaderAway = some(0.25, [2, 5])
    partition = some(0.25, [4, 8])
    diskFull = some(0.1, [8])
    clockStep = some(0.2, [3])
    newcomer = some(0.25, [4, 8])
    namesake = some(0.08, [8])
    let topics = random.int(0...9)
    truncate = topics == 0 ? 6 : nil
    recreate = topics == 1 || topics == 2 ? 5 : nil
    retention = topics == 3 || topics == 4 ? 3 : nil
    foreignTransaction = some(0.3, [2, 5])
    bad = random.pick([0, 0.02, 0.1])
    repeated = random.pick([0, 0.1, 0.3])
    transactional = random.pick([0, 0.2, 0.6])
    leaps = random.pick([0, 0, 0.02, 0.1])
    pace = random.pick([0.5, 0.5, 0.1])
    compaction = some(0.3, [2, 5])
    failover = some(0.12, [4, 8])
    slowDisk = some(0.15, [5, 10])
    rebuild = some(0.35, [3, 6])
    discard = some(0.1, [4])
    erasure = some(0.3, [3, 8])
    retry = some(0.3, [1, 3])
    upgradeAt = random.chance(0.2) ? Double(random.int(1...6)) : nil
    people = random.pick([0.1, 0.4])
    drawBreakpoints(&random)
  }

  private mutating func drawBreakpoints(_ random: inout Random) {
    breakpoints = random.pick([0, 2, 3, 4, 6])
    // More of those that take several processes.
    let more: [Breakpoint.Subject] = [.ingest, .relay] + [.rebuilds, .erasures].flatMap { [$0, $0, $0] }
    subject = random.pick(Breakpoint.Subject.allCases + more)
    guard breakpoints > 0 else { return }
    if subject == .erasures { (people, bad) = (0.4, max(bad, 0.05)) }
    guard subject == .rebuilds || subject == .folds, random.chance(0.25) else { return }
    // Long segments, in whose middle a fold flushes where memory is full; who rebuilds has more, and need not.
    (partitions, flushEvents, fetchRecords) = (1, 200, 200)
    (cacheBytes, dirtyBytes, rebuildBytes) = (1, 1, 1 << 20)
    slow = max(slow, 0.05)
  }
}
