import Engine
import Foundation
import Kafka
import TestSupport
import Testing

extension SystemTests {
  @Suite("A broker of several that is away", .enabled(if: Servers.hasRealKafka))
  struct BrokerAwayTests {
    private static let partitions: Int32 = 3

    private func produce(_ ids: [String], to partition: TopicPartition, _ producer: KafkaProducer) throws {
      for id in ids {
        let event = Array(
          """
          {"specversion":"1.0","id":"\(id)","source":"s","type":"project_opened","time":"2026-10-01T00:00:00Z",\
          "data":{"project_id":"p","user_id":"u"}}
          """.utf8)
        try event.withUnsafeBytes {
          try producer.send(topic: partition.topic, partition: partition.partition, key: nil, value: $0)
        }
      }
      try producer.flush()
    }

    /// Nobody leads what it led; or it is still the one to be asked, and does not answer.
    enum Absence: String { case killed, frozen }

    /// The nodes that lead a topic's partitions, from 1.
    private func leaders(of topic: String, _ kafka: RealKafka) throws -> [Int] {
      let told = try Shell.run(
        "\(RealKafka.home!)/bin/kafka-topics.sh",
        ["--bootstrap-server", kafka.bootstrap, "--describe", "--topic", topic], environment: [:])
      return String(decoding: told.output, as: UTF8.self).split(separator: "\n").compactMap { line in
        let words = line.split(whereSeparator: \.isWhitespace)
        return words.firstIndex(of: "Leader:").flatMap { Int(words[$0 + 1]) }
      }
    }

    @Test(
      "what the others lead is read on, and taken over by who starts; the rest once it is back",
      arguments: [Absence.killed, .frozen])
    func oneAway(_ absence: Absence) throws {
      let servers = try Servers.own(
        kafkaNodes: 3, kafkaSettings: absence == .frozen ? ["broker.session.timeout.ms": "90000"] : [:])
      defer { servers.stop() }
      let kafka = try #require(servers.kafka)
      let pleat = try Installation(on: servers)
      defer { pleat.stopAll() }
      // One copy of each partition, each on a node of its own.
      try pleat.broker.deleteTopic(pleat.input)
      try kafka.administer {
        try $0.create(
          pleat.input, partitions: Self.partitions, replication: 1, settings: [("min.insync.replicas", "1")])
      }
      let partitions = (0..<Self.partitions).map { TopicPartition(pleat.input, $0) }
      func nextOffsets(_ partitions: [TopicPartition]) throws -> [String] {
        try partitions.map {
          try pleat.sql(
            "SELECT next_offset FROM pleat.partitions WHERE topic = '\($0.topic)' AND partition = \($0.partition)")
        }
      }
      // It knows every node before one is away.
      let producer = try KafkaProducer(kafka.configuration(), log: { _, _ in })
      defer { producer.close() }
      for partition in partitions {
        try produce((0..<5).map { "a\(partition.partition)\($0)" }, to: partition, producer)
      }
      // Without it nothing is taken over.
      let cursorTopic = pleat.environment["PLEAT_KAFKA_CURSOR_TOPIC"]!
      try kafka.administer {
        try $0.create(
          cursorTopic, partitions: 1, replication: 1,
          settings: [("cleanup.policy", "compact"), ("min.insync.replicas", "1")])
      }
      var daemon = try pleat.start()
      try pleat.waitCaughtUp()

      let leaders = try leaders(of: pleat.input, kafka)
      let cursorLeader = try #require(try self.leaders(of: cursorTopic, kafka).first)
      let index = try #require(leaders.firstIndex { $0 != cursorLeader })
      let away = partitions[index]
      let there = partitions.filter { $0 != away }
      if absence == .frozen { kafka.suspend(leaders[index] - 1) } else { kafka.kill(leaders[index] - 1) }
      for partition in there { try produce((0..<5).map { "b\(partition.partition)\($0)" }, to: partition, producer) }
      try Wait.until("the others are read") { try nextOffsets(there) == ["10", "10"] }
      #expect(daemon.terminate() == 0)

      for partition in there { try produce((0..<5).map { "c\(partition.partition)\($0)" }, to: partition, producer) }
      daemon = try pleat.start()
      try Wait.until("the others are taken over") { try nextOffsets(there) == ["15", "15"] }
      try Wait.until("it is said") { daemon.output.contains("the broker of \(away) does not answer") }
      let status = try pleat.pleat("status", expecting: 69)
      #expect(
        status.contains("what Kafka holds is known in part") && status.contains("the end of \(away) is not known"))
      for partition in there { #expect(!status.contains("the end of \(partition)")) }
      let check = try pleat.pleat("check", expecting: 69)
      let unread = try #require(check.split(separator: "\n").first { $0.hasPrefix("failed  reading  ") })
      #expect(unread.contains("\(away)") && unread.contains(" cannot be read: "), "\(check)")
      for partition in there { #expect(!unread.contains("\(partition)")) }

      if absence == .frozen { kafka.resume(leaders[index] - 1) } else { try kafka.start() }
      try produce((0..<5).map { "b\(away.partition)\($0)" }, to: away, producer)
      try pleat.waitCaughtUp()
      #expect(try nextOffsets([away]) == ["10"])
      #expect(daemon.output.contains("the broker of \(away) answers again"))
      let ids = try pleat.journal().map(\.id)
      #expect(ids.count == 40 && Set(ids).count == 40, "\(pleat.logs)")
      #expect(daemon.terminate() == 0)
    }
  }
}
