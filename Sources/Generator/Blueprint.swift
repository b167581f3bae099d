/// A way to build one kind of thing: what it always needs, where there is a choice, and what some add.
struct Blueprint {
  var name: [UInt8]
  /// The `project_type` it serves.
  var projectType: [UInt8]
  /// How often it is wanted.
  var demand: Double
  /// By how much demand changes from the first to the last day.
  var rise: Double
  /// Typical complexity, 0–1.
  var complexity: Double
  /// What it adds to a project's probability of success.
  var quality: Double
  var always: [UInt8]
  /// One technology out of each.
  var choices: [[UInt8]]
  /// Each on its own, with a probability.
  var extras: [(technology: UInt8, probability: Double)]

  private init(
    _ name: StaticString, _ projectType: StaticString, demand: Double, rise: Double = 1, complexity: Double,
    quality: Double = 0, always: [String], choices: [[String]], extras: [(String, Double)] = []
  ) {
    func bytes(_ text: StaticString) -> [UInt8] {
      Array(UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }
    func index(_ technology: String) -> UInt8 {
      guard let found = Technology.indexByName[technology] else {
        preconditionFailure("\(technology) of blueprint \(name) is not among the technologies")
      }
      return found
    }
    (self.name, self.projectType) = (bytes(name), bytes(projectType))
    (self.demand, self.rise, self.complexity, self.quality) = (demand, rise, complexity, quality)
    self.always = always.map(index)
    self.choices = choices.map { $0.map(index) }
    self.extras = extras.map { (index($0.0), $0.1) }
  }

  /// A stack has at most this many technologies, whatever is chosen.
  static let largestStack = 12

  static let all: [Blueprint] = [
    Blueprint(
      "react-saas", "saas", demand: 10, rise: 1.1, complexity: 0.48, quality: 0.03,
      always: ["TypeScript", "Tailwind CSS"],
      choices: [
        ["Next.js", "Remix", "SvelteKit", "Nuxt"], ["PostgreSQL", "Supabase", "MySQL", "MongoDB"],
        ["Vercel", "Cloudflare", "AWS"],
      ], extras: [("Stripe", 0.3), ("Prisma", 0.25), ("Drizzle", 0.15), ("Playwright", 0.1), ("tRPC", 0.08)]),
    Blueprint(
      "content-site", "website", demand: 6, rise: 1.2, complexity: 0.22, quality: 0.06, always: ["Tailwind CSS"],
      choices: [
        ["Astro", "Next.js", "Gatsby", "Nuxt"], ["TypeScript", "JavaScript"], ["Cloudflare", "Netlify", "Vercel"],
      ]),
    Blueprint(
      "node-api", "api", demand: 7, rise: 0.8, complexity: 0.38, quality: -0.01, always: ["Node.js", "Docker"],
      choices: [
        ["Express", "NestJS", "Fastify", "Hono"], ["TypeScript", "JavaScript"], ["PostgreSQL", "MongoDB", "MySQL"],
      ], extras: [("Redis", 0.35), ("GraphQL", 0.12), ("GitHub Actions", 0.15), ("Jest", 0.1), ("Vitest", 0.1)]),
    Blueprint(
      "python-api", "api", demand: 8, rise: 1.5, complexity: 0.36, quality: 0.04, always: ["Python", "Docker"],
      choices: [["FastAPI", "Flask"], ["PostgreSQL", "SQLite", "MongoDB"]],
      extras: [("Redis", 0.3), ("Celery", 0.12), ("SQLAlchemy", 0.2), ("pytest", 0.15), ("AWS", 0.1)]),
    Blueprint(
      "django-site", "saas", demand: 5, rise: 0.8, complexity: 0.42, quality: 0.04, always: ["Python", "Django"],
      choices: [["PostgreSQL", "MySQL"], ["HTMX", "React", "jQuery"]],
      extras: [("Celery", 0.3), ("Redis", 0.3), ("Docker", 0.4), ("Heroku", 0.1), ("Fly.io", 0.1)]),
    Blueprint(
      "rails-app", "saas", demand: 3.5, rise: 0.9, complexity: 0.4, quality: 0.06,
      always: ["Ruby", "Ruby on Rails", "PostgreSQL"],
      choices: [["Sidekiq", "Redis"], ["Fly.io", "Heroku", "AWS"]], extras: [("HTMX", 0.12), ("Stripe", 0.25)]),
    Blueprint(
      "laravel-app", "ecommerce", demand: 3.5, rise: 0.8, complexity: 0.4, quality: 0.01, always: ["PHP"],
      choices: [["Laravel", "Symfony"], ["MySQL", "MariaDB", "PostgreSQL"], ["Vue", "React", "jQuery"]],
      extras: [("Redis", 0.3), ("Nginx", 0.25), ("Stripe", 0.3)]),
    Blueprint(
      "shop-front", "ecommerce", demand: 4, complexity: 0.5, quality: -0.03, always: ["TypeScript", "Stripe"],
      choices: [["Next.js", "Nuxt", "Remix"], ["Shopify", "PostgreSQL"], ["Vercel", "Netlify", "Cloudflare"]],
      extras: [("Meilisearch", 0.15), ("Elasticsearch", 0.15), ("Tailwind CSS", 0.5)]),
    Blueprint(
      "jvm-services", "microservices", demand: 4.5, rise: 0.8, complexity: 0.72, quality: -0.06,
      always: ["Kafka", "Kubernetes"],
      choices: [["Java", "Kotlin"], ["Spring Boot", "Quarkus", "Ktor"], ["PostgreSQL", "Cassandra", "MongoDB"]],
      extras: [("gRPC", 0.2), ("Prometheus", 0.25), ("Grafana", 0.2), ("Jenkins", 0.1), ("OpenTelemetry", 0.12)]),
    Blueprint(
      "go-services", "microservices", demand: 5, rise: 1.2, complexity: 0.62, quality: 0.01, always: ["Go", "Docker"],
      choices: [["Gin", "gRPC"], ["PostgreSQL", "DynamoDB", "ClickHouse"], ["Kubernetes", "Fly.io"]],
      extras: [("NATS", 0.25), ("Kafka", 0.2), ("Redis", 0.25), ("Prometheus", 0.2), ("Terraform", 0.15)]),
    Blueprint(
      "rust-service", "api", demand: 2.5, rise: 2.2, complexity: 0.58, quality: 0.03, always: ["Rust", "PostgreSQL"],
      choices: [["Axum", "Actix Web"]], extras: [("Docker", 0.5), ("NATS", 0.12), ("OpenTelemetry", 0.15)]),
    Blueprint(
      "dotnet-app", "saas", demand: 3, rise: 0.9, complexity: 0.5, always: ["C#", "ASP.NET Core", "Azure"],
      choices: [["Microsoft SQL Server", "PostgreSQL"], ["Angular", "React"]],
      extras: [("Docker", 0.3), ("Redis", 0.2)]),
    Blueprint(
      "phoenix-live", "dashboard", demand: 1.5, rise: 1.4, complexity: 0.42, quality: 0.08,
      always: ["Elixir", "Phoenix", "PostgreSQL"], choices: [["Fly.io", "AWS"]], extras: [("Tailwind CSS", 0.5)]),
    Blueprint(
      "admin-dashboard", "dashboard", demand: 5, complexity: 0.34, quality: 0.03, always: ["TypeScript"],
      choices: [
        ["React", "Vue", "Svelte", "Angular", "SolidJS"], ["Tailwind CSS", "Bootstrap"],
        ["PostgreSQL", "MySQL", "Firebase"],
      ],
      extras: [("GraphQL", 0.12), ("Node.js", 0.4), ("Auth0", 0.12), ("Keycloak", 0.08)]),
    Blueprint(
      "ios-app", "mobile", demand: 3, complexity: 0.46, quality: 0.02, always: ["Swift", "SwiftUI"],
      choices: [["Firebase", "Supabase", "SQLite"]], extras: [("Vapor", 0.12), ("GitHub Actions", 0.15)]),
    Blueprint(
      "android-app", "mobile", demand: 3, complexity: 0.48, always: ["Kotlin", "Jetpack Compose"],
      choices: [["Firebase", "SQLite", "Supabase"]], extras: [("Ktor", 0.15), ("GitHub Actions", 0.12)]),
    Blueprint(
      "cross-platform-app", "mobile", demand: 4.5, rise: 1.1, complexity: 0.44, quality: -0.02, always: [],
      choices: [["React Native", "Flutter"], ["Firebase", "Supabase"], ["TypeScript", "Dart"]],
      extras: [("Expo", 0.35), ("Stripe", 0.15)]),
    Blueprint(
      "ml-training", "ml", demand: 4, rise: 1.3, complexity: 0.66, quality: -0.05, always: ["Python"],
      choices: [["PyTorch", "TensorFlow", "scikit-learn"], ["pandas", "Polars"], ["AWS", "Google Cloud"]],
      extras: [("Docker", 0.35), ("Hugging Face", 0.3)]),
    Blueprint(
      "llm-app", "ml", demand: 4, rise: 2.4, complexity: 0.56, quality: -0.06, always: ["Python"],
      choices: [["LangChain", "Hugging Face"], ["FastAPI", "Flask"], ["PostgreSQL", "Redis", "Neo4j"]],
      extras: [("Docker", 0.35), ("Next.js", 0.2)]),
    Blueprint(
      "data-platform", "data", demand: 3.5, complexity: 0.64, quality: -0.01, always: ["Python", "SQL"],
      choices: [["Apache Airflow", "Dagster"], ["Snowflake", "BigQuery", "ClickHouse", "DuckDB"]],
      extras: [("dbt", 0.45), ("Apache Spark", 0.2), ("Kafka", 0.15), ("Polars", 0.08)]),
    Blueprint(
      "command-line-tool", "cli", demand: 3, rise: 1.2, complexity: 0.2, quality: 0.09, always: [],
      choices: [["Rust", "Go", "Python", "TypeScript"], ["GitHub Actions", "GitLab CI"]], extras: [("SQLite", 0.2)]),
    Blueprint(
      "library", "library", demand: 2.5, complexity: 0.26, quality: 0.06, always: ["GitHub Actions"],
      choices: [["TypeScript", "Rust", "Python", "Go"]], extras: [("Vitest", 0.2), ("pytest", 0.12)]),
    Blueprint(
      "game", "game", demand: 2, complexity: 0.6, quality: -0.08, always: ["C#"], choices: [["Unity", "Godot"]],
      extras: [("Firebase", 0.15), ("SQLite", 0.1)]),
    Blueprint(
      "edge-app", "saas", demand: 2, rise: 3.0, complexity: 0.36, quality: 0.02, always: ["TypeScript", "Cloudflare"],
      choices: [["Hono", "SvelteKit"], ["SQLite", "Supabase"], ["Drizzle", "Prisma"]],
      extras: [("Bun", 0.25), ("Vitest", 0.2)]),
    Blueprint(
      "platform", "infrastructure", demand: 2.5, complexity: 0.7, quality: -0.02, always: ["Kubernetes"],
      choices: [["Terraform", "OpenTofu"], ["AWS", "Google Cloud", "Azure"], ["Prometheus", "OpenTelemetry"]],
      extras: [("Grafana", 0.4), ("Nginx", 0.15), ("Caddy", 0.08), ("Valkey", 0.06)]),
  ]
}
