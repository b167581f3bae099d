import CSystemd
import Glibc

/// journald's own protocol: the message, its priority, and each field by its name in capitals behind `PLEAT_`.
struct JournalSink: LogSink {
  func write(_ record: LogRecord) {
    let fields = Self.fields(record).map { Array($0.utf8) }
    var vectors: [iovec] = []
    let storage = fields.map { field in
      let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: field.count, alignment: 1)
      buffer.copyBytes(from: field)
      vectors.append(iovec(iov_base: buffer.baseAddress, iov_len: buffer.count))
      return buffer
    }
    defer { for buffer in storage { buffer.deallocate() } }
    if sd_journal_sendv(vectors, Int32(vectors.count)) < 0 {
      // Without journald, what reads standard error may still understand its prefix.
      standardError("<\(record.severity.priority)>\(record.message)\n")
    }
  }

  static func fields(_ record: LogRecord) -> [String] {
    ["MESSAGE=\(record.message)", "PRIORITY=\(record.severity.priority)", "SYSLOG_IDENTIFIER=pleat"]
      + record.fields.map { "PLEAT_\(journalName($0.0))=\($0.1)" }
  }

  /// journald takes capitals, digits and underscores.
  private static func journalName(_ name: String) -> String {
    String(name.uppercased().map { $0.isASCII && ($0.isLetter || $0.isNumber) ? $0 : "_" })
  }

  /// Whether journald takes records; where it does not, its library drops them without a word.
  static var isThere: Bool { access("/run/systemd/journal/socket", F_OK) == 0 }

  /// Whether standard error leads to journald, as systemd says in `JOURNAL_STREAM` (device:inode).
  static func isConnected(_ environment: [String: String]) -> Bool {
    guard let stream = environment["JOURNAL_STREAM"] else { return false }
    let parts = stream.split(separator: ":")
    var status = stat()
    guard parts.count == 2, let device = UInt64(parts[0]), let inode = UInt64(parts[1]),
      fstat(STDERR_FILENO, &status) == 0
    else { return false }
    return UInt64(status.st_dev) == device && UInt64(status.st_ino) == inode
  }
}
