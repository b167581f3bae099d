import Engine
import Events
import Kafka
import Service

/// What appears on the output topics, as any consumer sees it.
final class DemoOutput {
  private let source: KafkaSource
  private static let batch = 1_000

  init(_ client: KafkaClientConfiguration, topics: [String]) throws(CommandFailure) {
    do throws(KafkaConfigurationError) {
      source = try KafkaSource(client, log: { _, _ in })
    } catch {
      throw CommandFailure(.configuration, "\(error).")
    }
    do throws(SourceError) {
      for (handle, partition) in try source.partitions(of: topics).enumerated() {
        try source.add(partition, from: 0, handle: handle)
      }
    } catch {
      throw CommandFailure(error)
    }
  }

  /// The values of the records that have come since the last call.
  func poll() throws(CommandFailure) -> [String] {
    var values: [String] = []
    do throws(SourceError) {
      _ = try source.poll(limit: Self.batch) { event in
        guard case .record(_, let record) = event, let value = record.content.value else { return }
        values.append(String(decoding: value, as: UTF8.self))
      }
    } catch {
      throw CommandFailure(error)
    }
    return values
  }

  func close() { source.close() }
}
