import Engine
import Events
import Postgres
import Testing

@Suite("The check of the journal's chain")
struct JournalChainTests {
  /// Three segments of ten events, of which an erasure may rewrite the second.
  struct World {
    let database: TestDatabase
    let store: PostgresErasureStore

    init() throws {
      database = try ErasureStoreTests.database()
      store = PostgresErasureStore(try database.target())
    }

    func chain() throws -> JournalChain { try JournalChain(try database.target()) }

    func rewrite(_ payload: [UInt8] = [9, 9]) throws -> String {
      let id = try store.begin(ErasureStoreTests.record(1), busySeconds: 0)
      let old = try #require(try store.segments(after: 10, limit: 1, bytes: 1_000).first)
      try store.rewrite(id, searchedTo: 30, busySeconds: 0, [(old, payload, [8])])
      return id
    }

    func appendEvent() throws {
      _ = try store.appendEvent(of: try #require(try store.open().first), isRequester: true)
    }

    /// What stands in the second segment is changed, and listed as if an erasure had done it.
    func forge() throws {
      try database.connect().execute(
        """
        INSERT INTO pleat.erased_segments (
          first_position, chained_payload_digest, chained_identities_digest, payload_digest, identities_digest)
        SELECT first_position, payload_digest, identities_digest, sha256('\\x0707'), identities_digest
          FROM pleat.journal WHERE first_position = 11
          ON CONFLICT (first_position) DO UPDATE SET payload_digest = excluded.payload_digest,
            identities_digest = excluded.identities_digest;
        UPDATE pleat.journal SET payload = '\\x0707', payload_digest = sha256('\\x0707') WHERE first_position = 11;
        """)
    }

    func dropFirst(movesStart: Bool) throws {
      if movesStart {
        try database.connect().execute(
          """
          UPDATE pleat.journal_start SET first_position = 11, (chain, greatest_time) = (
            SELECT chain, greatest_so_far FROM pleat.journal WHERE first_position = 1)
          """)
      }
      try database.connect().execute("DELETE FROM pleat.journal WHERE first_position = 1")
    }
  }

  private func difference(_ chain: JournalChain) throws -> SegmentDifference? {
    for _ in 0..<100 where !chain.isDone {
      if let found = try chain.step() { return found }
    }
    #expect(chain.isDone)
    return nil
  }

  @Test("what an open erasure has rewritten is counted, and right once the erasure's event lists it")
  func erasure() throws {
    let world = try World()
    _ = try world.rewrite()
    let open = try world.chain()
    #expect(try difference(open) == nil)
    #expect(open.openSegments == 1 && open.segmentCount == 3)
    try world.appendEvent()
    let done = try world.chain()
    #expect(try difference(done) == nil)
    #expect(done.openSegments == 0 && done.segmentCount == 4)
  }

  @Test("an erasure that ends while it is checked is found behind the end that was known")
  func endsMeanwhile() throws {
    let world = try World()
    let chain = try world.chain()
    _ = try world.rewrite()
    try world.appendEvent()
    #expect(try difference(chain) == nil)
    #expect(chain.openSegments == 0 && chain.end == 31)
  }

  @Test("what no erasure's event lists is a difference, whatever the tables say", arguments: [false, true])
  func forged(afterErasure: Bool) throws {
    let world = try World()
    if afterErasure {
      _ = try world.rewrite()
      try world.appendEvent()
    }
    try world.forge()
    let found = try #require(try difference(try world.chain()))
    #expect(found.position == 11 && found.column == "erased_segments")
    #expect(found.expected.contains("lists it"))
  }

  @Test("retention while it is checked is no damage, and a missing segment is")
  func retention() throws {
    let world = try World()
    let chain = try world.chain()
    try world.dropFirst(movesStart: true)
    #expect(try difference(chain) == nil)
    #expect(chain.firstPosition == 11 && chain.segmentCount == 2)
    let damaged = try World()
    try damaged.dropFirst(movesStart: false)
    let found = try difference(try damaged.chain())
    #expect(found?.column == "first_position")
  }
}
