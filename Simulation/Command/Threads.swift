import Glibc

enum Threads {
  /// Worlds have stacks of their own; what is around them needs little.
  private static let stackBytes = 4 << 20

  /// Runs the body so many times at once, and waits for all.
  static func run(_ count: Int, _ body: @escaping (Int) -> Void) {
    final class Box: @unchecked Sendable {
      let run: () -> Void
      init(_ run: @escaping () -> Void) { self.run = run }
    }
    var attributes = pthread_attr_t()
    pthread_attr_init(&attributes)
    pthread_attr_setstacksize(&attributes, stackBytes)
    var threads: [pthread_t] = []
    for index in 0..<count {
      var thread = pthread_t()
      let box = Unmanaged.passRetained(Box { body(index) })
      let status = pthread_create(
        &thread, &attributes,
        { argument in
          guard let argument else { return nil }
          Unmanaged<Box>.fromOpaque(argument).takeRetainedValue().run()
          return nil
        }, box.toOpaque())
      precondition(status == 0, "no thread: \(String(cString: strerror(status)))")
      threads.append(thread)
    }
    for thread in threads { pthread_join(thread, nil) }
    pthread_attr_destroy(&attributes)
  }
}
