import Events

/// Where an event that fans out has come to, behind a page.
enum FanOutPlace {
  case organisation(ProjectsOfOrganisation)
  /// Everything that the queries before it name is changed, and some of what it names.
  case erasure(query: Int)
}

/// The projects of an organisation that are still to be moved.
struct ProjectsOfOrganisation {
  var org: String
  /// What the organisation let them share, and lets them share now.
  var old: Sharing
  var new: Sharing
  /// The key of the last that was moved; zero, which none has, before the first.
  var last: RowKey
}
