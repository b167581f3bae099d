/// A dead letter as an erasure reads it.
package struct ErasableLetter: Sendable {
  package var id: Int64
  /// Of the member behind the reason.
  package var path: String?
  package var key: [UInt8]?
  package var value: [UInt8]?
  /// Names and values.
  package var headers: [[UInt8]]
  package init(id: Int64, path: String?, key: [UInt8]?, value: [UInt8]?, headers: [[UInt8]]) {
    (self.id, self.path, self.key, self.value, self.headers) = (id, path, key, value, headers)
  }
}

/// A dead letter that an erasure empties.
package struct ErasedLetter: Sendable {
  package var id: Int64
  package var dropsKey: Bool
  package var dropsPath: Bool
  package init(id: Int64, dropsKey: Bool, dropsPath: Bool) {
    (self.id, self.dropsKey, self.dropsPath) = (id, dropsKey, dropsPath)
  }
}
