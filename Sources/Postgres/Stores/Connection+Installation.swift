package import Events
import Projections

extension Connection {
  /// The installation's key, from which hashes of people and digests of identities are made.
  package func installationKey() throws(PostgresError) -> HashKey {
    let found = try query("SELECT hash_key FROM pleat.secrets").map { $0.bytea() ?? [] }
    guard let bytes = found.first, let words = Digest128(bytes: bytes) else {
      throw .unexpected("the installation has no hash key")
    }
    return HashKey(k0: words.low, k1: words.high)
  }

  /// Whether derived events were published: then there must be a cursor topic.
  package func hasPublished() throws(PostgresError) -> Bool {
    try query("SELECT EXISTS (SELECT FROM pleat.relay_places WHERE position > 0)").map { $0.bool() ?? false }.first
      ?? false
  }
}
