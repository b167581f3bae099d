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
  /// The rows of `unmasked` or `masked` by view, at the end or at `asOfPosition`.
  func views(_ part: String, asOf: Bool = false) -> [String: [[String: Any]]] {
    (asOf ? pastResults : results)[part] as! [String: [[String: Any]]]
  }
  private var pastResults: [String: Any] { results["as_of"] as! [String: Any] }
  var asOfPosition: Int { pastResults["position"] as! Int }
  var derivedEvents: [[String: Any]] { results["derived_events"] as! [[String: Any]] }
}
