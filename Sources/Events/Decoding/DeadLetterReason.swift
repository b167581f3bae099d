/// Why a record was refused, by the contract's names.
package enum DeadLetterReason: UInt8, CaseIterable, Sendable {
  case emptyValue, tooLarge, invalidUTF8, malformedJSON, duplicateMember, notAnObject
  case unsupportedSpecversion, missingMember, wrongType, invalidValue, outOfRange, tooLong, futureTime

  package var name: String {
    switch self {
    case .emptyValue: "empty_value"
    case .tooLarge: "too_large"
    case .invalidUTF8: "invalid_utf8"
    case .malformedJSON: "malformed_json"
    case .duplicateMember: "duplicate_member"
    case .notAnObject: "not_an_object"
    case .unsupportedSpecversion: "unsupported_specversion"
    case .missingMember: "missing_member"
    case .wrongType: "wrong_type"
    case .invalidValue: "invalid_value"
    case .outOfRange: "out_of_range"
    case .tooLong: "too_long"
    case .futureTime: "future_time"
    }
  }
}

/// A record's refusal: the reason and the JSON Pointer (or header name) of the member behind it, where there is one.
package struct Refusal: Error, Hashable, Sendable {
  package var reason: DeadLetterReason
  package var path: String?
  package init(_ reason: DeadLetterReason, at path: String? = nil) { (self.reason, self.path) = (reason, path) }
}
