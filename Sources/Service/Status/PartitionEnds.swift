/// What a partition holds, as the broker says.
package struct PartitionEnds: Hashable, Sendable {
  /// The lowest offset there is.
  package var low: Int64
  /// The offset behind the last record.
  package var high: Int64
  package init(low: Int64, high: Int64) { (self.low, self.high) = (low, high) }
}
