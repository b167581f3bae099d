import Events
import ReferenceDecoder

/// What must hold of the decoder for any record: it says what a slow reading of the contract says, and what it refuses leaves
/// nothing behind.
package enum DecoderCheck {
  /// The first thing that does not hold; nil if all does.
  package static func complaint(about input: [UInt8]) -> String? {
    let record = FuzzedRecord(input)
    let decoder = EventDecoder(identityKey: identityKey)
    var batch = EventBatch()
    // A batch is never empty for long: something stands in it already.
    guard case .success = decode(Array(usual.utf8), with: decoder, into: &batch) else {
      return "a usual event is refused"
    }
    let before = batch.extent
    let actual = decode(record.value, rawHeaders: record.headers.map { ($0, $1) }, with: decoder, into: &batch)
      .map { _ in batch.plainEvent(at: 1) }
    if case .failure = actual, batch.extent != before { return "a refused record left something behind" }
    // The reference knows names of headers as text alone.
    var headers: [(String, [UInt8]?)] = []
    for header in record.headers {
      guard let name = String(validating: header.name, as: UTF8.self) else { return nil }
      headers.append((name, header.value))
    }
    let expected = DecodingReference.decode(value: record.value, headers: headers, now: clock.microseconds)
    return actual == expected ? nil : "the contract says \(expected), the decoder \(actual)"
  }

  private static let usual =
    #"{"type":"project_opened","timestamp":1793000000000,"data":{"project_id":"p","user_id":"u"}}"#
}
