import Foundation
import Glibc
import TestSupport

/// The clock of the day for a process, which steps when it is told to: `Clock/stepping.c`, made by the C compiler that `make deps`
/// brings, and loaded before libc.
final class SteppingClock {
  private let library: URL
  private let file: URL
  /// Seconds off, and how often the clock was asked.
  private let shared: UnsafeMutablePointer<Int64>

  init(in folder: URL) throws {
    library = folder.appendingPathComponent("stepping.so")
    file = folder.appendingPathComponent("clock")
    let source = Bundle.module.bundleURL.appendingPathComponent("Clock/stepping.c")
    _ = try Shell.output("cc", ["-shared", "-fPIC", "-O1", "-o", library.path, source.path, "-ldl"])
    try Data(count: 16).write(to: file)
    let descriptor = open(file.path, O_RDWR | O_CLOEXEC)
    defer { close(descriptor) }
    guard descriptor >= 0, let memory = mmap(nil, 16, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0),
      memory != MAP_FAILED
    else { throw TestSupportError("\(file.path): \(String(cString: strerror(errno)))") }
    shared = memory.bindMemory(to: Int64.self, capacity: 2)
  }

  deinit { munmap(shared, 16) }

  var environment: [String: String] { ["LD_PRELOAD": library.path, "STEPPING_CLOCK": file.path] }

  /// From now on it is so far off.
  func step(hours: Int) { shared[0] = Int64(hours) * 3_600 }

  func reads() -> Int64 { shared[1] }
}
