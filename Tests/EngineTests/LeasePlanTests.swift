import Testing

@testable import Engine

@Suite("Who takes which lease")
struct LeasePlanTests {
  private func overview(_ instances: [String], _ owners: [String?], singletons: [String: String?] = [:])
    -> LeaseOverview
  {
    func id(_ name: String?) -> InstanceID? { name.map { InstanceID(name: $0, start: 1) } }
    return LeaseOverview(
      instances: instances,
      leases: owners.enumerated().map { LeaseRow(resource: "partition/t/\($0.offset)", owner: id($0.element)) }
        + singletons.sorted { $0.key < $1.key }.map { LeaseRow(resource: $0.key, owner: id($0.value)) })
  }

  @Test("a lone instance takes everything")
  func alone() {
    let plan = LeasePlan(
      overview(["a"], [nil, nil, nil], singletons: ["projection/projects": nil, "relay": nil]), for: "a")
    #expect(plan.acquire == ["partition/t/0", "partition/t/1", "partition/t/2", "projection/projects", "relay"])
    #expect(plan.release == [])
  }

  @Test("who has more than its share gives back, and waits for no one")
  func givesBack() {
    let both = overview(["a", "b"], ["a", "a", "a", "a", "a"])
    #expect(LeasePlan(both, for: "a") == LeasePlan.expected(release: ["partition/t/3", "partition/t/4"]))
    #expect(LeasePlan(both, for: "b") == LeasePlan.expected())
  }

  @Test("what is free is shared evenly, whoever comes first", arguments: 1...5, [1, 2, 3, 6, 7, 16])
  func even(instances: Int, partitions: Int) {
    let names = (0..<instances).map { "i\($0)" }
    var owners = [String?](repeating: nil, count: partitions)
    for name in names.reversed() {
      for resource in LeasePlan(overview(names, owners), for: name).acquire {
        owners[Int(resource.split(separator: "/").last!)!] = name
      }
    }
    #expect(!owners.contains(nil))
    let counts = names.map { name in owners.filter { $0 == name }.count }
    #expect(counts.max()! - counts.min()! <= 1)
  }

  @Test("nobody takes what another holds")
  func held() {
    let plan = LeasePlan(overview(["a", "b"], ["b", "b"], singletons: ["relay": "b"]), for: "a")
    #expect(plan == LeasePlan.expected())
  }
}

extension LeasePlan {
  fileprivate static func expected(acquire: [String] = [], release: [String] = []) -> LeasePlan {
    var plan = LeasePlan(LeaseOverview(instances: ["x"], leases: []), for: "x")
    plan.acquire = acquire
    plan.release = release
    return plan
  }
}
