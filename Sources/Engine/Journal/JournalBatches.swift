/// Whoever reads the journal in its order.
package protocol JournalBatches {
  /// The batch that holds the first event behind `position`, which is where this reader has come to; nil at the journal's end.
  mutating func batch(after position: Int64) throws(StoreError) -> JournalBatch?
}
