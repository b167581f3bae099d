/// Why bytes are not an event batch (or an identities column) in binary form.
package enum BatchFormError: Error, Hashable, Sendable {
  /// The first bytes are not those of this form.
  case notThisForm
  case unknownVersion(UInt8)
  /// The bytes end within something.
  case truncated
  /// Bytes are left over.
  case trailingBytes
  /// More events, strings or bytes than a batch may have.
  case tooLarge
  /// Something has a value that the form does not have: what, in words.
  case malformed(String)
  case compression(ZstdError)
  /// Payload and identities are not of the same batch: so many events in each.
  case mismatch(payload: Int, identities: Int)
}
