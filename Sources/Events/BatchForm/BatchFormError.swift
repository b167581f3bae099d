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

extension BatchFormError: CustomStringConvertible {
  package var description: String {
    switch self {
    case .notThisForm: "it does not begin as an event batch does"
    case .unknownVersion(let version): "it is of version \(version) of the form, which this program does not know"
    case .truncated: "it ends too early"
    case .trailingBytes: "bytes are left over behind its end"
    case .tooLarge: "it holds more than a batch may"
    case .malformed(let what): what
    case .compression(let error): "it cannot be unpacked: \(error)"
    case .mismatch(let payload, let identities):
      "its payload holds \(payload) events, and its identities are of \(identities)"
    }
  }
}
