import Glibc

/// Threads that nobody joins. Signals are the main thread's: whoever starts one has blocked them.
package enum DetachedThread {
  private final class Job {
    let run: () -> Void
    init(_ run: @escaping () -> Void) { self.run = run }
  }

  /// Begins at once; what the body touches belongs to its thread from now on.
  package static func start(_ name: String, _ body: @escaping () -> Void) {
    var thread = pthread_t()
    let job = Unmanaged.passRetained(
      Job {
        setName(name)
        body()
      })
    let status = pthread_create(
      &thread, nil,
      { argument in
        guard let argument else { return nil }
        Unmanaged<Job>.fromOpaque(argument).takeRetainedValue().run()
        return nil
      }, job.toOpaque())
    precondition(status == 0, "no thread for \(name): \(String(cString: strerror(status)))")
    pthread_detach(thread)
  }

  /// For `top -H` and the like; where the kernel offers no such file the thread stays nameless.
  private static func setName(_ name: String) {
    let descriptor = open("/proc/thread-self/comm", O_WRONLY | O_CLOEXEC)
    if descriptor < 0 { return }
    // The kernel keeps 15 bytes.
    let bytes = Array(name.utf8.prefix(15))
    _ = write(descriptor, bytes, bytes.count)
    close(descriptor)
  }
}
