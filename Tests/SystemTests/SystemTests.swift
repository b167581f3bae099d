import Testing

/// The daemon as a process, with a real PostgreSQL and, where `KAFKA_HOME` names one, a real Kafka. One at a time: they share two
/// cores, and some stop their servers.
@Suite("The whole way", .serialized)
struct SystemTests {}
