import Events

/// A person is erased: out of what counts people exactly, and out of every team. Estimates stay as they are, the person's
/// projects count on without one, and what the same id does later counts anew.
///
/// Each query names what still holds the hash, a page at a time; what a page changed is written before the next is asked for.
extension ProjectsProjection {
  private static let pageRows = 1000

  /// Changes a page of what one of the queries names; returns the query to go on with, nil behind the last.
  mutating func erase(_ hash: UInt64, _ query: Int, at position: Int64, _ store: any RowStream) throws -> Int? {
    let person = Parameter.bigint(storedHash(hash))
    if query == Self.erasures.count {
      // These go with their rows, whose key the hash is.
      try store.rows(Self.endMemberships, [person]) { row in
        let team = row.name(names)
        memberships.wasDeleted(MembershipLayout.key(team, hash))
        if row.smallint() != nil { teams.changeMembers(team, by: -1, at: position) }
      }
      return nil
    }
    let erasure = Self.erasures[query]
    var count = 0
    try store.rows(erasure.query, [person]) { row in
      count += 1
      erasure.change(&self, &row, hash, position)
    }
    try flushPage(store)
    return count == Self.pageRows ? query : query + 1
  }

  private struct Erasure: Sendable {
    var query: String
    var change: @Sendable (inout ProjectsProjection, inout RowReader, _ hash: UInt64, _ position: Int64) -> Void
  }

  private static let erasures: [Erasure] = [
    Erasure(query: ProjectLayout.ofPerson) { $0.dropPerson(of: &$1, at: $3) },
    Erasure(query: technologyDays) { projection, row, hash, position in
      let technology = row.name(projection.names)
      projection.technologies.usage.update(RowKey(technology, day: row.date() ?? 0)) {
        $0.people.erase(hash, at: position)
        $0.position = position
      }
    },
    Erasure(query: combinations) { projection, row, hash, position in
      let stack = row.stack(projection.stackTable, projection.names)
      projection.stacks.combinations.update(StackLayout.key(stack)) {
        $0.people.erase(hash, at: position)
        $0.position = position
      }
    },
    Erasure(query: days) { projection, row, hash, position in
      projection.everybody.days.update(ProjectDayLayout.key(row.date() ?? 0)) {
        $0.people.erase(hash, at: position)
        $0.position = position
      }
    },
    Erasure(query: pairs) { projection, row, hash, position in
      let a = row.name(projection.names)
      projection.pairs.pairs.update(RowKey(a, row.name(projection.names))) {
        $0.people.erase(hash, at: position)
        $0.position = position
      }
    },
    Erasure(query: domains) { projection, row, hash, position in
      projection.domains.domains.update(RowKey(row.name(projection.names))) {
        $0.people.erase(hash, at: position)
        $0.position = position
      }
    },
    Erasure(query: domainStacks) { projection, row, hash, position in
      let domain = row.name(projection.names)
      let stack = row.stack(projection.stackTable, projection.names)
      projection.domains.stacks.update(DomainStackLayout.key(domain, stack)) {
        $0.people.erase(hash, at: position)
        $0.position = position
      }
    },
    Erasure(query: teamDays) { projection, row, hash, position in
      let team = row.name(projection.names)
      projection.teams.activity.update(RowKey(team, day: row.date() ?? 0)) {
        $0.people.erase(hash, at: position)
        $0.position = position
      }
    },
  ]

  private mutating func dropPerson(of row: inout RowReader, at position: Int64) {
    var key = row
    let project = key.uuid()
    if ledger.want(project) == nil {
      _ = ledger.takeWantedKeys()
      ledger.absorb(&row)
      ledger.settle()
    }
    let index = ledger.known(project)
    ledger[index].person = nil
    ledger[index].position = position
    ledger.markDirty(index)
  }

  static let technologyDays = """
    SELECT p.technology, p.day
    FROM pleat.technology_people_current AS p
    WHERE p.generation = $1 AND NOT p.estimate AND p.hashes @> ARRAY[$2::bigint]
    ORDER BY p.technology, p.day
    LIMIT 1000
    """

  static let combinations = """
    SELECT c.technologies
    FROM pleat.stack_people_current AS p
    JOIN pleat.stack_combinations_current AS c ON c.generation = $1 AND c.stack_id = p.stack_id
    WHERE p.generation = $1 AND NOT p.estimate AND position(int8send($2) IN p.hashes) % 8 = 1
    ORDER BY p.stack_id
    LIMIT 1000
    """

  static let days = """
    SELECT p.day
    FROM pleat.project_people_current AS p
    WHERE p.generation = $1 AND NOT p.estimate AND p.hashes @> ARRAY[$2::bigint]
    ORDER BY p.day
    LIMIT 1000
    """

  static let pairs = """
    SELECT p.technology_a, p.technology_b
    FROM pleat.pair_people_current AS p
    WHERE p.generation = $1 AND NOT p.estimate AND position(int8send($2) IN p.hashes) % 8 = 1
    ORDER BY p.technology_a, p.technology_b
    LIMIT 1000
    """

  static let domains = """
    SELECT p.domain
    FROM pleat.domain_people_current AS p
    WHERE p.generation = $1 AND NOT p.estimate AND position(int8send($2) IN p.hashes) % 8 = 1
    ORDER BY p.domain
    LIMIT 1000
    """

  static let domainStacks = """
    SELECT p.domain, s.technologies
    FROM pleat.domain_stack_people_current AS p
    JOIN pleat.domain_stacks_current AS s ON s.generation = $1 AND s.domain = p.domain AND s.stack_id = p.stack_id
    WHERE p.generation = $1 AND NOT p.estimate AND position(int8send($2) IN p.hashes) % 8 = 1
    ORDER BY p.domain, p.stack_id
    LIMIT 1000
    """

  static let teamDays = """
    SELECT a.team_id, a.day
    FROM pleat.team_activity_current AS a
    WHERE a.generation = $1 AND NOT a.estimate AND a.hashes @> ARRAY[$2::bigint]
    ORDER BY a.team_id, a.day
    LIMIT 1000
    """

  static let endMemberships = "SELECT m.team_id, m.role FROM pleat.end_memberships($1, $2) AS m"
}
