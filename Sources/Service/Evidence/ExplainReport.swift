import Engine
import Events
import Postgres

extension ExplainRun.Row {
  struct Step {
    var version: RowHistory.Version
    var changed: [(column: String, before: String?, after: String?)]
    var touches: ArraySlice<ExplainRun.Touch>
  }

  /// Each version with what is new in it, and the events behind that: a turn's version does not contain the event that turned.
  /// Where each version has all of its events anew, these.
  var steps: [Step] {
    var steps: [Step] = []
    var before = Dictionary(uniqueKeysWithValues: history.before?.values.map { ($0.column, $0.value) } ?? [])
    var rest = touches[...]
    for (index, version) in history.versions.enumerated() {
      let changed = version.values.compactMap { column, value -> (column: String, before: String?, after: String?)? in
        let old = before[column] ?? nil
        return history.before == nil && steps.isEmpty || old != value ? (column, old, value) : nil
      }
      for (column, value) in version.values { before[column] = value }
      let mine: ArraySlice<ExplainRun.Touch>
      if let touchesOfVersions {
        mine = touchesOfVersions[index][...]
      } else {
        mine = rest.prefix { touch in version.turn.map { touch.position < $0 } ?? true }
        rest = rest.dropFirst(mine.count)
      }
      if version.turn == nil || history.isMember, changed.isEmpty, mine.isEmpty { continue }
      steps.append(Step(version: version, changed: changed, touches: mine))
    }
    return steps
  }
}

extension ExplainRun.Report {
  /// One object; with `events` each event has its content.
  package func json(events: Bool) -> String {
    var text = JSONValue.object([
      "view": .string(view.name), "key": .object(zip(view.key, key).map { .init(name: $0, value: .string($1)) }),
      "projection": .string(view.projection), "generation": .integer(Int64(generation)), "position": .integer(position),
      "from": .integer(from), "next_from": .optional(next),
    ]).description
    text.removeLast()
    return text + ",\"rows\":[" + rows.map { json($0, events) }.joined(separator: ",") + "]}"
  }

  private func json(_ row: ExplainRun.Row, _ events: Bool) -> String {
    let key = JSONValue.object(row.history.key.map { .init(name: $0.column, value: .string($0.value)) })
    let versions = row.steps.map { step in
      let changed = step.changed.map {
        JSONValue.object(["column": .string($0.column), "before": .optional($0.before), "after": .optional($0.after)])
      }
      let touches = step.touches.map { touch in
        events
          ? touch.json
          : JSONValue.object([
            "position": .integer(touch.position), "topic": .string(touch.partition.topic),
            "partition": .integer(Int64(touch.partition.partition)), "offset": .integer(touch.offset),
            "type": .string(touch.type), "time": .time(touch.time),
          ]).description
      }
      return
        "{\"turn\":\(JSONValue.optional(step.version.turn)),\"watermark\":\(JSONValue.time(step.version.watermark)),"
        + "\"appended_at\":\(JSONValue.time(step.version.appendedAt)),\"changed\":\(JSONValue.array(changed)),"
        + "\"events\":[\(touches.joined(separator: ","))]}"
    }
    return
      "{\"table\":\(JSONValue.string(row.history.table)),\"key\":\(key),\"versions\":[\(versions.joined(separator: ","))]}"
  }

  package func text(events: Bool) -> String {
    var text = rows.isEmpty ? "It has no version from position \(from) on.\n" : ""
    for row in rows {
      text += "\(row.history.table): \(row.history.key.map { "\($0.column) \($0.value)" }.joined(separator: ", "))\n"
      for step in row.steps {
        if let turn = step.version.turn {
          text += "  up to the turn at position \(turn), watermark \(step.version.watermark?.rfc3339 ?? "")"
          text += ", journaled \(step.version.appendedAt?.rfc3339 ?? "")\n"
        } else {
          text += "  since then, up to position \(position)\n"
        }
        for (column, before, after) in step.changed {
          text += "    \(column): \(before.map { "\($0) → " } ?? "")\(after ?? "null")\n"
        }
        for touch in step.touches {
          text += "      "
          text +=
            events
            ? touch.json
            : "\(touch.position)  \(touch.partition)@\(touch.offset)  \(touch.type)  \(touch.time.rfc3339)"
          text += "\n"
        }
      }
    }
    if let next { text += "There are more versions: --from \(next) shows what comes next.\n" }
    return text
  }
}
