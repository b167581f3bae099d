import CYaml

/// Reads one YAML document with libyaml. Anchors, tags of the document's own and a key twice in one mapping are refused: a
/// configuration means what it looks like.
package struct YAMLReader: ~Copyable {
  /// Nested deeper than this is a mistake.
  private static let greatestDepth = 16
  package static let greatestSize = 4 << 20

  private let parser: UnsafeMutablePointer<yaml_parser_t>
  private let file: String

  /// The document of `bytes`; an empty one is null. `file` is for messages.
  package static func read(_ bytes: [UInt8], file: String) throws(ConfigurationError) -> YAMLNode {
    if bytes.count > greatestSize { throw ConfigurationError("\(file): is larger than \(greatestSize >> 20) MiB") }
    let result = bytes.withUnsafeBufferPointer { buffer in
      Result { () throws(ConfigurationError) in
        let reader = try YAMLReader(buffer, file: file)
        return try reader.document()
      }
    }
    return try result.get()
  }

  /// `bytes` must outlive the reader.
  private init(_ bytes: UnsafeBufferPointer<UInt8>, file: String) throws(ConfigurationError) {
    let parser = UnsafeMutablePointer<yaml_parser_t>.allocate(capacity: 1)
    guard yaml_parser_initialize(parser) == 1 else {
      parser.deallocate()
      throw ConfigurationError("\(file): no memory to read it")
    }
    yaml_parser_set_input_string(parser, bytes.baseAddress, bytes.count)
    (self.parser, self.file) = (parser, file)
  }

  deinit {
    yaml_parser_delete(parser)
    parser.deallocate()
  }

  private enum Token {
    case scalar(String, isPlain: Bool)
    case sequenceStart, sequenceEnd, mappingStart, mappingEnd
    case documentStart, documentEnd, streamEnd
  }

  private func problem(_ line: Int, _ message: String) -> ConfigurationError {
    ConfigurationError("\(file):\(line): \(message)")
  }

  private func next() throws(ConfigurationError) -> (token: Token, line: Int) {
    var event = yaml_event_t()
    guard yaml_parser_parse(parser, &event) == 1 else {
      let text = parser.pointee.problem.map { String(cString: $0) } ?? "cannot be read"
      let isReaderError = parser.pointee.error == YAML_READER_ERROR
      let mark = isReaderError ? parser.pointee.mark : parser.pointee.problem_mark
      throw problem(Int(mark.line) + 1, "this is not YAML: \(text)")
    }
    defer { yaml_event_delete(&event) }
    let line = Int(event.start_mark.line) + 1
    switch event.type {
    case YAML_STREAM_START_EVENT: return try next()
    case YAML_STREAM_END_EVENT: return (.streamEnd, line)
    case YAML_DOCUMENT_START_EVENT: return (.documentStart, line)
    case YAML_DOCUMENT_END_EVENT: return (.documentEnd, line)
    case YAML_ALIAS_EVENT: throw problem(line, "aliases (*name) are not taken here")
    case YAML_SCALAR_EVENT:
      let scalar = event.data.scalar
      if scalar.anchor != nil { throw problem(line, "anchors (&name) are not taken here") }
      let text = UnsafeBufferPointer(start: scalar.value, count: scalar.length)
      return (
        .scalar(String(decoding: text, as: UTF8.self), isPlain: scalar.style == YAML_PLAIN_SCALAR_STYLE), line
      )
    case YAML_SEQUENCE_START_EVENT:
      if event.data.sequence_start.anchor != nil { throw problem(line, "anchors (&name) are not taken here") }
      return (.sequenceStart, line)
    case YAML_SEQUENCE_END_EVENT: return (.sequenceEnd, line)
    case YAML_MAPPING_START_EVENT:
      if event.data.mapping_start.anchor != nil { throw problem(line, "anchors (&name) are not taken here") }
      return (.mappingStart, line)
    case YAML_MAPPING_END_EVENT: return (.mappingEnd, line)
    default: throw problem(line, "this is not YAML that is taken here")
    }
  }

  private func document() throws(ConfigurationError) -> YAMLNode {
    let first = try next()
    guard case .documentStart = first.token else { return YAMLNode(.null, line: 1) }
    let start = try next()
    let node = try node(start.token, start.line, depth: 0)
    _ = try next()
    let last = try next()
    guard case .streamEnd = last.token else { throw problem(last.line, "a second document begins here; one is taken") }
    return node
  }

  private func node(_ token: Token, _ line: Int, depth: Int) throws(ConfigurationError) -> YAMLNode {
    if depth > Self.greatestDepth { throw problem(line, "this is nested deeper than \(Self.greatestDepth)") }
    switch token {
    case .scalar(let text, let isPlain):
      if isPlain, text.isEmpty || text == "~" || text.lowercased() == "null" { return YAMLNode(.null, line: line) }
      return YAMLNode(.scalar(text), line: line)
    case .sequenceStart:
      var nodes: [YAMLNode] = []
      while true {
        let item = try next()
        if case .sequenceEnd = item.token { return YAMLNode(.sequence(nodes), line: line) }
        nodes.append(try node(item.token, item.line, depth: depth + 1))
      }
    case .mappingStart:
      var entries: [YAMLEntry] = []
      var seen: Set<String> = []
      while true {
        let key = try next()
        if case .mappingEnd = key.token { return YAMLNode(.mapping(entries), line: line) }
        guard case .scalar(let name, _) = key.token else { throw problem(key.line, "a key is a plain text") }
        if !seen.insert(name).inserted { throw problem(key.line, "\"\(name)\" stands here for the second time") }
        let value = try next()
        entries.append(
          YAMLEntry(key: name, line: key.line, value: try node(value.token, value.line, depth: depth + 1)))
      }
    default: throw problem(line, "this is not YAML that is taken here")
    }
  }
}
