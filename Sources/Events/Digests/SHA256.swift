import CCrypto

/// SHA-256 over libcrypto.
package enum SHA256 {
  /// A digest's.
  package static let byteCount = 32

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
