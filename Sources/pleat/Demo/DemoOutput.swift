import Engine
import Events
import Kafka
import Service

/// What appears on the output topics, as any consumer sees it.
final class DemoOutput {
  private let source: KafkaSource
  /// By handle.
  private var next: [(partition: TopicPartition, offset: Int64)] = []
  private static let batch = 1_000

  init(_ client: KafkaClientConfiguration, topics: [String]) throws(CommandFailure) {
    do throws(KafkaConfigurationError) {
      source = try KafkaSource(client, log: { _, _ in })
    } catch {
      throw CommandFailure(.configuration, "\(error).")
    }
    let probe = KafkaProbe(client, cursorTopic: nil, log: { _, _ in })
    defer { probe.close() }
    do throws(SourceError) {
      for topic in topics { next += try probe.partitions(of: topic).map { ($0, 0) } }
      for handle in next.indices { try begin(handle) }
    } catch {
      throw CommandFailure(error)
    }
  }

  private func begin(_ handle: Int) throws(SourceError) {
    try source.add(next[handle].partition, from: next[handle].offset, handle: handle)
  }

  /// The values of the records that have come since the last call.
  func poll() throws(CommandFailure) -> [String] {
    var values: [String] = []
    var failed: [Int] = []
    do throws(SourceError) {
      _ = try source.poll(limit: Self.batch) { event in
        switch event {
        case .record(let handle, let record):
          next[handle].offset = record.content.offset + 1
          if let value = record.content.value { values.append(String(decoding: value, as: UTF8.self)) }
        case .partitionError(let handle, _): failed.append(handle)
        case .released, .endReached, .offsetOutOfRange: break
        }
      }
      for handle in failed { try begin(handle) }
    } catch {
      throw CommandFailure(error)
    }
    return values
  }

  func close() { source.close() }
}
