import Events

/// The people of a window, which is the union of its days, as far as a query had to look at it.
struct WindowPeople {
  /// In a window of fewer a technology, and everybody, is skipped.
  static let least: Int64 = 10

  /// Of the day with most people.
  private var ofOneDay: Int64
  /// Projects taken out of days that were estimates already, summed over the days.
  private var takenOut: Int64
  /// The smallest 257 hashes of the union; nil where one exact day alone has people enough.
  private var smallest: [Int64]?

  /// Reads the greatest number of people of a day, the projects taken out, and the hashes or null.
  init(_ row: inout RowReader) {
    ofOneDay = row.count()
    takenOut = row.count()
    smallest = row.bigints()
  }

  /// What the threshold is compared with.
  var count: Int64 {
    guard let smallest else { return ofOneDay }
    // Only a day that is an estimate counts who was taken out.
    return PeopleSketch.count(ofUnion: smallest.map(hash(stored:)), hasEstimate: takenOut > 0) - takenOut
  }

  var isEnough: Bool { count >= Self.least }
}
