import CZstd
import Synchronization

/// Why bytes could not be decompressed.
package enum ZstdError: Error, Hashable, Sendable {
  /// Not one whole zstd frame that says its size.
  case malformed
  /// The frame says a size above the limit.
  case tooLarge
}

/// Compression by zstd, one frame at a time, with contexts that are used again.
package enum Zstd {
  /// One frame with the bytes' size in it. Levels from 1 (fast) to 19.
  package static func compress(_ bytes: UnsafeRawBufferPointer, level: Int32) -> [UInt8] {
    let context = ZstdContexts.take()
    defer { ZstdContexts.giveBack(context) }
    let bound = ZSTD_compressBound(bytes.count)
    return [UInt8](unsafeUninitializedCapacity: bound) { buffer, count in
      let size = ZSTD_compressCCtx(
        context.compression, buffer.baseAddress, bound, bytes.baseAddress, bytes.count, level)
      guard ZSTD_isError(size) == 0 else {
        fatalError("zstd cannot compress: \(String(cString: ZSTD_getErrorName(size)))")
      }
      count = size
    }
  }

  /// The content of one frame of at most `maximumSize` bytes, which is all of `bytes`.
  package static func decompress(_ bytes: UnsafeRawBufferPointer, maximumSize: Int) throws(ZstdError) -> [UInt8] {
    guard ZSTD_findFrameCompressedSize(bytes.baseAddress, bytes.count) == bytes.count else { throw .malformed }
    let size = ZSTD_getFrameContentSize(bytes.baseAddress, bytes.count)
    // The two greatest values mean that the frame says no size, and that it is no frame.
    guard size < UInt64.max - 1 else { throw .malformed }
    guard size <= UInt64(maximumSize) else { throw .tooLarge }
    let expected = Int(size)
    let context = ZstdContexts.take()
    defer { ZstdContexts.giveBack(context) }
    let content = [UInt8](unsafeUninitializedCapacity: expected) { buffer, count in
      let written = ZSTD_decompressDCtx(
        context.decompression, buffer.baseAddress, expected, bytes.baseAddress, bytes.count)
      count = ZSTD_isError(written) == 0 ? written : 0
    }
    guard content.count == expected else { throw .malformed }
    return content
  }
}

/// zstd's working memory. Whoever took it from the pool has it alone.
private final class ZstdContexts: @unchecked Sendable {
  let compression: OpaquePointer
  let decompression: OpaquePointer

  private init() {
    guard let compression = ZSTD_createCCtx(), let decompression = ZSTD_createDCtx() else {
      fatalError("zstd has no memory for a context")
    }
    (self.compression, self.decompression) = (compression, decompression)
  }

  deinit {
    ZSTD_freeCCtx(compression)
    ZSTD_freeDCtx(decompression)
  }

  /// How many are kept for later; more are freed.
  private static let poolCapacity = 4
  private static let pool = Mutex<[ZstdContexts]>([])

  static func take() -> ZstdContexts { pool.withLock { $0.popLast() } ?? ZstdContexts() }

  static func giveBack(_ contexts: ZstdContexts) {
    pool.withLock { if $0.count < poolCapacity { $0.append(contexts) } }
  }
}
