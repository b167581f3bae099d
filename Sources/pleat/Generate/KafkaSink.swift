import Generator
import Kafka
import Service

/// Where `generate` sends its events: a topic that exists.
struct KafkaSink {
  private let producer: KafkaProducer
  private let topic: String

  /// - Parameter bootstrap: instead of the configuration's.
  /// - Parameter topic: instead of the configuration's first input topic.
  init(_ configuration: Configuration, bootstrap: String?, topic: String?) throws(CommandFailure) {
    var configuration = configuration
    if let bootstrap { configuration.kafka.bootstrap = bootstrap }
    guard let topic = topic ?? configuration.kafka.topics.first else {
      throw CommandFailure(.configuration, "nothing says which topic: give --topic, or set kafka.topics.")
    }
    self.topic = topic
    let client: KafkaClientConfiguration
    do throws(ConfigurationError) { client = try Cluster.client(configuration) } catch { throw error.failure }
    let isEmbedded = try Self.isEmbedded(client, topic: topic)
    do throws(KafkaConfigurationError) {
      producer = try KafkaProducer(client, idempotent: !isEmbedded, log: { _, _ in })
    } catch {
      throw CommandFailure(.configuration, "\(error).")
    }
  }

  /// Whether this is the embedded broker, which knows no idempotent producers; refuses a topic that does not exist.
  private static func isEmbedded(_ client: KafkaClientConfiguration, topic: String) throws(CommandFailure) -> Bool {
    let topics: AdminTopics
    do throws(KafkaConfigurationError) {
      topics = try AdminTopics(client, log: { _, _ in })
    } catch {
      throw CommandFailure(.configuration, "\(error).")
    }
    defer { topics.close() }
    let clusterID: String
    let partitions: Int?
    do throws(KafkaError) {
      clusterID = try topics.clusterID()
      partitions = try topics.partitionCount(of: topic)
    } catch {
      throw CommandFailure(.unavailable, "Kafka is not available: \(error).")
    }
    if partitions == nil { throw CommandFailure(.unavailable, "the topic \(topic) does not exist: create it.") }
    return EmbeddedBroker.isEmbedded(clusterID: clusterID)
  }

  /// Waits where the producer's queue is full.
  func send(_ record: GeneratedRecord) throws(CommandFailure) {
    let headers = record.headers.map { (name: "\($0.name)", value: Optional($0.value)) }
    var failure: KafkaError?
    record.key.withUnsafeBytes { key in
      record.value.withUnsafeBytes { value in
        do throws(KafkaError) {
          try producer.send(topic: topic, key: key, value: value, headers: headers)
        } catch {
          failure = error
        }
      }
    }
    if let failure { throw CommandFailure(.unavailable, "\(failure).") }
  }

  /// Waits until all is delivered.
  func finish() throws(CommandFailure) {
    do throws(KafkaError) { try producer.flush() } catch { throw CommandFailure(.unavailable, "\(error).") }
    producer.close()
  }
}
