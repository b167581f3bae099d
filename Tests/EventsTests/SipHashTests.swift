import CCrypto
import Events
import Randomness
import Testing

@Suite("SipHash")
struct SipHashTests {
  /// The key of the authors' reference vectors: bytes 0 to 15.
  private let key = HashKey(k0: 0x0706_0504_0302_0100, k1: 0x0F0E_0D0C_0B0A_0908)

  private func hash(_ key: HashKey, _ bytes: [UInt8]) -> UInt64 { bytes.withUnsafeBufferPointer { sipHash24(key, $0) } }
  private func wide(_ key: HashKey, _ bytes: [UInt8]) -> Digest128 {
    bytes.withUnsafeBufferPointer { sipHash24Wide(key, $0) }
  }

  @Test(
    "the reference vectors come out",
    arguments: [
      (0, 0x726F_DB47_DD0E_0E31 as UInt64), (1, 0x74F8_39C5_93DC_67FD), (2, 0x0D6C_8009_D9A9_4F5A),
      (7, 0xAB02_00F5_8B01_D137), (8, 0x93F5_F579_9A93_2462), (15, 0xA129_CA61_49BE_45E5),
    ])
  func vectors(count: Int, expected: UInt64) {
    #expect(hash(key, (0..<count).map { UInt8($0) }) == expected)
  }

  @Test("the reference vector of 128 bits for nothing comes out")
  func wideVector() {
    // a3817f04ba25a8e66df67214c7550293
    #expect(wide(key, []) == Digest128(low: 0xE6A8_25BA_047F_81A3, high: 0x9302_55C7_1472_F66D))
  }

  @Test("libcrypto comes to the same for every length and many keys")
  func differential() throws {
    var random = SeededRandom(seed: 24)
    for count in 0..<200 {
      for _ in 0..<3 {
        let key = HashKey(k0: random.next(), k1: random.next())
        let bytes = random.bytes(count)
        #expect(try libcrypto(key, bytes, size: 8) == littleEndian(hash(key, bytes)), "\(count) bytes")
        let digest = wide(key, bytes)
        #expect(
          try libcrypto(key, bytes, size: 16) == littleEndian(digest.low) + littleEndian(digest.high), "\(count) bytes")
      }
    }
  }

  private func littleEndian(_ value: UInt64) -> [UInt8] { withUnsafeBytes(of: value.littleEndian) { Array($0) } }

  private struct Unavailable: Error {}

  private func libcrypto(_ key: HashKey, _ bytes: [UInt8], size: Int) throws -> [UInt8] {
    guard let mac = EVP_MAC_fetch(nil, "SIPHASH", nil), let context = EVP_MAC_CTX_new(mac) else { throw Unavailable() }
    defer {
      EVP_MAC_CTX_free(context)
      EVP_MAC_free(mac)
    }
    var width = size
    // The parameter keeps the address of its name.
    let set = "size".withCString { name in
      withUnsafeMutablePointer(to: &width) { width in
        EVP_MAC_CTX_set_params(context, [OSSL_PARAM_construct_size_t(name, width), OSSL_PARAM_construct_end()])
      }
    }
    let keyBytes = littleEndian(key.k0) + littleEndian(key.k1)
    var result = [UInt8](repeating: 0, count: size)
    var count = 0
    guard set == 1, EVP_MAC_init(context, keyBytes, keyBytes.count, nil) == 1,
      EVP_MAC_update(context, bytes, bytes.count) == 1, EVP_MAC_final(context, &result, &count, size) == 1,
      count == size
    else { throw Unavailable() }
    return result
  }
}
