import Engine

/// What did not work, and may have.
func inDoubt<Result>(_ body: () throws(KafkaError) -> Result) throws(PublishError) -> Result {
  do throws(KafkaError) {
    return try body()
  } catch {
    throw .inDoubt(error.text)
  }
}

/// A client that cannot be made from its configuration is an alarm.
func made<Client>(_ make: () throws(KafkaConfigurationError) -> Client) throws(PublishError) -> Client {
  do throws(KafkaConfigurationError) {
    return try make()
  } catch {
    throw .alarm(error.description)
  }
}
