/// A partition of a Kafka topic; as text `topic/0`, and in order by topic, then number.
package struct TopicPartition: Hashable, Comparable, Sendable, CustomStringConvertible {
  package var topic: String
  package var partition: Int32
  package init(_ topic: String, _ partition: Int32) { (self.topic, self.partition) = (topic, partition) }
  package static func < (a: Self, b: Self) -> Bool { (a.topic, a.partition) < (b.topic, b.partition) }
  package var description: String { "\(topic)/\(partition)" }
}
