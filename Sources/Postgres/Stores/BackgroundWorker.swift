import Glibc

/// One thread that runs one job at a time while its owner does something else.
///
/// What a job touches belongs to it from `start` until `isDone` says so or `wait` returns.
final class BackgroundWorker {
  /// Shared with the thread; everything in it is read and written under its lock.
  private final class State: @unchecked Sendable {
    private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private let changed = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
    private var job: (run: () -> Void, then: () -> Void)?
    private var isRunning = false
    private var isStopped = false

    init() {
      pthread_mutex_init(mutex, nil)
      pthread_cond_init(changed, nil)
    }

    deinit {
      pthread_cond_destroy(changed)
      pthread_mutex_destroy(mutex)
      changed.deallocate()
      mutex.deallocate()
    }

    private func locked<R>(_ body: () -> R) -> R {
      pthread_mutex_lock(mutex)
      defer { pthread_mutex_unlock(mutex) }
      return body()
    }

    var isBusy: Bool { locked { isRunning } }

    func start(_ job: @escaping () -> Void, then: @escaping () -> Void) {
      locked {
        precondition(!isRunning && !isStopped, "one job at a time")
        isRunning = true
        self.job = (job, then)
        pthread_cond_broadcast(changed)
      }
    }

    /// Jobs bound their own waits, so this ends.
    func wait() { locked { while isRunning { pthread_cond_wait(changed, mutex) } } }

    func stop() {
      locked {
        isStopped = true
        pthread_cond_broadcast(changed)
      }
    }

    func run() {
      while let job = next() {
        job.run()
        locked {
          isRunning = false
          pthread_cond_broadcast(changed)
        }
        job.then()
      }
    }

    private func next() -> (run: () -> Void, then: () -> Void)? {
      locked {
        while job == nil, !isStopped { pthread_cond_wait(changed, mutex) }
        defer { job = nil }
        return job
      }
    }
  }

  private let state = State()
  private var thread = pthread_t()

  init() {
    let context = Unmanaged.passRetained(state).toOpaque()
    let error = pthread_create(
      &thread, nil,
      { context in
        guard let context else { return nil }
        Unmanaged<State>.fromOpaque(context).takeRetainedValue().run()
        return nil
      }, context)
    guard error == 0 else { fatalError("no thread can be started: \(String(cString: strerror(error)))") }
  }

  deinit {
    state.stop()
    // A job that held the last reference to the owner ends here on its own thread.
    if pthread_equal(thread, pthread_self()) != 0 { pthread_detach(thread) } else { pthread_join(thread, nil) }
  }

  var isDone: Bool { !state.isBusy }
  /// `then` is called on the thread, too, once `isDone` says so; whoever waits need not have it behind them.
  func start(_ job: @escaping () -> Void, then: @escaping () -> Void = {}) { state.start(job, then: then) }
  func wait() { state.wait() }
}
