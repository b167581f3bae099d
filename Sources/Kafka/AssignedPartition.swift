/// What the source knows of a partition that it delivers.
struct AssignedPartition {
  enum State {
    case off
    case running
    /// The offset is not there: nothing until it is added anew.
    case outOfRange
  }

  var state = State.off
  var handle = 0
  /// Everything before it has been handed over.
  var nextOffset: Int64 = 0
  /// Messages taken from the queue in earlier batches belong to an earlier start.
  var firstBatch: UInt64 = 0
}

/// The partitions of one topic by their number, in memory of its own, so that a record finds its place without a
/// reference count.
final class AssignedTopic {
  let name: String
  /// librdkafka's object, which messages carry.
  var topic: OpaquePointer
  private(set) var partitions: UnsafeMutablePointer<AssignedPartition>
  private(set) var count: Int

  init(name: String, topic: OpaquePointer) {
    (self.name, self.topic) = (name, topic)
    count = 1
    partitions = .allocate(capacity: 1)
    partitions.initialize(to: AssignedPartition())
  }

  deinit {
    partitions.deinitialize(count: count)
    partitions.deallocate()
  }

  func makeRoom(for partition: Int) {
    guard partition >= count else { return }
    let larger = max(partition + 1, count * 2)
    let moved = UnsafeMutablePointer<AssignedPartition>.allocate(capacity: larger)
    moved.moveInitialize(from: partitions, count: count)
    (moved + count).initialize(repeating: AssignedPartition(), count: larger - count)
    partitions.deallocate()
    partitions = moved
    count = larger
  }
}
