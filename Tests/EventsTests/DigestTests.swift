import Events
import Testing

@Suite("Digests")
struct DigestTests {
  private func hex(_ bytes: [UInt8]) -> String {
    bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
  }

  @Test(
    "SHA-256 comes out as FIPS 180-4 has it",
    arguments: [
      ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
      ("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
      (
        "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
        "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"
      ),
    ])
  func sha256(message: String, expected: String) {
    #expect(hex(SHA256.digest(of: Array(message.utf8))) == expected)
  }

  @Test(
    "a name's UUID is the one that others make",
    arguments: [
      ("http://example.com/", "0a300ee9-f9e4-5697-a51a-efc7fafaba67"),
      (
        #"["technology_trend_changed","technology/Rust","2026-11-01T05:00:00Z",null]"#,
        "b32b1ab6-a86b-50b0-9040-30e8cef03efe"
      ),
    ])
  func uuids(name: String, expected: String) {
    #expect(UUIDv5.string(of: name) == expected)
  }
}
