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
}
