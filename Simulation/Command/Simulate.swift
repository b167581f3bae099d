import Glibc
import Simulation
import Synchronization

/// Runs seeds: `simulate --seeds 5000 --from 1 [--jobs 2] [--mutation NAME]`; `simulate --seed N [--mutation NAME]` replays one and
/// says everything that happens; `simulate --mutations` hunts each mutation. Ends with 1 where a seed failed.
@main
struct Simulate {
  static func main() {
    var options = Options()
    do {
      options = try Options(CommandLine.arguments.dropFirst())
    } catch {
      print("\(error)\n\(Options.usage)")
      exit(64)
    }
    exit(Campaign(options).run())
  }
}
