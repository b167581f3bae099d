import Engine
import Events
import Foundation
import Kafka
import TestSupport

/// The Kafka of an installation: the real one that others use, too, or an embedded broker of its own.
///
/// An embedded broker makes what it is asked for with four partitions, so each has its topics from the start.
final class Broker {
  let bootstrap: String
  private let real: RealKafka?
  private let process: ChildProcess?

  private static let settings = [("max.message.bytes", "3000000")]

  init(on real: RealKafka, topics: [String: Int]) throws {
    (self.real, bootstrap, process) = (real, real.bootstrap, nil)
    for (topic, partitions) in topics { try createTopic(topic, partitions: partitions) }
  }

  /// Ends with this object.
  init(embeddedBy program: URL, log: URL, topics: [String: Int]) throws {
    let options = topics.flatMap { ["--topic", "\($0.key):\($0.value)"] }
    let process = try ChildProcess([program.path, "broker"] + options, output: log.path)
    var found: Substring?
    try waitUntil("the embedded broker says where it is") {
      let lines = ((try? String(contentsOf: log, encoding: .utf8)) ?? "").split(separator: "\n")
      found = lines.first { $0.hasPrefix("bootstrap=") }?.dropFirst("bootstrap=".count)
      return found != nil
    }
    (real, bootstrap, self.process) = (nil, String(found!), process)
  }

  deinit { process?.end() }

  var isReal: Bool { real != nil }

  /// Makes a topic of a real Kafka.
  func createTopic(_ name: String, partitions: Int, settings: [(String, String)] = []) throws {
    let others = Self.settings.filter { one in !settings.contains { $0.0 == one.0 } }
    try real!.createTopic(name, partitions: Int32(partitions), settings: others + settings)
  }

  /// Deletes a topic of a real Kafka, and waits until it is gone.
  func deleteTopic(_ name: String) throws {
    try real!.administer { try $0.delete(name) }
    try waitUntil("\(name) is gone") { try real!.administer { try $0.partitionCount(of: name) } == nil }
  }

  func deleteRecords(_ topic: String, before offset: Int64) throws {
    try real!.administer { try $0.deleteRecords(TopicPartition(topic, 0), before: offset) }
  }

  /// Produces lines `key TAB value`, in order.
  func produce(_ lines: Data, to topic: String) throws {
    try produce(to: topic) { producer in
      for line in lines.split(separator: UInt8(ascii: "\n")) {
        let tab = line.firstIndex(of: UInt8(ascii: "\t"))!
        try [UInt8](line[..<tab]).withUnsafeBytes { key in
          try [UInt8](line[(tab + 1)...]).withUnsafeBytes { value in
            try producer.send(topic: topic, key: key, value: value)
          }
        }
      }
    }
  }

  func produceValues(_ values: [[UInt8]], to topic: String) throws {
    try produce(to: topic) { producer in
      for value in values {
        try value.withUnsafeBytes { try producer.send(topic: topic, key: nil, value: $0) }
      }
    }
  }

  private func produce(to topic: String, _ body: (KafkaProducer) throws -> Void) throws {
    let properties = ["message.max.bytes": "3000000"]
    let producer = try KafkaProducer(
      KafkaClientConfiguration(bootstrap: bootstrap, group: "tests", properties: properties), idempotent: isReal,
      log: { _, _ in })
    defer { producer.close() }
    try body(producer)
    try producer.flush()
  }

  /// A record as a consumer finds it.
  struct Record {
    var key: Data?
    var value: Data
    var headers: [String: String] = [:]
  }

  private var configuration: KafkaClientConfiguration { KafkaClientConfiguration(bootstrap: bootstrap, group: "tests") }

  /// The values that a `read_committed` reader finds in a topic of one partition.
  func consume(_ topic: String) throws -> [Data] { try records(of: topic).map(\.value) }

  /// The records that a `read_committed` reader finds in a topic of one partition.
  func records(of topic: String) throws -> [Record] {
    let source = try KafkaSource(configuration, log: { _, _ in })
    defer { source.close() }
    let partition = TopicPartition(topic, 0)
    let probe = KafkaProbe(configuration, cursorTopic: nil, log: { _, _ in })
    defer { probe.close() }
    let low = try probe.ends(of: [partition])[0].answer.get().low
    try source.add(partition, from: low, handle: 1)
    var (next, hasFailed) = (low, false)
    var records: [Record] = []
    var ended = false
    try waitUntil("\(topic) is read to its end") {
      _ = try source.poll(limit: 1_000) { event in
        switch event {
        case .record(_, let found):
          var record = Record(
            key: found.key.map { Data($0) },
            value: Data(found.content.value ?? UnsafeRawBufferPointer(start: nil, count: 0)))
          for (name, value) in found.content.headers {
            record.headers[String(decoding: name, as: UTF8.self)] = value.map { String(decoding: $0, as: UTF8.self) }
          }
          records.append(record)
          next = found.content.offset + 1
        case .partitionError: hasFailed = true
        case .endReached: ended = true
        case .released, .offsetOutOfRange: break
        }
      }
      if hasFailed { try source.add(partition, from: next, handle: 1) }
      hasFailed = false
      return ended
    }
    return records
  }
}
