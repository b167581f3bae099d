import CRdkafka

/// librdkafka's mock cluster in this process: a broker without installation, for a demo and for tests, not for data
/// that matters.
///
/// Each partition keeps the newest 5 MiB or 100,000 batches; transactions are acknowledged and do nothing. It belongs
/// into a process of its own, since it ends the process where a client does what it does not expect.
package final class EmbeddedBroker {
  private let handle: ClientHandle
  /// librdkafka's, which tests let fail.
  let cluster: OpaquePointer
  /// `127.0.0.1:PORT`.
  package let bootstrap: String
  private var isStopped = false

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

  package func stop() {
    guard !isStopped else { return }
    isStopped = true
    rd_kafka_mock_cluster_destroy(cluster)
    handle.close()
  }
}
