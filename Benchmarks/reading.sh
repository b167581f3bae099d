#!/bin/bash
# How long reading takes, with 100,000 keys and 5,000,000 versions a view.
#
#   Benchmarks/reading.sh DSN [fill] [VIEW…]
#
# DSN names a migrated database that is used for nothing else, as a superuser; `fill` first fills it (Benchmarks/reading.sql: some
# 75 million rows, 16 GB). Prints milliseconds, the best of RUNS (3), planning and binary output into nothing included: now, and as
# of the middle of the 50 turns; of every view, or of those whose name holds VIEW. What is above its mark (100 ms; 2 s for what is
# whole) has a star. CPU=1 prints the backend's CPU time instead, for a machine that others use; it then has no workers beside it.
set -euo pipefail
dsn=$1
shift
if [ "${1:-}" = fill ]; then
  shift
  psql -X -q -d "$dsn" -f "$(dirname "$0")/reading.sql"
fi
wanted=$(IFS='|' && echo "${*:-.}")

# Milliseconds of a query as of a position ('' for now).
best() {
  for ((i = 0; i < ${RUNS:-3}; i++)); do
    if [ -n "${CPU:-}" ]; then
      psql -X -q -A -t -d "$dsn" -v ON_ERROR_STOP=1 \
        -c "SET pleat.as_of = '$1'; SET max_parallel_workers_per_gather = 0" \
        -c "SET log_statement_stats = on; SET client_min_messages = log" \
        -c "COPY ($2) TO '/dev/null' (FORMAT binary)" 2>&1 |
        awk '/ elapsed$/ { sub("!", ""); cpu = ($1 + $4) * 1000 } END { print cpu }'
    else
      psql -X -q -A -t -d "$dsn" -v ON_ERROR_STOP=1 -c "SET pleat.as_of = '$1'" -c '\timing on' \
        -c "COPY ($2) TO '/dev/null' (FORMAT binary)" | awk '/^Time:/ { print $2 }'
    fi
  done | sort -n | head -1
}

# LABEL MARK QUERY [QUERY as of]
row() {
  local now past
  now=$(best '' "$3")
  past=$(best 5000000 "${4:-$3}")
  awk -v l="$1" -v m="$2" -v n="$now" -v p="$past" \
    'BEGIN { printf "%-66s %9.1f%s %9.1f%s\n", l, n, (n > m ? "*" : " "), p, (p > m ? "*" : " ") }'
}

printf '%-66s %9s  %9s\n' '' now 'as of'
while IFS='|' read -r views key order; do
  for schema in insights pleat_unmasked; do
    for view in $views; do
      [[ $view =~ $wanted ]] || continue
      row "$schema.$view: one key" 100 "SELECT * FROM $schema.$view WHERE $key"
      if [ -n "$order" ]; then
        row "$schema.$view: first 100 by key" 100 "SELECT * FROM $schema.$view ORDER BY $order LIMIT 100"
      fi
      row "$schema.$view: whole" 2000 "SELECT * FROM $schema.$view"
      if [ "$view" != freshness ]; then
        row "$schema.${view}_at(5000000): whole" 2000 "SELECT * FROM $schema.${view}_at(5000000)"
      fi
    done
  done
done <<'VIEWS'
technology_usage|technology = 'much used 001000' AND day = '2025-11-01'|technology, day
technology_trends|technology_name = 'technology 050000'|technology_name
stack_combinations|technologies = '["A0", "B50"]'|
technology_pairs|technology_a = 'technology 000100' AND technology_b = 'technology 000200'|technology_a, technology_b
domain_patterns|domain = 'domain 050000'|domain
team_stats|team_id = 'team 050000'|team_id
team_activity|team_id = 'active team 001000' AND day = '2025-11-01'|team_id, day
team_technologies|team_id = 'team 005000' AND technology = 'technology 000005'|team_id, technology
model_metrics|model_name = 'model 5' AND task_type = 'chat' AND complexity_level = 'simple' AND hour = '2025-06-01Z'|model_name, task_type, complexity_level, hour
model_performance|model_name = 'model 001000'|model_name
wizard_activity|step = 5 AND hour = '2026-05-01Z'|step, hour
wizard_now|step = 5|step
prediction_calibration|model_version = 'version 005000' AND decile = 5|model_version, decile
cache_stats|cache = 'cache 050' AND day = '2026-01-01'|cache, day
errors|component = 'component 05' AND severity = 'error' AND hour = '2026-02-01Z'|component, severity, hour
freshness|projection = 'projects'|projection
VIEWS
if [[ stack_combinations =~ $wanted ]]; then
  row "insights.stack_combination('[\"A0\",\"B50\"]')" 100 "SELECT * FROM insights.stack_combination('[\"A0\",\"B50\"]')"
fi
