import Events
import Projections
import Testing

@testable import Engine

@Suite("The relay")
struct RelayStageTests {
  /// An outbox of three events, of a database that has not noted yet how far they are out.
  private final class Store: OutboxStore {
    private let all = (1...3).map { position in
      OutboxEntry(
        position: Int64(position), ordinal: 0, chain: [UInt8(position)], topic: .events,
        subject: "technology/Swift", id: "id-\(position)", asOf: Timestamp(microseconds: 1_800_000_000_000_000),
        json: "{}")
    }

    func takeOver(instance: InstanceID) throws(StoreError) -> RelayCursor {
      RelayCursor(epoch: 1, places: [:], publishAfter: 0)
    }
    func publishAfter() throws(StoreError) -> Int64? { 0 }
    func entries(_ projection: String, after place: RelayPlace, limit: Int) throws(StoreError) -> [OutboxEntry] {
      Array(all.filter { ($0.position, $0.ordinal) > (place.position, place.ordinal) }.prefix(limit))
    }
    func journalHas(chain: [UInt8], at position: Int64) throws(StoreError) -> Bool { true }
    func foldedPlaces() throws(StoreError) -> [String: ProjectionPlace] { [:] }
    func move(epoch: Int64, places: [String: RelayPlace], state: String, delivery: String) throws(StoreError) {}
    func fail(epoch: Int64, delivery: String, reason: String) throws(StoreError) {}
    func reset() {}
  }

  /// The topics, of which brokers may not know.
  private final class Topics: Publisher {
    let isTransactional = true
    /// So often the cursor topic is said to be missing, whether it is or not.
    var unknown = 0
    /// nil where it is missing.
    var places: [String: RelayPlace]?
    var published: [String] = []

    func open() throws(PublishError) {}
    func readCursor() throws(PublishError) -> PublishedCursor {
      if unknown > 0 {
        unknown -= 1
        return .topicMissing
      }
      guard let places else { return .topicMissing }
      return .places(places)
    }
    func createCursorTopic() throws(PublishError) -> Bool {
      if places != nil { return false }
      places = [:]
      return true
    }
    func readBack(_ state: inout ReadBack) throws(PublishError) -> Bool {
      state.ids.formUnion(published)
      return true
    }
    func publish(_ entries: [OutboxEntry], places: [String: RelayPlace]) throws(PublishError) {
      published += entries.map(\.id)
      self.places = (self.places ?? [:]).merging(places) { $1 }
    }
    func close() {}
  }

  private func run(_ topics: Topics) {
    let leases = Leases()
    let stage = RelayStage(
      store: Store(), publisher: topics, leases: leases, projections: ["projects"], reporter: SilentReporter())
    leases.register(InstanceID(name: "a", start: 1))
    for second in 1...20 {
      let now = Instant(monotonicNanoseconds: Int64(second) * 1_000_000_000, wall: Timestamp(microseconds: 0))
      leases.set(held: [LeaseResource.relay], instances: ["a"], at: now)
      _ = stage.step(now)
    }
  }

  @Test("a cursor topic that is there, and that brokers do not know, is read: nothing comes twice", arguments: 0...3)
  func unknownCursorTopic(times: Int) {
    let topics = Topics()
    topics.unknown = times
    topics.places = ["projects": RelayPlace(position: 2, ordinal: 0, chain: [2])]
    topics.published = ["id-1", "id-2"]
    run(topics)
    #expect(topics.published == ["id-1", "id-2", "id-3"])
  }

  @Test("where the cursor topic is missing it is made, and everything is published")
  func missingCursorTopic() {
    let topics = Topics()
    run(topics)
    #expect(topics.published == ["id-1", "id-2", "id-3"])
  }
}
