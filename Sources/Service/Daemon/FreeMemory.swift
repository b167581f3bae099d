import CSystemd
import Glibc

/// Gives free memory back to the system where the process holds more than it should.
///
/// What rows and batches leave behind lies scattered between what stays, and the allocator keeps it: after ten minutes of catching up
/// the process held 369 MB of which 145 were in use. Giving it back takes milliseconds, in which others wait for the allocator, and what
/// is used again must be zeroed first: so it is done above the limit only, and again when enough has come together.
package struct FreeMemory {
  private let limitBytes: Int
  private let worthBytes: Int
  /// The least held since the last time.
  private var leastBytes = 0

  package init(limitBytes: Int) {
    (self.limitBytes, worthBytes) = (limitBytes, limitBytes / 8)
  }

  package mutating func giveBack() {
    guard let held = Self.residentBytes(), isDue(held) else { return }
    malloc_trim(0)
    noteLeft(Self.residentBytes() ?? held)
  }

  package mutating func noteLeft(_ bytes: Int) { leastBytes = bytes }

  /// Whether so much held is too much, and much more than was left the last time.
  package mutating func isDue(_ held: Int) -> Bool {
    leastBytes = min(leastBytes, held)
    return held > limitBytes && held - leastBytes >= worthBytes
  }

  /// The process's resident set; nil where `/proc` does not say.
  package static func residentBytes() -> Int? {
    let file = open("/proc/self/statm", O_RDONLY | O_CLOEXEC)
    if file < 0 { return nil }
    defer { close(file) }
    var text = [UInt8](repeating: 0, count: 256)
    let count = read(file, &text, text.count)
    if count <= 0 { return nil }
    let fields = text[..<count].split(separator: UInt8(ascii: " "))
    guard fields.count > 1, let pages = Int(String(decoding: fields[1], as: UTF8.self)) else { return nil }
    return pages * Int(sysconf(Int32(_SC_PAGESIZE)))
  }
}
