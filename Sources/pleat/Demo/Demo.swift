import Engine
import Glibc
import Kafka
import Postgres
import Service

/// One run of `pleat demo`: puts the pipeline together, watches it, and takes it apart again.
final class Demo {
  private let seconds: Int?
  private let rate: Int
  private let seed: UInt64
  private var signals: Signals
  private let isLive: Bool

  private static let inputTopic = "pleat.events"
  private static let outputTopics = ["analytics.events", "analytics.teams"]
  private static let partitions: Int32 = 4
  /// A window of trends, and some days of the one before.
  private static let days = 40
  /// The days before now are told in so many seconds, or in this part of a shorter run.
  private static let historySeconds = 40
  private static let historyPart = 0.8
  /// More than this unread, and sending waits: a partition of the embedded broker keeps 5 MiB.
  private static let greatestLag: Int64 = 20_000
  private static let frameNanoseconds: Int64 = 500_000_000
  /// Rates are over so many frames.
  private static let rateFrames = 8
  private static let startSeconds: Int64 = 60
  private static let stopSeconds: Int64 = 10
  private static let drainSeconds: Int64 = 20

  init(seconds: Int?, rate: Int, seed: UInt64) {
    (self.seconds, self.rate, self.seed) = (seconds, rate, seed)
    signals = Signals()
    isLive = isatty(STDOUT_FILENO) == 1
  }

  /// What was started, to be ended in this order.
  private struct Parts {
    var generator: DemoGenerator?
    var daemon: DemoProcess?
    var output: DemoOutput?
    var broker: DemoProcess?
    var cluster: PrivateCluster?
    var connection: Connection?
  }

  func run() throws(CommandFailure) {
    var parts = Parts()
    var snapshot: DemoSnapshot?
    var failure: CommandFailure?
    do throws(CommandFailure) {
      snapshot = try show(&parts)
    } catch {
      failure = error
    }
    if isLive, snapshot != nil { print("\u{1B}[?25h\u{1B}[?1049l", terminator: "") }
    takeApart(&parts)
    if let snapshot { print(DemoView(title: "pleat demo: what happened").summary(snapshot), terminator: "") }
    if let failure { throw failure }
  }

  private func takeApart(_ parts: inout Parts) {
    parts.generator?.stop()
    parts.daemon?.stop(seconds: Self.stopSeconds)
    parts.output?.close()
    parts.broker?.stop(seconds: Self.stopSeconds)
    parts.connection = nil
    parts.cluster?.remove()
  }

  // MARK: - Putting together

  private func say(_ text: String) {
    print(text)
    fflush(nil)
  }

  /// nil if a signal came before there was anything to show.
  private func show(_ parts: inout Parts) throws(CommandFailure) -> DemoSnapshot? {
    say("Starting a private PostgreSQL …")
    let cluster: PrivateCluster
    do throws(ClusterError) {
      cluster = try PrivateCluster(.unixSocket, settings: [("fsync", "off"), ("shared_buffers", "128MB")])
      parts.cluster = cluster
      try cluster.start()
    } catch {
      throw CommandFailure(.unavailable, "\(error).")
    }
    if wasStopped() { return nil }
    let files: [MigrationFile]
    do throws(ConfigurationError) { files = try Preparation.migrations(Installation()) } catch { throw error.failure }
    do throws(MigrationError) {
      _ = try Migrator(cluster.target(), files: files).migrate()
    } catch {
      throw CommandFailure(error)
    }
    say("Starting the embedded broker …")
    let bootstrap = try startBroker(&parts, cluster)
    if wasStopped() { return nil }
    say("Starting the daemon …")
    let connection: Connection
    do throws(PostgresError) { connection = try Connection(cluster.target()) } catch { throw CommandFailure(error) }
    parts.connection = connection
    let daemon = try startDaemon(&parts, cluster, bootstrap)
    guard try whenReading(connection, daemon, cluster) else { return nil }

    let client = KafkaClientConfiguration(bootstrap: bootstrap)
    let output = try DemoOutput(client, topics: Self.outputTopics)
    parts.output = output
    let told = seconds.map { Double($0) * Self.historyPart } ?? .infinity
    let history = max(1, Int(Double(rate) * min(told, Double(Self.historySeconds))))
    let generator = try DemoGenerator(
      client, topic: Self.inputTopic, rate: rate, seed: seed, days: Self.days, history: history)
    parts.generator = generator
    let title =
      "pleat demo: PostgreSQL in \(cluster.directory), Kafka's protocol at \(bootstrap), \(rate) events a second"
    return try watch(generator, daemon, output, connection, cluster, DemoView(title: title))
  }

  private func wasStopped() -> Bool {
    signals.next(within: 0) != nil
  }

  private func startBroker(_ parts: inout Parts, _ cluster: PrivateCluster) throws(CommandFailure) -> String {
    var ends: [Int32] = [0, 0]
    guard socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0, &ends) == 0 else {
      throw CommandFailure(.failure, "no connection to the broker: \(String(cString: strerror(errno))).")
    }
    defer { close(ends[0]) }
    let topics = ["\(Self.inputTopic):\(Self.partitions)"] + Self.outputTopics.map { "\($0):1" }
    let log = "\(cluster.directory)/broker.log"
    do throws(CommandFailure) {
      parts.broker = try DemoProcess(
        ["broker", "--with-parent"] + topics.flatMap { ["--topic", $0] }, log: log, output: ends[1])
    } catch {
      close(ends[1])
      throw error
    }
    close(ends[1])
    let prefix = "bootstrap="
    guard let line = Self.firstLine(of: ends[0], seconds: Self.startSeconds), line.hasPrefix(prefix) else {
      throw CommandFailure(.failure, "the embedded broker did not start:\n\(Self.end(of: log))")
    }
    return String(line.dropFirst(prefix.count))
  }

  private func startDaemon(
    _ parts: inout Parts, _ cluster: PrivateCluster, _ bootstrap: String
  ) throws(CommandFailure) -> DemoProcess {
    let file = "\(cluster.directory)/pleat.yaml"
    let configuration = """
      instance: demo
      kafka:
        bootstrap: \(bootstrap)
        topics: [\(Self.inputTopic)]
      postgres:
        url: \(cluster.conninfo(user: "pleat_writer"))
      log:
        format: text

      """
    guard Self.write(configuration, to: file) else {
      throw CommandFailure(.failure, "\(file) cannot be written: \(String(cString: strerror(errno))).")
    }
    let daemon = try DemoProcess(["run", "--with-parent", "--config", file], log: "\(cluster.directory)/pleat.log")
    parts.daemon = daemon
    return daemon
  }

  /// Until the daemon reads every partition: what is sent before is old to it, and published by nobody. False for a signal.
  private func whenReading(
    _ connection: Connection, _ daemon: DemoProcess, _ cluster: PrivateCluster
  ) throws(CommandFailure) -> Bool {
    let deadline = SystemClock.monotonicNanoseconds() + Self.startSeconds * SystemClock.nanosecondsPerSecond
    while true {
      if signals.next(within: 100_000_000) != nil { return false }
      try requireDaemon(daemon, cluster)
      let status: DatabaseStatus
      do throws(PostgresError) { status = try StatusQueries.read(connection) } catch { throw CommandFailure(error) }
      if status.partitions.count == Int(Self.partitions) { return true }
      if SystemClock.monotonicNanoseconds() > deadline {
        throw CommandFailure(
          .failure,
          "the daemon reads nothing after \(Self.startSeconds) s:\n\(Self.end(of: "\(cluster.directory)/pleat.log"))")
      }
    }
  }

  private func requireDaemon(_ daemon: DemoProcess, _ cluster: PrivateCluster) throws(CommandFailure) {
    if daemon.isRunning { return }
    throw CommandFailure(.failure, "the daemon has ended:\n\(Self.end(of: "\(cluster.directory)/pleat.log"))")
  }

  // MARK: - Watching

  private func watch(
    _ generator: DemoGenerator, _ daemon: DemoProcess, _ output: DemoOutput, _ connection: Connection,
    _ cluster: PrivateCluster, _ view: DemoView
  ) throws(CommandFailure) -> DemoSnapshot {
    let start = SystemClock.monotonicNanoseconds()
    let end = seconds.map { start + Int64($0) * SystemClock.nanosecondsPerSecond }
    var meter = DemoMeter(frames: Self.rateFrames)
    var snapshot = DemoSnapshot()
    generator.start()
    if isLive { print("\u{1B}[?1049h\u{1B}[?25l", terminator: "") }
    while true {
      if signals.next(within: Self.frameNanoseconds) != nil { break }
      try requireDaemon(daemon, cluster)
      if let problem = generator.problem { throw CommandFailure(.failure, "sending failed: \(problem).") }
      try observe(&snapshot, generator, output, connection)
      generator.hold(snapshot.sent - snapshot.read > Self.greatestLag)
      snapshot.isHeld = snapshot.sent - snapshot.read > Self.greatestLag
      let now = SystemClock.monotonicNanoseconds()
      meter.note(&snapshot, at: now)
      if isLive {
        print(view.screen(snapshot), terminator: "")
        fflush(nil)
      }
      if let end, now >= end { break }
    }
    generator.stop()
    snapshot.sent = generator.sent
    meter.endOfSending(snapshot, from: start)
    // The summary is of everything that was sent, where that does not take too long.
    let deadline = SystemClock.monotonicNanoseconds() + Self.drainSeconds * SystemClock.nanosecondsPerSecond
    if seconds != nil {
      while snapshot.folded < snapshot.journaled || snapshot.read < snapshot.sent
        || (snapshot.status?.relay.behind ?? 0) > 0,
        SystemClock.monotonicNanoseconds() < deadline
      {
        if signals.next(within: Self.frameNanoseconds / 5) != nil { break }
        try requireDaemon(daemon, cluster)
        try observe(&snapshot, generator, output, connection)
      }
    }
    meter.overall(&snapshot, from: start)
    return snapshot
  }

  private func observe(
    _ snapshot: inout DemoSnapshot, _ generator: DemoGenerator, _ output: DemoOutput, _ connection: Connection
  ) throws(CommandFailure) {
    snapshot.sent = generator.sent
    let records = try output.poll()
    do throws(PostgresError) {
      snapshot.status = try StatusQueries.read(connection)
      snapshot.trends = try DemoQueries.trends(connection)
      snapshot.stacks = try DemoQueries.stacks(connection)
      snapshot.models = try DemoQueries.models(connection)
      for json in records {
        snapshot.derived.append(try DemoQueries.derived(json, connection))
        snapshot.derivedCount += 1
      }
    } catch {
      throw CommandFailure(error)
    }
    let keptLines = 50
    if snapshot.derived.count > keptLines { snapshot.derived.removeFirst(snapshot.derived.count - keptLines) }
  }

  // MARK: - Files

  /// The first line that comes, without its end; nil if none comes in time.
  private static func firstLine(of descriptor: Int32, seconds: Int64) -> String? {
    var bytes: [UInt8] = []
    let deadline = SystemClock.monotonicNanoseconds() + seconds * SystemClock.nanosecondsPerSecond
    while true {
      let left = deadline - SystemClock.monotonicNanoseconds()
      if left <= 0 { return nil }
      var watched = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
      if poll(&watched, 1, Int32(clamping: left / SystemClock.nanosecondsPerMillisecond)) <= 0 { continue }
      var byte: UInt8 = 0
      let count = read(descriptor, &byte, 1)
      if count < 0, errno == EINTR { continue }
      if count <= 0 { return nil }
      if byte == UInt8(ascii: "\n") { return String(decoding: bytes, as: UTF8.self) }
      bytes.append(byte)
    }
  }

  private static func write(_ text: String, to path: String) -> Bool {
    let descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else { return false }
    defer { close(descriptor) }
    let bytes = Array(text.utf8)
    return Glibc.write(descriptor, bytes, bytes.count) == bytes.count
  }

  /// The last lines of a log.
  private static func end(of path: String) -> String {
    let lines = 15
    guard case .bytes(let bytes) = readWholeFile(path) else { return "" }
    return String(decoding: bytes, as: UTF8.self).split(separator: "\n").suffix(lines).joined(separator: "\n")
  }
}
