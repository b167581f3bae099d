package import Engine

/// The topic that keeps the relay's place and every erasure: of one partition, and compacted.
package struct CursorTopic {
  package let name: String
  let configuration: KafkaClientConfiguration
  let log: KafkaLog

  package init(_ name: String, _ configuration: KafkaClientConfiguration, log: @escaping KafkaLog) {
    (self.name, self.configuration, self.log) = (name, configuration, log)
  }

  private func administer<R>(_ body: (AdminTopics) throws(PublishError) -> R) throws(PublishError) -> R {
    let admin = try made { () throws(KafkaConfigurationError) in try AdminTopics(configuration, log: log) }
    defer { admin.close() }
    return try body(admin)
  }

  /// Whether it is there; one that would lose what it keeps is an alarm. Of the embedded broker's, which knows no settings, nothing
  /// else is asked.
  package func exists() throws(PublishError) -> Bool {
    try administer { admin throws(PublishError) in
      guard let count = try inDoubt({ () throws(KafkaError) in try admin.partitionCount(of: name) }) else {
        return false
      }
      if EmbeddedBroker.isEmbedded(clusterID: try inDoubt { () throws(KafkaError) in try admin.clusterID() }) {
        return true
      }
      guard count == 1 else { throw .alarm("the cursor topic \(name) has \(count) partitions, and must have one") }
      try requireCompaction(admin)
      return true
    }
  }

  /// Whether a lost broker is a lost place of the relay's, and lost erasures, though there are other brokers.
  package func hasOneCopy() throws(PublishError) -> Bool {
    try administer { admin throws(PublishError) in
      let copies = try inDoubt { () throws(KafkaError) in try admin.copies(of: name) }
      return copies.map { $0.replicas == 1 && $0.brokers > 1 } ?? false
    }
  }

  /// Returns false if it was there already.
  @discardableResult
  package func create() throws(PublishError) -> Bool {
    try administer { admin throws(PublishError) in
      let isNew = try inDoubt { () throws(KafkaError) in
        try admin.create(name, partitions: 1, settings: [("cleanup.policy", "compact")])
      }
      try requireCompaction(admin)
      return isNew
    }
  }

  private func requireCompaction(_ admin: AdminTopics) throws(PublishError) {
    let policy = try inDoubt { () throws(KafkaError) in try admin.setting("cleanup.policy", of: name) }
    guard policy == "compact" else {
      throw .alarm("the cursor topic \(name) has cleanup.policy=\(policy ?? "?"), and loses the cursor: set compact")
    }
  }
}
