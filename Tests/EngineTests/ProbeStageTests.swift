import Events
import Testing

@testable import Engine

@Suite("Asking the brokers")
struct ProbeStageTests {
  private let partition = TopicPartition("t", 0)
  private let source = FakeSource()
  private let inquiries = Inquiries(onAsk: {}, onAnswer: {})
  private let stage: ProbeStage

  init() {
    source.append(partition, [FakeSource.Record(key: "k", value: "v")])
    stage = ProbeStage(probe: source, inquiries: inquiries, topics: ["t"], reporter: SilentReporter())
  }

  private func step(at seconds: Int64) {
    _ = stage.step(
      Instant(monotonicNanoseconds: seconds * 1_000_000_000, wall: Timestamp(microseconds: 1_800_000_000_000_000)))
  }

  @Test("questions are answered though nobody tells of the topics, however long that takes")
  func topicsAreAway() throws {
    source.topicsAreAway = true
    for round in 0..<5 {
      let reply = inquiries.ask(PartitionQuestion(partition, offsets: []))
      let erasures = inquiries.askForErasures()
      // Each look at the topics takes longer than it is put off.
      for second in 0..<4 { step(at: Int64(round * 20 + second * 5)) }
      #expect(try reply.get()?.high == 1 && erasures.get()?.isEmpty == true)
    }
    #expect(inquiries.topics == nil)
    source.topicsAreAway = false
    step(at: 200)
    #expect(inquiries.topics == Inquiries.Topics(clusterID: "cluster", partitions: [partition]))
  }

  @Test("a topic that is not there, or kept from us, keeps its partitions, and nobody from finding those of the others")
  func missingTopic() {
    let two = [TopicPartition("u", 0), TopicPartition("u", 1)]
    let stage = ProbeStage(probe: source, inquiries: inquiries, topics: ["gone", "t", "u"], reporter: SilentReporter())
    func look(at seconds: Int64) -> Inquiries.Topics? {
      _ = stage.step(
        Instant(monotonicNanoseconds: seconds * 1_000_000_000, wall: Timestamp(microseconds: 1_800_000_000_000_000)))
      return inquiries.topics
    }
    source.append(two[0], [])
    #expect(look(at: 0)?.missing == ["gone"] && inquiries.topics?.partitions == [partition, two[0]])
    source.append(two[1], [])
    source.topics[partition] = nil
    #expect(look(at: 4)?.missing == ["gone"])
    #expect(look(at: 5)?.missing == ["gone", "t"] && inquiries.topics?.partitions == [partition] + two)
    source.append(TopicPartition("gone", 0), [])
    source.refused = ["u"]
    #expect(look(at: 10)?.missing == ["t", "u"])
    #expect(inquiries.topics?.partitions == [TopicPartition("gone", 0), partition] + two)
  }

  @Test("a later question about a partition takes the place of an earlier one, asked or not")
  func replaced() throws {
    step(at: 0)
    source.comesTo = 0
    let first = inquiries.ask(PartitionQuestion(partition, offsets: []))
    step(at: 1)
    let second = inquiries.ask(PartitionQuestion(partition, offsets: []))
    let third = inquiries.ask(PartitionQuestion(partition, offsets: [0]))
    source.comesTo = .max
    step(at: 2)
    #expect(try first.get() == nil && second.get() == nil)
    #expect(try third.get()?.records.count == 1)
    #expect(source.asked == 1)
  }
}
