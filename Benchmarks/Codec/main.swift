import Glibc

// Nanoseconds an event for each part of ingest's work: `codec [EVENTS [FILE]]`, 200,000 generated events unless told
// otherwise. FILE holds a record a line, with a key and a tab before it or without.

let arguments = CommandLine.arguments
let events = arguments.count > 1 ? Int(arguments[1]) : 200_000
guard let events, events > 0 else { fatalError("usage: codec [EVENTS [FILE]]") }
let workload =
  arguments.count > 2 ? try Workload(file: arguments[2], events: events) : try Workload(generated: events)
try CodecBenchmark(workload: workload, segment: 3_400, rounds: 5).run()
