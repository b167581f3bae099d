import FuzzHarness
import Glibc

/// What is fuzzed: `decoder` or `batchform`, by `PLEAT_FUZZED`.
private let check: @Sendable ([UInt8]) -> String? = {
  switch getenv("PLEAT_FUZZED").map({ String(cString: $0) }) {
  case "decoder": return DecoderCheck.complaint
  case "batchform": return BatchFormCheck.complaint
  default: fatalError("PLEAT_FUZZED says neither decoder nor batchform")
  }
}()

/// libFuzzer's entry: one input.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  if let complaint = check(Array(UnsafeBufferPointer(start: start, count: count))) {
    // libFuzzer keeps the input of what aborts.
    _ = (complaint + "\n").withCString { write(STDERR_FILENO, $0, strlen($0)) }
    abort()
  }
  return 0
}
