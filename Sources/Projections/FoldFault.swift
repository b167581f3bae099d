import Glibc

/// What a fold finds wrong in the rows that the store gave it: no journal leads to them, so somebody else has changed them.
///
/// A fold is too hot to throw from: it notes the fault, goes on with anything, and whoever folds asks, on the same thread, before
/// a row is written.
package enum FoldFault {
  private final class Note { var message: String? }

  private static let key: pthread_key_t = {
    var key: pthread_key_t = 0
    let status = pthread_key_create(&key) { Unmanaged<Note>.fromOpaque($0!).release() }
    precondition(status == 0, "no thread-specific key is left")
    return key
  }()

  /// The calling thread's.
  private static var note: Note {
    if let known = pthread_getspecific(key) { return Unmanaged<Note>.fromOpaque(known).takeUnretainedValue() }
    let made = Note()
    pthread_setspecific(key, Unmanaged.passRetained(made).toOpaque())
    return made
  }

  /// The first since the last `take` is kept.
  package static func note(_ message: String) {
    let note = note
    if note.message == nil { note.message = message }
  }

  /// What was noted on this thread since, if anything.
  package static func take() -> String? {
    let note = note
    defer { note.message = nil }
    return note.message
  }
}
