import Events

/// A batch's symbols in terms of the rows in memory, each resolved once.
struct BatchNames {
  private let names: Names
  private let projectKey: HashKey
  private let catalog: TechnologyCatalog
  private var people: PersonHasher

  /// By symbol; `unresolved` until asked for.
  private var nameIDs: [UInt32] = []
  private var projectKeys: [RowKey?] = []
  private var technologyIDs: [UInt32] = []
  /// The catalog's category of `technologyIDs`; that of `NameID.none` where the catalog does not know it.
  private var categoryIDs: [UInt32] = []
  /// Whether `eachNewTechnology` handed it over.
  private var isHandedOver: [Bool] = []

  /// No `Names` gets so far.
  private static let unresolved: UInt32 = .max - 1

  init(names: Names, catalog: TechnologyCatalog, key: HashKey) {
    (self.names, self.catalog) = (names, catalog)
    projectKey = ProjectLayout.key(derivedFrom: key)
    people = PersonHasher(key: key)
  }

  /// Begins with a batch. To be called again after `names` were started over.
  mutating func reset(for batch: EventBatch) {
    people.reset(for: batch)
    Self.reset(&nameIDs, batch.strings.count)
    projectKeys.removeAll(keepingCapacity: true)
    projectKeys.append(contentsOf: repeatElement(nil, count: batch.strings.count))
    Self.reset(&technologyIDs, batch.strings.count)
    Self.reset(&categoryIDs, batch.strings.count)
    isHandedOver.removeAll(keepingCapacity: true)
    isHandedOver.append(contentsOf: repeatElement(false, count: batch.strings.count))
  }

  private static func reset(_ ids: inout [UInt32], _ count: Int) {
    ids.removeAll(keepingCapacity: true)
    ids.append(contentsOf: repeatElement(unresolved, count: count))
  }

  @inline(__always)
  mutating func name(_ symbol: Symbol, _ batch: EventBatch) -> NameID {
    if symbol.isNone { return .none }
    let index = Int(symbol.index)
    if nameIDs[index] == Self.unresolved {
      nameIDs[index] = batch.strings.withBytes(symbol) { names.intern($0).index }
    }
    return NameID(index: nameIDs[index])
  }

  @inline(__always)
  mutating func project(_ symbol: Symbol, _ batch: EventBatch) -> RowKey {
    let index = Int(symbol.index)
    if let known = projectKeys[index] { return known }
    let key = RowKey(batch.strings.withBytes(symbol) { sipHash24Wide(projectKey, $0) })
    projectKeys[index] = key
    return key
  }

  @inline(__always)
  mutating func person(_ symbol: Symbol, _ batch: EventBatch) -> UInt64 { people.hash(symbol, in: batch) }

  /// A list's distinct technologies, each with its category: the catalog's, else the first that the list names, else `.none`.
  mutating func technologies(
    _ mentions: Range<UInt32>, _ batch: EventBatch, _ technologies: inout [NameID], _ categories: inout [NameID]
  ) {
    technologies.removeAll(keepingCapacity: true)
    categories.removeAll(keepingCapacity: true)
    for mention in mentions {
      let mention = batch.technologies[Int(mention)]
      let index = Int(mention.name.index)
      if technologyIDs[index] == Self.unresolved { lookUp(mention.name, batch) }
      let technology = NameID(index: technologyIDs[index])
      var category = NameID(index: categoryIDs[index])
      if category.isNone { category = name(mention.category, batch) }
      if let known = technologies.firstIndex(of: technology) {
        if categories[known].isNone { categories[known] = category }
      } else {
        technologies.append(technology)
        categories.append(category)
      }
    }
  }

  /// The technologies of a list whose names were in no list since `reset`.
  @inline(__always)
  mutating func eachNewTechnology(_ mentions: Range<UInt32>, _ batch: EventBatch, _ body: (NameID) -> Void) {
    for mention in mentions {
      let name = batch.technologies[Int(mention)].name
      let index = Int(name.index)
      if isHandedOver[index] { continue }
      isHandedOver[index] = true
      if technologyIDs[index] == Self.unresolved { lookUp(name, batch) }
      body(NameID(index: technologyIDs[index]))
    }
  }

  private mutating func lookUp(_ symbol: Symbol, _ batch: EventBatch) {
    let index = Int(symbol.index)
    if let entry = batch.strings.withBytes(symbol, catalog.entry(for:)) {
      technologyIDs[index] = names.intern(entry.name).index
      categoryIDs[index] = names.intern(entry.category).index
    } else {
      technologyIDs[index] = name(symbol, batch).index
      categoryIDs[index] = NameID.none.index
    }
  }
}
