import CRdkafka

/// What a Kafka client or a broker answered.
package struct KafkaError: Error, Sendable, CustomStringConvertible {
  /// The protocol's error code; librdkafka's own are negative.
  package var code: Int32
  /// For people.
  package var text: String
  /// The producer's transaction can still be aborted, and must be.
  package var requiresAbort = false

  init(code: rd_kafka_resp_err_t, _ text: String) { (self.code, self.text) = (code.rawValue, text) }

  init(code: rd_kafka_resp_err_t, doing what: String) {
    self.init(code: code, "\(what): \(String(cString: rd_kafka_err2str(code)))")
  }

  /// Takes over a librdkafka error, and destroys it.
  init(consuming error: OpaquePointer, doing what: String) {
    code = rd_kafka_error_code(error).rawValue
    text = "\(what): \(String(cString: rd_kafka_error_string(error)))"
    requiresAbort = rd_kafka_error_txn_requires_abort(error) != 0
    rd_kafka_error_destroy(error)
  }

  package var description: String { text }

  /// Of metadata: a broker answered, and this is what it says of the topic.
  package var isOfTopic: Bool { code > 0 && !isTimeout }
  /// What stands in the log cannot be read, whoever asks.
  var isOfRecord: Bool {
    [
      RD_KAFKA_RESP_ERR__BAD_MSG, RD_KAFKA_RESP_ERR__BAD_COMPRESSION, RD_KAFKA_RESP_ERR__NOT_IMPLEMENTED,
      RD_KAFKA_RESP_ERR_INVALID_MSG, RD_KAFKA_RESP_ERR_INVALID_RECORD,
    ].contains { $0.rawValue == code }
  }
  package var isTimeout: Bool {
    code == RD_KAFKA_RESP_ERR__TIMED_OUT.rawValue || code == RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT.rawValue
  }
  /// Another producer with the same transactional id has taken over.
  package var isFenced: Bool {
    code == RD_KAFKA_RESP_ERR__FENCED.rawValue || code == RD_KAFKA_RESP_ERR_PRODUCER_FENCED.rawValue
      || code == RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH.rawValue
  }
}
