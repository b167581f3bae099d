import Synchronization

/// Where an answer will be.
package final class Reply<Answer: Sendable>: Sendable {
  private let result = Mutex<Result<Answer, SourceError>?>(nil)

  /// nil while it has not come.
  func get() throws(SourceError) -> Answer? { try result.withLock { $0 }?.get() }

  var hasCome: Bool { result.withLock { $0 != nil } }

  func put(_ result: Result<Answer, SourceError>) { self.result.withLock { $0 = result } }
}

/// Between ingest, which waits for no broker, and the probe, which does: what is asked, and what was found. Whoever does not want an
/// answer any more forgets where it will be.
package final class Inquiries: Sendable {
  typealias Asked = (question: PartitionQuestion, reply: Reply<PartitionAnswer>)

  /// The input topics as they were found.
  struct Topics: Hashable, Sendable {
    var clusterID: String
    var partitions: [TopicPartition]
    /// Those that are not there, or of which nothing is told: among the partitions are those that they had.
    var missing: [String] = []
  }

  private struct State {
    var partitions: [Asked] = []
    var erasures: [Reply<[ErasureRecord]>] = []
    var offsets: [TopicPartition: Int64] = [:]
    var topics: Topics?
  }

  private let state = Mutex(State())
  private let onAsk: @Sendable () -> Void
  private let onAnswer: @Sendable () -> Void

  /// - Parameters:
  ///   - onAsk: wakes the probe.
  ///   - onAnswer: wakes ingest.
  package init(onAsk: @escaping @Sendable () -> Void, onAnswer: @escaping @Sendable () -> Void) {
    (self.onAsk, self.onAnswer) = (onAsk, onAnswer)
  }

  // MARK: Ingest's side

  /// An earlier question about the partition is nobody's any more.
  func ask(_ question: PartitionQuestion) -> Reply<PartitionAnswer> {
    let reply = Reply<PartitionAnswer>()
    state.withLock { state in
      state.partitions.removeAll { $0.question.partition == question.partition }
      state.partitions.append((question, reply))
    }
    onAsk()
    return reply
  }

  func askForErasures() -> Reply<[ErasureRecord]> {
    let reply = Reply<[ErasureRecord]>()
    state.withLock { $0.erasures.append(reply) }
    onAsk()
    return reply
  }

  func publish(_ offsets: [TopicPartition: Int64]) {
    if offsets.isEmpty { return }
    state.withLock { $0.offsets.merge(offsets) { _, new in new } }
    onAsk()
  }

  /// As they were last found; nil before the first time.
  var topics: Topics? { state.withLock { $0.topics } }

  // MARK: The probe's side

  func takeOffsets() -> [TopicPartition: Int64] { state.withLock { Self.take(&$0.offsets, [:]) } }

  func takePartitions() -> [Asked] { state.withLock { Self.take(&$0.partitions, []) } }

  func takeErasures() -> [Reply<[ErasureRecord]>] { state.withLock { Self.take(&$0.erasures, []) } }

  private static func take<Value>(_ value: inout Value, _ empty: Value) -> Value {
    defer { value = empty }
    return value
  }

  func found(_ topics: Topics) {
    let isNews = state.withLock { state in
      defer { state.topics = topics }
      return state.topics != topics
    }
    if isNews { onAnswer() }
  }

  func answered() { onAnswer() }
}
