import Simulation

struct UsageError: Error, CustomStringConvertible {
  var description: String
}

/// What the command line says.
struct Options {
  static let usage = """
    simulate [--seeds N] [--from N] [--jobs N] [--mutation NAME]   runs seeds, says which fail
    simulate … --count-faults                                      and how often each fault happened
    simulate --schedules [--mutation NAME]                         lives through the schedules known to be hard
    simulate --schedule NAME [--mutation NAME]                     through one, with everything that happens
    simulate --seed N [--calls] [--mutation NAME]                  replays one, with everything that happens
    simulate --mutations [--seeds N] [--from N] [--jobs N]         looks for a seed that notices each mutation
    NAME may be several, with + between them: what stands behind each other is missed together
    """

  var first: UInt64 = 1
  var count: UInt64 = 1_000
  var jobs = 1
  var replays = false
  var huntsMutations = false
  var countsFaults = false
  var tellsCalls = false
  var schedules: [Schedule] = []
  var mutation: Mutation?

  init() {}

  init(_ arguments: some Sequence<String>) throws(UsageError) {
    var rest = Array(arguments)[...]
    func number() throws(UsageError) -> UInt64 {
      guard let text = rest.popFirst(), let value = UInt64(text) else {
        throw UsageError(description: "A number is missing.")
      }
      return value
    }
    while let option = rest.popFirst() {
      switch option {
      case "--seeds": count = try number()
      case "--from": first = try number()
      case "--jobs": jobs = max(1, Int(clamping: try number()))
      case "--seed":
        first = try number()
        count = 1
        replays = true
      case "--mutations": huntsMutations = true
      case "--schedules": schedules = Schedule.all
      case "--schedule":
        schedules = Schedule.all.filter { [name = rest.first] in $0.name.hasPrefix(name ?? "") }
        _ = rest.popFirst()
        tellsCalls = true
        guard !schedules.isEmpty else { throw UsageError(description: "No schedule has this name.") }
      case "--calls": tellsCalls = true
      case "--count-faults": countsFaults = true
      case "--mutation":
        guard let name = rest.popFirst(), let found = Mutation(named: name) else {
          let names = Mutation.all.map(\.name).joined(separator: ", ")
          throw UsageError(description: "Not a mutation of this build. There are: \(names).")
        }
        mutation = found
      default: throw UsageError(description: "Unknown: \(option).")
      }
    }
  }
}
