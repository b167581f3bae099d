// swift-tools-version: 6.2
import PackageDescription

// With PLEAT_MUTATIONS set, the simulator can take protections out of the stages: never what is installed.
// Its worlds call what is small in other modules millions of times.
let mutations: [SwiftSetting] =
  Context.environment["PLEAT_MUTATIONS"] == nil
  ? [] : [.define("MUTATIONS"), .unsafeFlags(["-cross-module-optimization"], .when(configuration: .release))]
let settings: [SwiftSetting] =
  [
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    // Tests run with the checks; in the daemon they are a tenth of the folding.
    .unsafeFlags(["-enforce-exclusivity=unchecked"], .when(configuration: .release)),
  ] + mutations

// What tests fold and read takes several times as long without.
let optimized: [SwiftSetting] = settings + [.unsafeFlags(["-O"], .when(configuration: .debug))]

func library(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
  .target(name: name, dependencies: dependencies, swiftSettings: optimized)
}

func cLibrary(_ name: String, _ pkgConfig: String, _ package: String) -> Target {
  .systemLibrary(name: name, pkgConfig: pkgConfig, providers: [.apt([package])])
}

/// `isOptimized`: what goes through thousands of events again for every number is too slow without.
func tests(
  _ name: String, _ dependencies: [Target.Dependency], data: [String] = [], isOptimized: Bool = false
) -> Target {
  .testTarget(
    name: name, dependencies: dependencies, resources: data.map { .copy($0) },
    swiftSettings: settings + (isOptimized ? [.unsafeFlags(["-O"])] : []))
}

let package = Package(
  name: "pleat",
  products: [.executable(name: "pleat", targets: ["pleat"])],
  targets: [
    // From the command line down to the bytes: a target imports only what stands below it.
    .executableTarget(
      name: "pleat",
      dependencies: ["Service", "Generator", "Kafka", "Postgres", "Engine", "Projections", "Events", "Ceiling"],
      swiftSettings: settings),
    library("Service", ["Kafka", "Postgres", "Engine", "Projections", "Events", "CYaml", "CSystemd"]),
    library("Generator", ["Events"]),
    library("Kafka", ["Engine", "Projections", "Events", "CRdkafka"]),
    library("Postgres", ["Engine", "Projections", "Events", "CLibpq"]),
    library("Engine", ["Projections", "Events"]),
    library("Projections", ["Events"]),
    library("Events", ["CSimdjson", "CZstd", "CCrypto"]),

    .target(
      name: "CSimdjson", cxxSettings: [.unsafeFlags(["-O2"], .when(configuration: .release))],
      linkerSettings: [.linkedLibrary("simdjson")]),
    cLibrary("CRdkafka", "rdkafka", "librdkafka-dev"),
    cLibrary("CLibpq", "libpq", "libpq-dev"),
    cLibrary("CZstd", "libzstd", "libzstd-dev"),
    cLibrary("CYaml", "yaml-0.1", "libyaml-dev"),
    cLibrary("CSystemd", "libsystemd", "libsystemd-dev"),
    cLibrary("CCrypto", "libcrypto", "libssl-dev"),

    // What `pleat bench` holds the decoder against.
    .target(
      name: "Ceiling", path: "Benchmarks/Ceiling",
      cxxSettings: [.unsafeFlags(["-O2"], .when(configuration: .release))],
      linkerSettings: [.linkedLibrary("simdjson")]),

    // What the decoder is held against in tests, and what must hold of it for any bytes.
    .target(
      name: "ReferenceDecoder", dependencies: ["Events"], path: "Tests/ReferenceDecoder", swiftSettings: settings),
    .target(
      name: "FuzzHarness", dependencies: ["ReferenceDecoder", "Events"], path: "Fuzzing/Harness",
      swiftSettings: settings),

    // The stages under every fault, from a seed.
    .executableTarget(
      name: "simulate", dependencies: ["Simulation"], path: "Simulation/Command", swiftSettings: settings),
    .target(
      name: "Simulation", dependencies: ["Engine", "Projections", "Events", "CCoroutine"], path: "Simulation/World",
      swiftSettings: settings),
    .target(name: "CCoroutine", path: "Simulation/CCoroutine"),

    // Whether a value keeps one of schemas/, for the tests of several targets.
    .target(name: "JSONSchema", path: "Tests/JSONSchema", swiftSettings: settings),
    // Random numbers that a seed replays, likewise.
    .target(name: "Randomness", path: "Tests/Randomness", swiftSettings: optimized),
    // A real Kafka, likewise.
    .target(name: "TestSupport", dependencies: ["Kafka"], path: "Tests/TestSupport", swiftSettings: settings),
    tests("EventsTests", ["JSONSchema", "Randomness", "ReferenceDecoder", "Events", "CCrypto"]),
    .testTarget(
      name: "FuzzingTests", dependencies: ["FuzzHarness", "Events"], path: "Fuzzing/Tests", swiftSettings: settings),
    tests("ProjectionsTests", ["Randomness", "Projections", "Events"]),
    tests("SimulationTests", ["Simulation"]),
    tests("EngineTests", ["Randomness", "Engine", "Projections", "Events"]),
    tests("KafkaTests", ["Kafka", "TestSupport", "Engine", "Projections", "Events", "CRdkafka"]),
    tests("PostgresTests", ["Postgres", "Engine", "Projections", "Events"]),
    tests("GeneratorTests", ["Generator", "Events"]),
    tests("ServiceTests", ["Service", "Generator", "Postgres", "Engine", "Projections", "Events"]),
    tests(
      "SystemTests",
      ["TestSupport", "JSONSchema", "Randomness", "Kafka", "Postgres", "Engine", "Projections", "Events", "CLibpq"],
      data: ["Conformance", "Clock"],
      isOptimized: true),
  ],
  cxxLanguageStandard: .cxx17
)

// libFuzzer brings the main function, so this is built by `make fuzz` alone.
if Context.environment["PLEAT_FUZZING"] != nil {
  package.targets.append(
    .executableTarget(
      name: "Fuzzer", dependencies: ["FuzzHarness"], path: "Fuzzing/Fuzzer",
      swiftSettings: settings + [.unsafeFlags(["-parse-as-library"])]))
}
