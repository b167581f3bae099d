import Engine
import Events
import Kafka
import TestSupport
import Testing

/// What a source handed over, copied.
struct Collected: Equatable {
  enum Event: Equatable {
    case record(handle: Int, offset: Int64, key: String?, value: String?, headers: [String: String])
    case end(handle: Int, offset: Int64)
    case outOfRange(handle: Int)
    case failed(handle: Int)
  }
  var events: [Event] = []

  var values: [String] {
    events.compactMap {
      guard case .record(_, _, _, let value?, _) = $0 else { return nil }
      return value
    }
  }

  mutating func add(_ event: SourceEvent) {
    func text(_ bytes: UnsafeRawBufferPointer) -> String { String(decoding: bytes, as: UTF8.self) }
    switch event {
    case .record(let handle, let record):
      var headers: [String: String] = [:]
      for (name, value) in record.content.headers { headers[text(name)] = value.map(text) ?? "(absent)" }
      events.append(
        .record(
          handle: handle, offset: record.content.offset, key: record.key.map(text),
          value: record.content.value.map(text), headers: headers))
    case .released: break
    case .endReached(let handle, let offset): events.append(.end(handle: handle, offset: offset))
    case .offsetOutOfRange(let handle): events.append(.outOfRange(handle: handle))
    case .partitionError(let handle, _): events.append(.failed(handle: handle))
    }
  }

  /// Polls until the condition holds.
  mutating func poll(
    _ source: KafkaSource, limit: Int = 1_000, until what: String, _ condition: (Collected) -> Bool
  ) throws {
    try waitUntil(what) {
      _ = try source.poll(limit: limit) { add($0) }
      return condition(self)
    }
  }
}

/// One partition from its beginning, added anew behind what was handed over wherever it fails; every record has a value.
struct Following {
  private let source: KafkaSource
  private let partition: TopicPartition
  private var handle = 1
  private(set) var collected = Collected()

  init(_ source: KafkaSource, _ partition: TopicPartition) throws {
    (self.source, self.partition) = (source, partition)
    try source.add(partition, from: 0, handle: handle)
  }

  func isAtEnd(_ offset: Int64) -> Bool { collected.events.contains(.end(handle: handle, offset: offset)) }
  /// Since it began, and however often.
  var hasFailed: Bool { collected.events.contains(.failed(handle: 1)) }

  /// Polls until the condition holds.
  mutating func poll(limit: Int = 1_000, until what: String, _ condition: (Following) -> Bool) throws {
    try waitUntil(what) {
      _ = try source.poll(limit: limit) { collected.add($0) }
      if collected.events.contains(.failed(handle: handle)) {
        handle += 1
        try source.add(partition, from: Int64(collected.values.count), handle: handle)
      }
      return condition(self)
    }
  }
}

func makeSource(_ configuration: KafkaClientConfiguration) throws -> KafkaSource {
  try KafkaSource(configuration, log: quiet)
}

func makeProbe(_ configuration: KafkaClientConfiguration) -> KafkaProbe {
  KafkaProbe(configuration, cursorTopic: nil, log: quiet)
}

extension KafkaProbe {
  func answer(_ partition: TopicPartition, at offsets: [Int64]? = []) throws -> PartitionAnswer {
    var result: Result<PartitionAnswer, SourceError>?
    ask([PartitionQuestion(partition, offsets: offsets)]) { result = $1 }
    return try #require(result).get()
  }
}
