import CSimdjson

/// The members of one object of a JSON text that was read, checked one by one as the contract says.
///
/// Strings that it hands out are valid until the next one is read.
struct ObjectReader {
  private let text: UnsafePointer<UInt8>
  private let nodes: UnsafePointer<pleat_json_node>
  private let scratch: UnsafeMutablePointer<UInt8>
  /// For each known name that is present, where it stands.
  struct Slot {
    var node: UInt32
    /// Of its string, if that is looked up ahead; else 0.
    var hash: UInt32
  }
  private let slots: UnsafeMutablePointer<Slot>
  private var object = 0
  /// Known names that are there and not null.
  private var present = MemberSet()
  /// All names that are there; that of number 0 stands for any other.
  private var seen = MemberSet()

  init(_ document: pleat_json_document, slots: UnsafeMutablePointer<Slot>) {
    (text, nodes, scratch, self.slots) = (document.text, document.nodes, document.scratch, slots)
  }

  func isObject(_ node: Int) -> Bool { Int(nodes[node].kind) == PLEAT_JSON_OBJECT }

  /// Reads these members of this object from now on. Another reader of the same document keeps what it has of others.
  @inline(__always)
  mutating func open(_ object: Int, for members: MemberSet) {
    open(object, for: members) { _, _ in 0 }
  }

  /// As above, of an event's data, whose identifiers are looked for in these strings soon: what that will touch in memory is brought
  /// nearer, of all of them at once.
  @inline(__always)
  mutating func open(
    _ object: Int, for members: MemberSet, lookingUp identifiers: MemberSet, in strings: borrowing SymbolTable
  ) {
    let text = text
    open(object, for: members) { number, node in
      guard identifiers.contains(number: number), Int(node.kind) == PLEAT_JSON_STRING, node.flags == 0 else { return 0 }
      let hash = strings.hash(Bytes(start: text + Int(node.start), count: Int(node.length)))
      strings.prefetch(hash: hash)
      return hash
    }
  }

  @inline(__always)
  private mutating func open(
    _ object: Int, for members: MemberSet, hash: (UInt8, borrowing pleat_json_node) -> UInt32
  ) {
    self.object = object
    present = MemberSet()
    seen = MemberSet()
    let end = Int(nodes[object].next)
    var i = object + 1
    while i < end {
      let node = nodes[i]
      seen.insert(number: node.name)
      if members.contains(number: node.name), Int(node.kind) != PLEAT_JSON_NULL {
        present.insert(number: node.name)
        slots[Int(node.name)] = Slot(node: UInt32(truncatingIfNeeded: i), hash: hash(node.name, node))
      }
      i = Int(node.next)
    }
  }

  /// Whether the member is there and not null.
  @inline(__always)
  func isPresent(_ member: Member) -> Bool { present.contains(member) }

  @inline(__always)
  private func index(_ member: Member) -> Int { Int(slots[Int(member.rawValue)].node) }

  /// The node's index, if the member is present.
  @inline(__always)
  private func node(_ member: Member) -> Int? { isPresent(member) ? index(member) : nil }

  @inline(__always)
  private func required(_ member: Member) throws(Refusal) -> Int {
    guard isPresent(member) else { throw refusal(.missingMember, member) }
    return index(member)
  }

  @inline(__always)
  private func raw(_ node: pleat_json_node) -> Bytes {
    Bytes(start: text + Int(node.start), count: Int(node.length))
  }

  /// A string's text, unescaped.
  @inline(__always)
  private func string(_ node: pleat_json_node) -> Bytes {
    if Int(node.flags) & PLEAT_JSON_ESCAPED == 0 { return raw(node) }
    let count = pleat_json_unescape(text + Int(node.start), Int(node.length), scratch)
    return Bytes(start: scratch, count: count)
  }
}

// MARK: - Refusals

extension ObjectReader {
  @inline(never)
  func refusal(_ reason: DeadLetterReason, _ member: Member) -> Refusal {
    if let node = anyNode(member) { return Refusal(reason, at: path(to: node)) }
    return Refusal(reason, at: path(to: object) + "/" + member.text.description)
  }

  @inline(never)
  private func refusal(_ reason: DeadLetterReason, node: Int) -> Refusal { Refusal(reason, at: path(to: node)) }

  /// The member's node, also where it is null.
  private func anyNode(_ member: Member) -> Int? {
    var i = object + 1
    while i < Int(nodes[object].next) {
      if nodes[i].name == member.rawValue { return i }
      i = Int(nodes[i].next)
    }
    return nil
  }

  /// The JSON Pointer to a node, names as they were written.
  func path(to target: Int) -> String {
    var path = ""
    var parent = 0
    while parent != target {
      var child = parent + 1
      var position = 0
      while Int(nodes[child].next) <= target {
        child = Int(nodes[child].next)
        position += 1
      }
      path += "/"
      if isObject(parent) {
        let name = Bytes(start: text + Int(nodes[child].key_start), count: Int(nodes[child].key_length))
        for scalar in String(decoding: name, as: UTF8.self).unicodeScalars {
          switch scalar {
          case "~": path += "~0"
          case "/": path += "~1"
          default: path.unicodeScalars.append(scalar)
          }
        }
      } else {
        path += String(position)
      }
      parent = child
    }
    return path
  }
}

// MARK: - Strings

extension ObjectReader {
  /// A string as it is; the member is present.
  func text(_ member: Member, otherwise reason: DeadLetterReason = .wrongType) throws(Refusal) -> Bytes {
    let node = nodes[index(member)]
    guard Int(node.kind) == PLEAT_JSON_STRING else { throw refusal(reason, member) }
    return string(node)
  }

  @inline(__always)
  func identifier(_ member: Member, _ batch: inout EventBatch) throws(Refusal) -> Symbol {
    intern(try identifierText(try required(member)), of: member, &batch)
  }

  @inline(__always)
  private func intern(_ text: Bytes, of member: Member, _ batch: inout EventBatch) -> Symbol {
    let hash = slots[Int(member.rawValue)].hash
    return hash == 0 ? batch.strings.intern(text) : batch.strings.intern(text, hash: hash)
  }

  /// The event's own, which hardly ever comes twice.
  @inline(__always)
  func eventID(_ batch: inout EventBatch) throws(Refusal) -> Symbol {
    batch.strings.append(try identifierText(try required(.id)))
  }

  @inline(__always)
  func optionalEventID(_ batch: inout EventBatch) throws(Refusal) -> Symbol {
    isPresent(.id) ? try eventID(&batch) : .none
  }

  @inline(__always)
  func optionalIdentifier(_ member: Member, _ batch: inout EventBatch) throws(Refusal) -> Symbol {
    guard let node = node(member) else { return .none }
    return intern(try identifierText(node), of: member, &batch)
  }

  @inline(__always)
  private func identifierText(_ index: Int) throws(Refusal) -> Bytes {
    let node = nodes[index]
    guard Int(node.kind) == PLEAT_JSON_STRING else { throw refusal(.wrongType, node: index) }
    let text = string(node)
    if text.isEmpty || (node.flags != 0 && text.hasControlCharacters) { throw refusal(.invalidValue, node: index) }
    if text.count > Limits.identifierBytes { throw refusal(.tooLong, node: index) }
    return text
  }

  func eventType(_ batch: inout EventBatch) throws(Refusal) -> (EventType, Symbol) {
    let name = try identifierText(try required(.type))
    let type = EventType(name)
    return (type, type == .other ? batch.strings.intern(name) : .none)
  }

  @inline(__always)
  func name(_ member: Member, _ batch: inout EventBatch) throws(Refusal) -> Symbol {
    batch.strings.intern(try nameText(try required(member)))
  }

  @inline(__always)
  func optionalName(_ member: Member, _ batch: inout EventBatch) throws(Refusal) -> Symbol {
    guard let node = node(member) else { return .none }
    return batch.strings.intern(try nameText(node))
  }

  @inline(__always)
  private func nameText(_ index: Int) throws(Refusal) -> Bytes {
    let node = nodes[index]
    guard Int(node.kind) == PLEAT_JSON_STRING else { throw refusal(.wrongType, node: index) }
    let text = string(node).trimmed
    if text.isEmpty || (node.flags != 0 && text.hasControlCharacters) { throw refusal(.invalidValue, node: index) }
    if text.count > Limits.nameBytes { throw refusal(.tooLong, node: index) }
    return text
  }

  /// Any text, kept as it is; `.none` where the member is absent.
  func optionalText(_ member: Member, _ batch: inout EventBatch) throws(Refusal) -> Text {
    guard isPresent(member) else { return .none }
    let text = try text(member)
    let from = batch.texts.count
    batch.texts.append(contentsOf: text)
    return Text(offset: UInt32(from), count: UInt32(text.count))
  }

  func choice<T: Choice>(_ member: Member) throws(Refusal) -> T {
    let node = nodes[try required(member)]
    guard Int(node.kind) == PLEAT_JSON_STRING else { throw refusal(.wrongType, member) }
    guard let value = T(string(node)) else { throw refusal(.invalidValue, member) }
    return value
  }

  func optionalChoice<T: Choice>(_ member: Member) throws(Refusal) -> T? {
    isPresent(member) ? try choice(member) as T : nil
  }

  func boolean(_ member: Member) throws(Refusal) -> Bool {
    switch Int(nodes[try required(member)].kind) {
    case PLEAT_JSON_TRUE: return true
    case PLEAT_JSON_FALSE: return false
    default: throw refusal(.wrongType, member)
    }
  }

  func optionalBoolean(_ member: Member) throws(Refusal) -> Bool? {
    isPresent(member) ? try boolean(member) : nil
  }

  func requiredObject(_ member: Member) throws(Refusal) -> Int {
    let node = try required(member)
    if !isObject(node) { throw refusal(.wrongType, member) }
    return node
  }
}

// MARK: - Numbers

extension ObjectReader {
  private func number(_ member: Member) throws(Refusal) -> DecimalNumber {
    let node = nodes[try required(member)]
    guard Int(node.kind) == PLEAT_JSON_NUMBER else { throw refusal(.wrongType, member) }
    return DecimalNumber(raw(node))
  }

  func integer(_ member: Member, in range: ClosedRange<Int64>) throws(Refusal) -> Int64 {
    let number = try number(member)
    guard number.hasAtMost(fractionalDigits: 0) else { throw refusal(.wrongType, member) }
    guard let magnitude = number.magnitude(timesTenTo: 0), !number.isBelowZero, range.contains(magnitude.value) else {
      throw refusal(.outOfRange, member)
    }
    return magnitude.value
  }

  func optionalInteger(_ member: Member, in range: ClosedRange<Int64>) throws(Refusal) -> Int64? {
    isPresent(member) ? try integer(member, in: range) : nil
  }

  /// From 0 to `limit` units of 10^−`digits`; finer is cut off, but not before the comparison with the limit.
  private func quantity(
    _ number: DecimalNumber, _ member: Member, digits: Int, limit: Int64
  ) throws(Refusal) -> Int64 {
    guard let magnitude = number.magnitude(timesTenTo: digits), !number.isBelowZero,
      magnitude.value < limit || (magnitude.value == limit && magnitude.isExact)
    else { throw refusal(.outOfRange, member) }
    return magnitude.value
  }

  /// Milliseconds, as microseconds.
  func duration(_ member: Member) throws(Refusal) -> Int64 {
    try quantity(
      try number(member), member, digits: Limits.microsecondDigits, limit: Limits.durationMicroseconds)
  }

  func optionalDuration(_ member: Member) throws(Refusal) -> Int64? {
    isPresent(member) ? try duration(member) : nil
  }

  /// From 0 to 1, as millionths.
  func fraction(_ member: Member) throws(Refusal) -> Int32 {
    Int32(
      try quantity(try number(member), member, digits: Limits.millionthDigits, limit: Limits.millionths))
  }

  func optionalFraction(_ member: Member) throws(Refusal) -> Int32? {
    isPresent(member) ? try fraction(member) : nil
  }

  /// Dollars, as a number or a decimal string, as nano-dollars.
  func money(_ member: Member) throws(Refusal) -> Int64 {
    let node = nodes[try required(member)]
    let number: DecimalNumber
    switch Int(node.kind) {
    case PLEAT_JSON_NUMBER: number = DecimalNumber(raw(node))
    case PLEAT_JSON_STRING:
      let text = string(node)
      guard text.isDecimalString else { throw refusal(.invalidValue, member) }
      number = DecimalNumber(text)
    default: throw refusal(.wrongType, member)
    }
    guard number.hasAtMost(fractionalDigits: Limits.nanodollarDigits) else { throw refusal(.invalidValue, member) }
    return try quantity(number, member, digits: Limits.nanodollarDigits, limit: Limits.nanodollars)
  }

  func optionalMoney(_ member: Member) throws(Refusal) -> Int64? {
    isPresent(member) ? try money(member) : nil
  }

  /// A bare event's time: RFC 3339, or milliseconds since the epoch.
  func timestamp() throws(Refusal) -> Timestamp {
    let node = nodes[try required(.timestamp)]
    switch Int(node.kind) {
    case PLEAT_JSON_STRING:
      guard let time = RFC3339.parse(string(node)) else { throw refusal(.invalidValue, .timestamp) }
      return time
    case PLEAT_JSON_NUMBER:
      let number = DecimalNumber(raw(node))
      guard let magnitude = number.magnitude(timesTenTo: Limits.microsecondDigits), !number.isBelowZero else {
        throw refusal(.outOfRange, .timestamp)
      }
      return Timestamp(microseconds: magnitude.value)
    default: throw refusal(.wrongType, .timestamp)
    }
  }
}

// MARK: - Lists, and what is not known

extension ObjectReader {
  func technologies(_ members: MemberSet, _ batch: inout EventBatch) throws(Refusal) -> Range<UInt32> {
    let list = try required(.technologies)
    guard Int(nodes[list].kind) == PLEAT_JSON_ARRAY else { throw refusal(.wrongType, .technologies) }
    let end = Int(nodes[list].next)
    var count = 0
    var i = list + 1
    while i < end {
      count += 1
      i = Int(nodes[i].next)
    }
    guard Limits.technologies.contains(count) else { throw refusal(.outOfRange, .technologies) }
    let from = UInt32(batch.technologies.count)
    i = list + 1
    while i < end {
      if isObject(i) {
        var entry = self
        entry.open(i, for: members)
        let name = try entry.name(.name, &batch)
        let category = try entry.optionalName(.category, &batch)
        let unknown = entry.keepUnknown(besides: members, &batch)
        batch.technologies.append(TechnologyMention(name: name, category: category, unknown: unknown, isObject: true))
      } else {
        let name = batch.strings.intern(try nameText(i))
        batch.technologies.append(TechnologyMention(name: name, category: .none, unknown: .none, isObject: false))
      }
      i = Int(nodes[i].next)
    }
    return from..<UInt32(batch.technologies.count)
  }

  /// Keeps every member besides the known ones, null or not, as JSON text without braces and without white space.
  @inline(__always)
  func keepUnknown(besides known: MemberSet, _ batch: inout EventBatch) -> Text {
    seen.isSubset(of: known) ? .none : keep(besides: known, &batch)
  }

  private func keep(besides known: MemberSet, _ batch: inout EventBatch) -> Text {
    let from = batch.texts.count
    let end = Int(nodes[object].next)
    var i = object + 1
    while i < end {
      let node = nodes[i]
      if !known.contains(number: node.name) {
        if batch.texts.count > from { batch.texts.append(UInt8(ascii: ",")) }
        write(member: i, to: &batch.texts)
      }
      i = Int(node.next)
    }
    return Text(offset: UInt32(from), count: UInt32(batch.texts.count - from))
  }

  private func write(member index: Int, to out: inout [UInt8]) {
    let node = nodes[index]
    // With the quotes.
    let name = Bytes(start: text + Int(node.key_start) - 1, count: Int(node.key_length) + 2)
    let quote = Int(node.kind) == PLEAT_JSON_STRING ? 1 : 0
    let valueStart = Int(node.start) - quote
    if Int(node.kind) < PLEAT_JSON_ARRAY, valueStart == Int(node.key_start) + name.count {
      out.append(contentsOf: Bytes(start: name.baseAddress, count: name.count + 1 + Int(node.length) + 2 * quote))
      return
    }
    out.append(contentsOf: name)
    out.append(UInt8(ascii: ":"))
    write(value: index, to: &out)
  }

  /// Recursion ends at PLEAT_JSON_MAX_DEPTH.
  private func write(value index: Int, to out: inout [UInt8]) {
    let node = nodes[index]
    let isObject = isObject(index)
    guard isObject || Int(node.kind) == PLEAT_JSON_ARRAY else {
      let quote = Int(node.kind) == PLEAT_JSON_STRING ? 1 : 0
      out.append(contentsOf: Bytes(start: text + Int(node.start) - quote, count: Int(node.length) + 2 * quote))
      return
    }
    out.append(UInt8(ascii: isObject ? "{" : "["))
    var i = index + 1
    while i < Int(node.next) {
      if i > index + 1 { out.append(UInt8(ascii: ",")) }
      if isObject { write(member: i, to: &out) } else { write(value: i, to: &out) }
      i = Int(nodes[i].next)
    }
    out.append(UInt8(ascii: isObject ? "}" : "]"))
  }
}
