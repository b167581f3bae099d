import Postgres
import Projections
import Service

/// What the demo reads from the views, as anybody could.
enum DemoQueries {
  struct Trend {
    var name: String
    var usage: Int64
    var previous: Int64
    var percentage: Double?
    var direction: String
    var people: Int64
    var successRate: Double?
    var arrow: String {
      switch direction {
      case "up": "▲"
      case "down": "▼"
      default: "·"
      }
    }
  }

  struct Stack {
    var technologies: String
    var usage: Int64
  }

  struct Model {
    var name: String
    var requests: Int64
    var p95: Double?
    var cost: String
  }

  struct Derived {
    var line: String
  }

  private static let trendsQuery = """
    SELECT technology_name, usage_count, previous_usage_count, trend_percentage, trend_direction, people, success_rate
    FROM insights.technology_trends ORDER BY trend_z DESC NULLS LAST, usage_count DESC, technology_name LIMIT 6
    """
  private static let stacksQuery = """
    SELECT (SELECT string_agg(t, ' + ' ORDER BY t) FROM jsonb_array_elements_text(technologies) t), usage_count
    FROM insights.stack_combinations ORDER BY usage_count DESC, technologies LIMIT 4
    """
  private static let modelsQuery = """
    SELECT model_name, requests, response_time_ms_p95, round(cost_usd, 2)::text
    FROM insights.model_performance ORDER BY requests DESC, model_name LIMIT 4
    """
  /// A derived event in a few words.
  private static let derivedQuery = """
    SELECT concat_ws('  ', left(e->>'time', 13) || 'h', e->>'type', e->>'subject',
      CASE e->>'type'
        WHEN 'technology_trend_changed'
          THEN concat(coalesce(e->'data'->>'previous_direction', 'new'), ' → ', e->'data'->>'trend_direction') END,
      (round((e->'data'->>'trend_percentage')::numeric) || ' %'))
    FROM (SELECT $1::text::jsonb AS e) record
    """

  static func trends(_ connection: Connection) throws(PostgresError) -> [Trend] {
    try connection.query(trendsQuery).map { row in
      Trend(
        name: row.text() ?? "", usage: row.bigint() ?? 0, previous: row.bigint() ?? 0, percentage: row.double(),
        direction: row.text() ?? "", people: row.bigint() ?? 0, successRate: row.double())
    }
  }

  static func stacks(_ connection: Connection) throws(PostgresError) -> [Stack] {
    try connection.query(stacksQuery).map { row in Stack(technologies: row.text() ?? "", usage: row.bigint() ?? 0) }
  }

  static func models(_ connection: Connection) throws(PostgresError) -> [Model] {
    try connection.query(modelsQuery).map { row in
      Model(name: row.text() ?? "", requests: row.bigint() ?? 0, p95: row.double(), cost: row.text() ?? "")
    }
  }

  static func derived(_ json: String, _ connection: Connection) throws(PostgresError) -> Derived {
    Derived(line: try connection.query(derivedQuery, [.text(json)]).map { row in row.text() ?? "" }.first ?? "")
  }
}
