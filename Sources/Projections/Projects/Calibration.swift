import Events

/// Predictions into `prediction_calibration`: what was predicted, tenth by tenth, and what came of it.
struct Calibration {
  let deciles: RowCache<CalibrationLayout>

  init(names: Names) { deciles = RowCache(CalibrationLayout(names: names)) }

  /// Lets a prediction that counts in (`sign` 1) or takes it out (−1), with its project's outcome.
  func count(_ prediction: Prediction, _ outcome: Bool?, sign: Int64, at position: Int64) {
    deciles.update(CalibrationLayout.key(prediction)) { row in
      row.predictions += sign
      row.probabilitySumMillionths += sign * Int64(prediction.probabilityMillionths)
      if let outcome {
        let error = Int64(prediction.probabilityMillionths) - (outcome ? 1_000_000 : 0)
        row.outcomes += sign
        row.successes += outcome ? sign : 0
        row.squaredErrorSum += Int128(sign * error * error)
      }
      row.position = position
    }
  }

  /// A feedback dropped predictions that are not older than it, or changed the outcome of all.
  func change(
    from before: Predictions, _ oldOutcome: Bool?, to after: Predictions, _ newOutcome: Bool?, at position: Int64
  ) {
    before.eachNewest { old in
      let new = after.newest(of: old.version)
      if new == old, newOutcome == oldOutcome { return }
      count(old, oldOutcome, sign: -1, at: position)
      if let new { count(new, newOutcome, sign: 1, at: position) }
    }
  }
}
