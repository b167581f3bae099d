/// How many messages librdkafka may hold before it stops fetching. It counts the bytes of their values alone (in 2.0.2 and since), so
/// what keys and headers take beside them is bounded by how many there are.
struct QueueCapacity {
  /// Of values. One fetch may go over it, by what its batches are when they are unpacked.
  static let kilobytes = 6 * 1_024
  /// Few small messages ahead cost throughput: librdkafka sleeps before a full queue.
  private static let greatestMessages = 24_000
  private static let leastMessages = 64
  /// So many times the bytes of values, keys and headers may take.
  private static let hiddenParts = 4
  private static let judgedMessages = 1_024

  private(set) var messages = greatestMessages
  private var seenMessages = 0
  private var hiddenBytes = 0

  private static var greatestHiddenBytes: Int { kilobytes * 1_024 * hiddenParts }

  /// Notes what was taken from the queue: how many, and what their keys and headers took.
  ///
  /// Returns whether fewer may be held from now on: never more again, since who has sent large ones may do it again.
  mutating func narrows(after taken: Int, hiddenBytes hidden: Int) -> Bool {
    seenMessages += taken
    hiddenBytes += hidden
    guard seenMessages >= Self.judgedMessages || hiddenBytes >= Self.kilobytes * 1_024 else { return false }
    let average = hiddenBytes / seenMessages
    (seenMessages, hiddenBytes) = (0, 0)
    guard average * messages > Self.greatestHiddenBytes, messages > Self.leastMessages else { return false }
    // Half of it, so that a little more the next time changes nothing.
    messages = max(Self.leastMessages, Self.greatestHiddenBytes / average / 2)
    return true
  }
}
