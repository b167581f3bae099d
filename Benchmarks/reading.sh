#!/bin/bash
# How long reading takes, with 100,000 keys and 5,000,000 versions a view.
#
#   Benchmarks/reading.sh DSN [fill]
#
# DSN names a migrated database that is used for nothing else; `fill` first fills it (Benchmarks/reading.sql, as a superuser: some
# 30 million rows, 10 GB). Prints milliseconds, planning included, best of five: now, and as of the middle of the 50 turns.
set -euo pipefail
dsn=$1
if [ "${2:-}" = fill ]; then psql -X -q -d "$dsn" -f "$(dirname "$0")/reading.sql"; fi

# Milliseconds of a query as of a position ('' for now), without what sending the rows takes.
best() {
  for _ in 1 2 3 4 5; do
    psql -X -q -A -t -d "$dsn" -c "SET pleat.as_of = '$1'" -c "EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) $2" |
      awk -F: '/Planning Time|Execution Time/ { sum += $2 } END { print sum }'
  done | sort -n | head -1
}

row() { printf '%-62s %9.1f %9.1f\n' "$1" "$(best '' "$2")" "$(best 5000000 "$2")"; }

printf '%-62s %9s %9s\n' '' now 'as of'
while IFS='|' read -r view key order; do
  row "$view: one key" "SELECT * FROM $view WHERE $key"
  row "$view: first 100 by key" "SELECT * FROM $view ORDER BY $order LIMIT 100"
  row "$view: whole" "SELECT * FROM $view"
done <<'VIEWS'
insights.technology_trends|technology_name = 'technology 050000'|technology_name
pleat_unmasked.technology_trends|technology_name = 'technology 050000'|technology_name
insights.technology_usage|technology = 'much used 001000' AND day = '2025-11-01'|technology, day
insights.technology_pairs|technology_a = 'technology 000100' AND technology_b = 'technology 000200'|technology_a, technology_b
insights.stack_combinations|technologies = '["A0", "B50"]'|technologies
insights.stack_combination('["A0","B50"]')|true|technologies
pleat_unmasked.stack_combinations|technologies = '["A0", "B50"]'|technologies
insights.team_stats|team_id = 'team 050000'|team_id
insights.team_activity|team_id = 'team 050000' AND day = '2026-11-21'|team_id, day
insights.model_metrics|model_name = 'model 5' AND task_type = 'chat' AND complexity_level = 'simple' AND hour = '2025-06-01Z'|model_name, task_type, complexity_level, hour
VIEWS
