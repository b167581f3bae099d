import Glibc

/// Lets a thread wait until a moment or until somebody has something for it. A wake-up before the wait is not lost: the
/// next wait returns at once.
package final class Waker: @unchecked Sendable {
  // Both live at fixed addresses, as the C library requires; `isWoken` is read and written under the mutex only.
  private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
  private let condition = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
  private var isWoken = false

  package init() {
    pthread_mutex_init(mutex, nil)
    var attributes = pthread_condattr_t()
    pthread_condattr_init(&attributes)
    // The wall clock may jump.
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC)
    pthread_cond_init(condition, &attributes)
    pthread_condattr_destroy(&attributes)
  }

  deinit {
    pthread_cond_destroy(condition)
    pthread_mutex_destroy(mutex)
    condition.deallocate()
    mutex.deallocate()
  }

  /// From any thread.
  package func wake() {
    pthread_mutex_lock(mutex)
    isWoken = true
    pthread_cond_signal(condition)
    pthread_mutex_unlock(mutex)
  }

  /// Waits until the moment (monotonic nanoseconds) or a wake-up, and says whether it was a wake-up.
  @discardableResult
  package func wait(until deadline: Int64) -> Bool {
    var moment = timespec()
    moment.tv_sec = Int(max(deadline, 0) / SystemClock.nanosecondsPerSecond)
    moment.tv_nsec = Int(max(deadline, 0) % SystemClock.nanosecondsPerSecond)
    pthread_mutex_lock(mutex)
    defer { pthread_mutex_unlock(mutex) }
    while !isWoken {
      // Anything but 0 (a timeout, or an argument that cannot be) ends the wait; spurious wake-ups do not.
      if pthread_cond_timedwait(condition, mutex, &moment) != 0 { break }
    }
    defer { isWoken = false }
    return isWoken
  }
}
