package import Events

extension ProjectsProjection {
  /// The most that an organisation lets its projects share.
  func limit(of org: NameID) -> Sharing {
    org.isNone ? .public : organisations[organisations.known(RowKey(org))].limit
  }

  /// The narrowest of a project's visibility and its organisation's settings.
  func sharing(of index: Int) -> Sharing { min(ledger[index].visibility, limit(of: ledger[index].org)) }

  /// Takes a project out of, or into, what everybody and its team count.
  func move(_ project: ProjectRow, from old: Sharing, to new: Sharing, _ position: Int64) {
    let team = project.team.isNone ? 0 : (new >= .team ? 1 : 0) - (old >= .team ? 1 : 0)
    if team != 0 {
      teams.count(Contribution(project, sign: Int64(team), position: position), openings: project.openings)
    }
    let everybodys = (new == .public ? 1 : 0) - (old == .public ? 1 : 0)
    if everybodys != 0 {
      let contribution = Contribution(project, sign: Int64(everybodys), position: position)
      technologies.count(contribution)
      stacks.count(contribution)
      pairs.count(contribution)
      domains.count(contribution)
      everybody.count(contribution)
    }
  }

  // MARK: - Organisations

  package func fansOut(_ index: Int, of batch: EventBatch) -> Bool {
    let event = batch.events[index]
    if event.type == .personErased { return true }
    if event.type != .orgSettingsChanged { return false }
    return moves(Int(event.row), at: event.time, of: batch)
  }

  /// Whether a change of settings may let an organisation's projects share something else than before. Asked before the events that
  /// precede it in the batch are folded, so the organisation's row says so only if none of them changes it.
  private func moves(_ row: Int, at time: Timestamp, of batch: EventBatch) -> Bool {
    let change = batch.orgSettingsChanges[row]
    if !change.isOfSharing { return false }
    if batch.orgSettingsChanges[..<row].contains(where: { $0.orgID == change.orgID && $0.isOfSharing }) { return true }
    let key = RowKey(batch.strings.withBytes(change.orgID) { names.intern($0) })
    guard let known = organisations.whole(key) else { return true }
    var changed = known
    // Of two changes at one time the later by position counts.
    _ = changed.apply(change, at: Moment(time: time, position: .max))
    return changed.limit != known.limit
  }

  /// Takes a change of settings that moves no project.
  mutating func settle(_ change: OrgSettingsChange, _ batch: EventBatch, _ moment: Moment) {
    if !change.isOfSharing { return }
    let row = organisations.known(RowKey(batchNames.name(change.orgID, batch)))
    let old = organisations[row].limit
    if organisations[row].apply(change, at: moment) { organisations.markDirty(row) }
    if organisations[row].limit != old {
      FoldFault.note("an organisation's stored settings are not what they were when the batch began")
    }
  }

  package mutating func fanOut(_ index: Int, of batch: EventBatch, position: Int64, store: any RowStream) throws -> Bool
  {
    let event = batch.events[index]
    if event.type == .personErased {
      let person = batch.erasedHash(batch.peopleErased[Int(event.row)].person)
      let query: Int
      if case .erasure(let next) = fanOutPlace { query = next } else { query = 0 }
      fanOutPlace = try erase(person, query, at: position, store).map { .erasure(query: $0) }
    } else {
      let change = batch.orgSettingsChanges[Int(event.row)]
      let here: ProjectsOfOrganisation
      if case .organisation(let place) = fanOutPlace {
        here = place
      } else {
        let org = batch.strings.string(change.orgID)
        let moment = Moment(time: event.time, position: position)
        guard let begun = try settle(change, of: org, at: moment, store) else { return false }
        here = begun
      }
      fanOutPlace = try movePage(here, position, store).map { .organisation($0) }
    }
    return fanOutPlace != nil
  }

  /// Applies a change of settings; nil where it lets the organisation's projects share what they shared before.
  private mutating func settle(
    _ change: OrgSettingsChange, of org: String, at moment: Moment, _ store: any RowStream
  ) throws -> ProjectsOfOrganisation? {
    let row = try load(org, store)
    let old = organisations[row].limit
    if !organisations[row].apply(change, at: moment) { return nil }
    organisations.markDirty(row)
    let new = organisations[row].limit
    return old == new ? nil : ProjectsOfOrganisation(org: org, old: old, new: new, last: RowKey(0))
  }

  /// Moves the next projects of an organisation, and, where that fills memory, writes what they changed; nil behind the last.
  private mutating func movePage(_ page: ProjectsOfOrganisation, _ position: Int64, _ store: any RowStream) throws
    -> ProjectsOfOrganisation?
  {
    var page = page
    var count = 0
    var isFull = false
    try store.rows(ProjectLayout.ofOrganisation, [.text(page.org), .uuid(page.last)]) { reader in
      count += 1
      // The rest of the page is read again.
      if isFull { return }
      page.last = reader.uuid()
      let project = ledger.layout.readValues(&reader)
      move(project, from: min(project.visibility, page.old), to: min(project.visibility, page.new), position)
      isFull = self.isFull
    }
    if isFull {
      try flushPage(store)
      for table in tables { table.shed() }
    }
    return isFull || count == ProjectLayout.pageRows ? page : nil
  }

  /// A fan-out writes what it has changed when its rows take as much as memory may hold of clean ones, or at least so many bytes:
  /// the more, the fewer rows are written again and again. A project of 64 technologies changes 2,016 pairs and their people.
  static let fanOutBytes = 4 << 20

  private var isFull: Bool {
    let limit = limitBytes ?? 0
    return tables.reduce(0) { $0 + $1.heldBytes } >= max(limit, Self.fanOutBytes)
      || names.byteCount + stackTable.byteCount > max(limit, Self.fanOutBytes) / 4
  }

  /// Writes what a page of a fan-out changed, and gives memory back.
  mutating func flushPage(_ store: any RowStream) throws {
    try store.flush()
    if let limitBytes { evict(keeping: limitBytes) }
  }

  /// The index of an organisation's row, read now if it is not in memory.
  private func load(_ org: String, _ store: any RowStream) throws -> Int {
    let key = RowKey(names.intern(org))
    if let index = organisations.want(key) { return index }
    _ = organisations.takeWantedKeys()
    try store.rows(OrganisationLayout.one, [.text(org)]) { organisations.absorb(&$0) }
    organisations.settle()
    return organisations.known(key)
  }
}

extension OrgSettingsChange {
  /// Whether it says anything of what may be shared.
  var isOfSharing: Bool { learningEnabled != nil || dataSharingLevel != nil }
}
