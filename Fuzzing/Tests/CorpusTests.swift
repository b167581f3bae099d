import Foundation
import FuzzHarness
import Testing

/// The inputs that are kept: one of each kind, and every one that once led to a mistake.
private func corpus(_ name: String) throws -> [(name: String, input: [UInt8])] {
  let folder = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../Corpus/\(name)").standardized
  return try FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil)
    .sorted { $0.path < $1.path }
    .map { ($0.lastPathComponent, Array(try Data(contentsOf: $0))) }
}

@Suite("What was fuzzed once holds still")
struct CorpusTests {
  @Test("records are read, or refused, as the contract reads")
  func decoder() throws {
    let inputs = try corpus("decoder")
    #expect(inputs.count > 20)
    for (name, input) in inputs {
      if let complaint = DecoderCheck.complaint(about: input) { Issue.record("\(name): \(complaint)") }
    }
  }

  @Test("batches come back from their own form, and other bytes are refused")
  func batchForm() throws {
    let inputs = try corpus("batchform")
    #expect(inputs.count > 10)
    for (name, input) in inputs {
      if let complaint = BatchFormCheck.complaint(about: input) { Issue.record("\(name): \(complaint)") }
    }
  }
}
