/// What is known of a row in memory. A type of its own: nested in the generic store it would be made anew, at run time, for each kind
/// of row.
struct RowFlags: OptionSet {
  var rawValue: UInt8
  /// Whether the store has the key is known, and the row is whole.
  static var known: Self { Self(rawValue: 1) }
  /// The store has a row of the key.
  static var stored: Self { Self(rawValue: 2) }
  static var dirty: Self { Self(rawValue: 4) }
  /// Wanted, and not settled yet.
  static var asked: Self { Self(rawValue: 8) }
  /// Written, but for what belongs into another table.
  static var behind: Self { Self(rawValue: 16) }
  /// Asked for or changed since the last rotation.
  static var touched: Self { Self(rawValue: 32) }
}
