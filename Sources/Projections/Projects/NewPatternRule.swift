import Events
import Glibc

/// `new_pattern_detected`: two technologies go together more often than chance allows; said once of each pair.
struct NewPatternRule {
  let names: Names
  let pairs: RowCache<PairLayout>

  /// The pairs that were together often enough, with people enough, and lift enough, and were not announced, in key order; `$2`
  /// is how many projects there are. What changes at every turn is that number, so all of them are looked at.
  static let query = """
    SELECT p.technology_a, p.technology_b, p.together, p.people, a.projects, b.projects
    FROM pleat.technology_pairs_current AS p
    JOIN pleat.technologies_current AS a ON a.generation = $1 AND a.technology = p.technology_a
    JOIN pleat.technologies_current AS b ON b.generation = $1 AND b.technology = p.technology_b
    WHERE p.generation = $1 AND p.watched
      AND p.together::numeric * $2::bigint >= 2 * a.projects::numeric * b.projects
    ORDER BY p.technology_a, p.technology_b
    """

  func run(at turn: Turn, projects: Int64, _ store: any RowStream) throws -> [DerivedEvent] {
    var events: [DerivedEvent] = []
    try store.rows(Self.query, [.bigint(projects)]) { row in
      guard let a = row.text(), let b = row.text() else { return }
      let (together, people) = (row.count(), row.count())
      let association = Association(
        together: together, a: row.count(), b: row.count(), projects: projects)
      if !association.isPattern { return }
      pairs.update(RowKey(names.intern(a), names.intern(b))) { row in
        row.isAnnounced = true
        row.isLess = true
        row.position = turn.position
      }
      events.append(event([a, b], association, people, turn))
    }
    return events.sortedBySubject()
  }

  private func event(_ pair: [String], _ association: Association, _ people: Int64, _ turn: Turn) -> DerivedEvent {
    let technologies = DerivedEventBuilder.array(pair)
    var event = DerivedEventBuilder(
      "new_pattern_detected", on: .events, from: ProjectsProjection.name,
      about: "pair/" + technologies, at: turn)
    event.add("technologies", json: Array(technologies.utf8))
    event.add("lift", association.lift)
    event.add("people", people)
    return event.finish(sampleSize: association.together)
  }
}

/// How two technologies go together: among `projects`, `a` have the one, `b` the other, `together` both.
struct Association {
  var together: Int64
  var a: Int64
  var b: Int64
  var projects: Int64

  static let leastTogether: Int64 = 20
  static let leastLift: Int128 = 2
  /// 0.1% of χ² with one degree of freedom.
  static let leastG = 10.83

  var lift: Double? {
    a == 0 || b == 0 ? nil : Double(Int128(together) * Int128(projects)) / Double(Int128(a) * Int128(b))
  }

  /// Log-likelihood ratio: 2·Σ o·ln(o/e) over the four cells (Dunning, "Accurate Methods for the Statistics of Surprise and
  /// Coincidence", 1993).
  var g: Double {
    let n = Double(projects)
    func cell(_ observed: Int64, _ row: Int64, _ column: Int64) -> Double {
      observed == 0 ? 0 : Double(observed) * log(Double(observed) * n / (Double(row) * Double(column)))
    }
    return 2
      * (cell(together, a, b) + cell(a - together, a, projects - b) + cell(b - together, projects - a, b)
        + cell(projects - a - b + together, projects - a, projects - b))
  }

  var isPattern: Bool {
    together >= Self.leastTogether
      && Int128(together) * Int128(projects) >= Self.leastLift * Int128(a) * Int128(b)
      && g >= Self.leastG
  }
}
