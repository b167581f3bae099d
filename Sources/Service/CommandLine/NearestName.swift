/// The candidate that takes the fewest edits (insert, delete, replace, swap of neighbours) to reach from `name`; the first of
/// several; nil if there are none.
package func nearestName(to name: String, among candidates: some Sequence<String>) -> String? {
  var best: (distance: Int, name: String)?
  for candidate in candidates {
    let distance = editDistance(name, candidate)
    if best.map({ distance < $0.distance }) ?? true { best = (distance, candidate) }
  }
  return best?.name
}

/// Optimal string alignment distance over bytes, whatever the case. Names longer than this are cut: they are typing errors or nonsense.
private func editDistance(_ a: String, _ b: String) -> Int {
  let comparedBytes = 128
  let a = Array(a.lowercased().utf8.prefix(comparedBytes))
  let b = Array(b.lowercased().utf8.prefix(comparedBytes))
  if a.isEmpty || b.isEmpty { return max(a.count, b.count) }
  var beforePrevious: [Int] = []
  var previous = Array(0...b.count)
  for i in 1...a.count {
    var row = [i]
    for j in 1...b.count {
      var cost = min(previous[j] + 1, row[j - 1] + 1, previous[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1))
      if i > 1, j > 1, a[i - 1] == b[j - 2], a[i - 2] == b[j - 1] { cost = min(cost, beforePrevious[j - 2] + 1) }
      row.append(cost)
    }
    (beforePrevious, previous) = (previous, row)
  }
  return previous[b.count]
}
