/// Identifiers that follow from a name (RFC 9562, 5.5): the same name makes the same UUID.
package enum UUIDv5 {
  /// 6ba7b811-9dad-11d1-80b4-00c04fd430c8, the namespace of the derived events' ids.
  package static let namespace: [UInt8] = [
    0x6B, 0xA7, 0xB8, 0x11, 0x9D, 0xAD, 0x11, 0xD1, 0x80, 0xB4, 0x00, 0xC0, 0x4F, 0xD4, 0x30, 0xC8,
  ]

  /// The UUID of `name`'s UTF-8 bytes in a namespace of 16 bytes, in canonical lowercase form.
  package static func string(of name: String, in namespace: [UInt8] = namespace) -> String {
    var uuid = (namespace + Array(name.utf8)).withUnsafeBytes { messageDigest(sha1, of: $0, byteCount: 20) }
    uuid.removeLast(4)
    uuid[6] = uuid[6] & 0x0F | 0x50
    uuid[8] = uuid[8] & 0x3F | 0x80
    return String(unsafeUninitializedCapacity: PackedUUID.textCount) { text in
      uuid.withUnsafeBufferPointer { PackedUUID($0).write(to: text.baseAddress!) }
      return PackedUUID.textCount
    }
  }

  private nonisolated(unsafe) static let sha1 = fetchDigest("SHA1")
}
