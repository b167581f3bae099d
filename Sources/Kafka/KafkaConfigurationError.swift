/// A client property that cannot be used. No value is ever part of it: values may be secrets.
package enum KafkaConfigurationError: Error, Hashable, Sendable, CustomStringConvertible {
  /// Pleat sets this property itself, because its promises depend on it.
  case reserved(property: String)
  /// librdkafka knows no such property.
  case unknown(property: String)
  /// librdkafka does not take the value.
  case invalid(property: String)
  /// The properties are fine one by one, but no client comes out of them together. The text is librdkafka's.
  case unusable(String)
  /// The system gives no thread or descriptor: that passes. The text is librdkafka's.
  case noResources(String)

  /// What is said of a property in `KafkaClientConfiguration.reserved`.
  package static func reservedText(_ property: String) -> String {
    switch property {
    case "bootstrap.servers", "metadata.broker.list": "`\(property)` is what kafka.bootstrap says; remove it"
    case "group.id": "`group.id` is what kafka.group says; remove it"
    case "statistics.interval.ms": "`\(property)` cannot be set, its reports would only fill memory; remove it"
    default: "`\(property)` cannot be set, exactly-once delivery depends on it; remove it"
    }
  }

  package var description: String {
    switch self {
    case .reserved(let property):
      "kafka.properties: \(Self.reservedText(property))"
    case .unknown(let property):
      "kafka.properties: librdkafka has no property `\(property)`"
    case .invalid(let property):
      "kafka.properties: librdkafka does not accept the value of `\(property)`"
    case .unusable(let text):
      "kafka.properties: no client can be made of them: \(text)"
    case .noResources(let text):
      "no Kafka client can be made: \(text)"
    }
  }
}
