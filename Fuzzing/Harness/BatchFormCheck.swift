import Events

/// What must hold of the binary form of a batch for any bytes: they are refused, or are a batch that comes back from its own form,
/// and whose events can be shown.
package enum BatchFormCheck {
  private static let key = HashKey(k0: 1, k1: 2)
  private static let lengthBytes = 4

  /// The first thing that does not hold; nil if all does. The input is the length of the payload (4 bytes, the lowest first), the
  /// payload, and the identities.
  package static func complaint(about input: [UInt8]) -> String? {
    guard input.count >= lengthBytes else { return nil }
    let length = input.prefix(lengthBytes).reversed().reduce(0) { $0 << 8 | Int($1) }
    let payload = Array(input.dropFirst(lengthBytes).prefix(length))
    let identities = Array(input.dropFirst(lengthBytes + payload.count))
    let digests: [(offset: Int64, digest: Digest128)]?
    do throws(BatchFormError) { digests = try IdentityColumn.digests(of: identities, key: key) } catch { digests = nil }
    let batch: EventBatch
    do throws(BatchFormError) { batch = try EventBatch(payload: payload, identities: identities) } catch { return nil }
    guard let digests else { return "identities that make a batch have no digests" }
    if digests.count > batch.count { return "\(digests.count) digests of \(batch.count) events" }
    let form = batch.encoded()
    do throws(BatchFormError) {
      let again = try EventBatch(payload: form.payload, identities: form.identities)
      for index in 0..<batch.count where line(index, of: again) != line(index, of: batch) {
        return "event \(index) comes back as another"
      }
      let second = again.encoded()
      return second == form ? nil : "the form of a batch depends on where it comes from"
    } catch {
      return "a batch's own form is refused: \(error)"
    }
  }

  private static func line(_ index: Int, of batch: EventBatch) -> String {
    EventJSON.line(index, of: batch, position: Int64(index) + 1, topic: "t", partition: 0)
  }
}
