import Events

extension EventBatch {
  /// About what the batch takes in memory: its strings, texts and structs.
  var byteCount: Int {
    strings.byteCount + strings.count * 16 + texts.count + events.count * (MemoryLayout<Event>.stride + 48)
      + technologies.count * MemoryLayout<TechnologyMention>.stride
  }
}
