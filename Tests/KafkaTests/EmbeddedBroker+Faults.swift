import CRdkafka

@testable import Kafka

extension EmbeddedBroker {
  /// The protocol's number of a fetch.
  private static let fetchRequest: Int16 = 1

  /// Lets the next fetches fail, one for each of the protocol's error codes.
  func failFetches(codes: [Int32]) {
    let errors = codes.map { rd_kafka_resp_err_t(rawValue: $0) }
    rd_kafka_mock_push_request_errors_array(cluster, Self.fetchRequest, errors.count, errors)
  }

  /// What is said of a topic from now on to who asks for it, by the protocol's error codes; 0 for what it is.
  func setError(_ code: Int32, of topic: String) {
    rd_kafka_mock_topic_set_error(cluster, topic, rd_kafka_resp_err_t(rawValue: code))
  }

  /// Lets a broker lead a partition; −1 for none.
  func lead(_ topic: String, _ partition: Int32, by broker: Int32) {
    rd_kafka_mock_partition_set_leader(cluster, topic, partition, broker)
  }

  /// - Parameter broker: numbered from 1.
  func setDown(_ isDown: Bool, broker: Int32) {
    _ = isDown ? rd_kafka_mock_broker_set_down(cluster, broker) : rd_kafka_mock_broker_set_up(cluster, broker)
  }
}
