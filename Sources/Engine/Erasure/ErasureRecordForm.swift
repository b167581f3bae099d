import Events

/// An erasure in the cursor topic, under the key `erasure/HASH`: `{"id":"…","hash":"00ff…","key":"01ee…","requested_at":"…",
/// "ends":[{"topic":"events","partition":0,"incarnation":0,"offset":12}]}`.
package enum ErasureRecordForm {
  static let keyPrefix = "erasure/"

  package static func key(of record: ErasureRecord) -> String { keyPrefix + hexadecimal(record.hash) }

  /// Whether a record of the cursor topic is of an erasure, and no projection's cursor.
  static func isKey(_ key: UnsafeRawBufferPointer) -> Bool { key.starts(with: Array(keyPrefix.utf8)) }

  package static func write(_ record: ErasureRecord) -> String {
    let ends = record.ends.map { end in
      // A topic's name needs no escapes.
      #"{"topic":"\#(end.partition.topic)","partition":\#(end.partition.partition),"#
        + #""incarnation":\#(end.incarnation),"offset":\#(end.offset)}"#
    }
    let key = record.keyMark.map { #""key":"\#(hexadecimal($0))","# } ?? ""
    return #"{"id":"\#(record.id)","hash":"\#(hexadecimal(record.hash))","#
      + key + #""requested_at":"\#(record.requestedAt.rfc3339)","ends":[\#(ends.joined(separator: ","))]}"#
  }

  /// nil for what is no erasure.
  package static func read(key: UnsafeRawBufferPointer?, value: UnsafeRawBufferPointer?) -> ErasureRecord? {
    guard let key, isKey(key), let json = value.flatMap({ ReadJSON($0) }), let id = json["id"]?.text,
      let hash = json["hash"]?.text.flatMap({ UInt64($0, radix: 16) }),
      let time = json["requested_at"]?.text.flatMap({ RFC3339.parse($0) }), case .array(let items)? = json["ends"]
    else { return nil }
    var ends: [ErasureRecord.End] = []
    for item in items {
      guard let topic = item["topic"]?.text, let partition = item["partition"]?.integer.flatMap({ Int32(exactly: $0) }),
        let incarnation = item["incarnation"]?.integer.flatMap({ Int32(exactly: $0) }),
        let offset = item["offset"]?.integer
      else { return nil }
      ends.append(.init(partition: TopicPartition(topic, partition), incarnation: incarnation, offset: offset))
    }
    let mark = json["key"]?.text.flatMap { UInt64($0, radix: 16) }
    return ErasureRecord(id: id, hash: hash, keyMark: mark, requestedAt: time, ends: ends)
  }

  /// 16 digits.
  package static func hexadecimal(_ hash: UInt64) -> String {
    withUnsafeBytes(of: hash.bigEndian) { Hexadecimal.text($0) }
  }
}
