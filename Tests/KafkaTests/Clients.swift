import Engine
import Events
import Kafka
import Projections
import Synchronization

func quiet(_: Severity, _: String) {}

/// Log lines of the clients under test.
final class LogLines: Sendable {
  private let lines = Mutex<[String]>([])
  var log: KafkaLog { { [self] _, text in lines.withLock { $0.append(text) } } }
  var all: [String] { lines.withLock { $0 } }
}

final class Counter: Sendable {
  private let count = Mutex(0)
  var value: Int { count.withLock { $0 } }
  func increment() { count.withLock { $0 += 1 } }
}

/// Sends records without a transaction, and waits until they are delivered.
func produce(
  _ configuration: KafkaClientConfiguration, to topic: String, partition: Int32 = 0, _ values: [String],
  key: String? = "key", idempotent: Bool = true
) throws {
  let producer = try KafkaProducer(configuration, idempotent: idempotent, log: quiet)
  defer { producer.close() }
  for value in values { try producer.send(topic: topic, partition: partition, key: key, value: value) }
  try producer.flush()
}

func makeTransactionalProducer(_ configuration: KafkaClientConfiguration, id: String) throws -> TransactionalProducer {
  let producer = try TransactionalProducer(configuration, transactionalID: id, log: quiet)
  try producer.initialize()
  return producer
}

/// A topic name that nobody else uses.
func uniqueName(_ prefix: String) -> String { "\(prefix)-\(UInt64.random(in: 0...UInt64.max))" }

/// What a relay would publish.
func entry(
  position: Int64, topic: OutputTopic = .events, asOf: String = "2026-01-01T10:00:00Z"
) -> OutboxEntry {
  OutboxEntry(
    position: position, ordinal: 0, chain: [UInt8(truncatingIfNeeded: position)], topic: topic,
    subject: "technology/Swift", id: "id-\(position)", asOf: RFC3339.parse(asOf)!,
    json:
      "{\"specversion\":\"1.0\",\"id\":\"id-\(position)\",\"data\":{\"as_of\":\"\(asOf)\",\"position\":\(position)}}")
}

func place(_ position: Int64) -> RelayPlace {
  RelayPlace(position: position, ordinal: 0, chain: [UInt8(truncatingIfNeeded: position)])
}
