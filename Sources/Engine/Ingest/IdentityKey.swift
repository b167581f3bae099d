package import Events

/// The key of identities' digests, derived from the installation's, so that a person's hash and an identity's never share one.
package func identityKey(of key: HashKey) -> HashKey {
  HashKey(k0: key.k0 ^ 0x6964_656E_7469_7479, k1: key.k1 ^ 0x706C_6561_74)
}
