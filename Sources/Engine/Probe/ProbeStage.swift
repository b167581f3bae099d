/// Asks the brokers what ingest wants to know, beside it: who does not answer holds up only what is asked of him.
package final class ProbeStage: Stage {
  package let name = "probe"
  private let probe: any Probe
  private let inquiries: Inquiries
  private let topics: [String]
  private let reporter: any Reporter

  private var questions: [Inquiries.Asked] = []
  private var erasures: [Reply<[ErasureRecord]>] = []
  private var partitions: [String: [TopicPartition]] = [:]
  private var discoverAt: Int64 = 0
  /// In the step before: a failure may have taken longer than it is put off.
  private var hasDiscovered = false
  private var outage = Outage()

  /// How often the topics are looked at for new partitions.
  private static let discoverNanoseconds: Int64 = 60_000_000_000
  private static let retryNanoseconds: Int64 = 500_000_000
  /// While a topic is gone that was there, never came, or is kept from us, beside others.
  private static let missingNanoseconds: Int64 = 5_000_000_000

  package init(probe: any Probe, inquiries: Inquiries, topics: [String], reporter: any Reporter) {
    (self.probe, self.inquiries, self.topics, self.reporter) = (probe, inquiries, topics, reporter)
  }

  /// One thing a step, since each may take its time; in turn, since each may come again at once.
  package func step(_ now: Instant) -> NextStep {
    publish()
    let asked = inquiries.takePartitions()
    questions.removeAll { old in asked.contains { $0.question.partition == old.question.partition } }
    questions += asked
    erasures += inquiries.takeErasures()
    if now.monotonicNanoseconds >= discoverAt, !hasDiscovered || questions.isEmpty && erasures.isEmpty {
      hasDiscovered = true
      discover(now)
      return .immediately
    }
    hasDiscovered = false
    if !erasures.isEmpty {
      answerErasures()
    } else if !questions.isEmpty {
      answerQuestions()
    }
    guard questions.isEmpty, erasures.isEmpty else { return .immediately }
    probe.rest()
    return .at(discoverAt)
  }

  package func stop(_ now: Instant) {
    publish()
    probe.close()
  }

  private func publish() {
    let offsets = inquiries.takeOffsets()
    if !offsets.isEmpty { probe.publish(offsets: offsets.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }) }
  }

  private func discover(_ now: Instant) {
    discoverAt = now.monotonicNanoseconds + Self.retryNanoseconds
    do throws(SourceError) {
      // First: a client that is asked for the cluster alone connects only after a second, and knows it from these answers.
      let missing = try look()
      let id = try probe.clusterID()
      inquiries.found(
        Inquiries.Topics(
          clusterID: id, partitions: topics.flatMap { partitions[$0] ?? [] }, missing: missing.map(\.topic)))
      if missing.isEmpty {
        outage.end(reporter, "Kafka tells of the topics again")
        discoverAt = now.monotonicNanoseconds + Self.discoverNanoseconds
      } else {
        outage.begin(reporter, missing.map(\.error.text).joined(separator: "; "), .error)
        if !partitions.isEmpty { discoverAt = now.monotonicNanoseconds + Self.missingNanoseconds }
      }
    } catch {
      outage.begin(reporter, "Kafka does not answer: \(error.text); trying again")
    }
  }

  /// Which topics are not there, or kept from us.
  private func look() throws(SourceError) -> [(topic: String, error: SourceError)] {
    var missing: [(topic: String, error: SourceError)] = []
    for topic in topics {
      do throws(SourceError) {
        partitions[topic] = try probe.partitions(of: topic)
      } catch {
        if case .unavailable = error { throw error }
        missing.append((topic, error))
      }
    }
    return missing
  }

  private func answerErasures() {
    let result: Result<[ErasureRecord], SourceError>
    do throws(SourceError) { result = .success(try probe.erasureRecords()) } catch { result = .failure(error) }
    for reply in erasures { reply.put(result) }
    erasures = []
    inquiries.answered()
  }

  private func answerQuestions() {
    var isAnswered = [Bool](repeating: false, count: questions.count)
    probe.ask(questions.map(\.question)) { index, result in
      isAnswered[index] = true
      questions[index].reply.put(result)
      inquiries.answered()
    }
    questions = zip(questions, isAnswered).filter { !$0.1 }.map(\.0)
  }
}
