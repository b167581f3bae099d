import Foundation

/// One of the conformance sets: events, and what must come of them.
struct ConformanceSet {
  var name: String
  /// `key TAB value`, a line an event, as they are to be produced to one partition.
  var events: Data
  var results: [String: Any]

  init(_ name: String) throws {
    self.name = name
    events = try Self.unpacked("\(name).tsv.gz")
    results = try JSONSerialization.jsonObject(with: Self.unpacked("\(name).json.gz")) as! [String: Any]
  }

  private static func unpacked(_ file: String) throws -> Data {
    let url = Bundle.module.resourceURL!.appendingPathComponent("Conformance/\(file)")
    return try Shell.output("/bin/gzip", ["-dc", url.path])
  }

  var counts: [String: Any] { results["counts"] as! [String: Any] }
  func rows(_ part: String, _ view: String) -> [[String: Any]] {
    (results[part] as! [String: Any])[view] as! [[String: Any]]
  }
  var derivedEvents: [[String: Any]] { results["derived_events"] as! [[String: Any]] }
}
