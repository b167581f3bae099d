import CCrypto

/// SHA-256 over libcrypto, for data that comes in pieces, again and again: `finish` leaves it ready for the next message.
///
/// One thread uses an instance.
package final class SHA256 {
  package static let byteCount = 32

  private let context: OpaquePointer

  package init() {
    guard let context = EVP_MD_CTX_new() else { fatalError("libcrypto has no memory for a digest") }
    self.context = context
    start()
  }

  deinit { EVP_MD_CTX_free(context) }

  private func start() {
    guard EVP_DigestInit_ex(context, Self.algorithm, nil) == 1 else { fatalError("libcrypto refuses SHA-256") }
  }

  package func update(_ bytes: UnsafeRawBufferPointer) {
    guard EVP_DigestUpdate(context, bytes.baseAddress, bytes.count) == 1 else {
      fatalError("libcrypto refuses SHA-256")
    }
  }

  package func update(_ bytes: [UInt8]) { bytes.withUnsafeBytes { update($0) } }

  /// The 32 bytes of the digest of all that came since the last `finish`.
  package func finish() -> [UInt8] {
    let digest = [UInt8](unsafeUninitializedCapacity: Self.byteCount) { buffer, count in
      guard EVP_DigestFinal_ex(context, buffer.baseAddress, nil) == 1 else { fatalError("libcrypto refuses SHA-256") }
      count = Self.byteCount
    }
    start()
    return digest
  }

  /// The 32 bytes of one message's digest.
  package static func digest(of bytes: UnsafeRawBufferPointer) -> [UInt8] {
    messageDigest(algorithm, of: bytes, byteCount: byteCount)
  }

  package static func digest(of bytes: [UInt8]) -> [UInt8] { bytes.withUnsafeBytes { digest(of: $0) } }

  /// Fetched once: libcrypto looks an algorithm up by name at each use else. Never written to after that.
  private nonisolated(unsafe) static let algorithm: OpaquePointer = fetchDigest("SHA256")
}

/// An algorithm of libcrypto's default provider.
func fetchDigest(_ name: String) -> OpaquePointer {
  guard let algorithm = EVP_MD_fetch(nil, name, nil) else { fatalError("libcrypto has no \(name)") }
  return algorithm
}

func messageDigest(_ algorithm: OpaquePointer, of bytes: UnsafeRawBufferPointer, byteCount: Int) -> [UInt8] {
  [UInt8](unsafeUninitializedCapacity: byteCount) { buffer, count in
    guard EVP_Digest(bytes.baseAddress, bytes.count, buffer.baseAddress, nil, algorithm, nil) == 1 else {
      fatalError("libcrypto refuses a digest")
    }
    count = byteCount
  }
}
