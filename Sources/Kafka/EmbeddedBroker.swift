import CRdkafka

/// librdkafka's mock cluster in this process: a broker without installation, for a demo and for tests, not for data
/// that matters.
///
/// Each partition keeps the newest 5 MiB or 100,000 batches; transactions are acknowledged and do nothing. It belongs
/// into a process of its own, since it ends the process where a client does what it does not expect.
package final class EmbeddedBroker {
  private let handle: ClientHandle
  private let cluster: OpaquePointer
  /// `127.0.0.1:PORT`.
  package let bootstrap: String
  private var isStopped = false

  /// The protocol's number of a fetch.
  private static let fetchRequest: Int16 = 1

  /// Whether a cluster's id is that of an embedded broker.
  package static func isEmbedded(clusterID: String) -> Bool { clusterID.hasPrefix("mockCluster") }

  /// - Parameter brokers: numbered from 1.
  package init(
    topics: [(name: String, partitions: Int32)], brokers: Int32 = 1, log: @escaping KafkaLog
  ) throws(KafkaError) {
    do throws(KafkaConfigurationError) {
      handle = try ClientHandle(.producer, KafkaClientConfiguration(bootstrap: ""), [], log: log)
    } catch {
      throw KafkaError(code: RD_KAFKA_RESP_ERR__INVALID_ARG, error.description)
    }
    guard let cluster = rd_kafka_mock_cluster_new(handle.client, brokers),
      let address = rd_kafka_mock_cluster_bootstraps(cluster)
    else { throw KafkaError(code: RD_KAFKA_RESP_ERR__FAIL, "The embedded broker cannot be started") }
    self.cluster = cluster
    bootstrap = String(cString: address)
    do throws(KafkaError) {
      for (name, partitions) in topics { try create(name, partitions: partitions) }
    } catch {
      stop()
      throw error
    }
  }

  deinit { stop() }

  package func create(_ topic: String, partitions: Int32) throws(KafkaError) {
    let code = rd_kafka_mock_topic_create(cluster, topic, partitions, 1)
    guard code == RD_KAFKA_RESP_ERR_NO_ERROR else { throw KafkaError(code: code, doing: "Creating topic \(topic)") }
  }

  /// Lets the next fetches fail, one for each of the protocol's error codes.
  package func failFetches(codes: [Int32]) {
    let errors = codes.map { rd_kafka_resp_err_t(rawValue: $0) }
    rd_kafka_mock_push_request_errors_array(cluster, Self.fetchRequest, errors.count, errors)
  }

  /// What is said of a topic from now on to who asks for it, by the protocol's error codes; 0 for what it is.
  package func setError(_ code: Int32, of topic: String) {
    rd_kafka_mock_topic_set_error(cluster, topic, rd_kafka_resp_err_t(rawValue: code))
  }

  /// Lets a broker lead a partition; −1 for none.
  package func lead(_ topic: String, _ partition: Int32, by broker: Int32) {
    rd_kafka_mock_partition_set_leader(cluster, topic, partition, broker)
  }

  package func setDown(_ isDown: Bool, broker: Int32) {
    _ = isDown ? rd_kafka_mock_broker_set_down(cluster, broker) : rd_kafka_mock_broker_set_up(cluster, broker)
  }

  package func stop() {
    guard !isStopped else { return }
    isStopped = true
    rd_kafka_mock_cluster_destroy(cluster)
    handle.close()
  }
}
