-- The tables of the projection `models`: what was asked of which model, how fast and how well it answered, at what cost.
-- T holds each key's versions, T_current its newest state. See projections.md, model_metrics and model_performance.

CREATE TABLE pleat.model_metrics (
  generation integer NOT NULL,
  model_name text COLLATE "C" NOT NULL,
  task_type text COLLATE "C" NOT NULL,
  complexity_level text COLLATE "C" NOT NULL,
  hour timestamptz NOT NULL,
  requests bigint NOT NULL,
  response_time_us numeric NOT NULL,
  tokens_used numeric NOT NULL,
  cost_nanodollars numeric NOT NULL,
  quality_millionths numeric NOT NULL,
  quality_samples bigint NOT NULL,
  fallbacks bigint NOT NULL,
  buckets integer[] NOT NULL,
  bucket_ranks bigint[] NOT NULL,
  position bigint NOT NULL,
  PRIMARY KEY (generation, model_name, task_type, complexity_level, hour, position)
);

CREATE TABLE pleat.model_metrics_current (
  generation integer NOT NULL,
  model_name text COLLATE "C" NOT NULL,
  task_type text COLLATE "C" NOT NULL,
  complexity_level text COLLATE "C" NOT NULL,
  hour timestamptz NOT NULL,
  requests bigint NOT NULL,
  response_time_us numeric NOT NULL,
  tokens_used numeric NOT NULL,
  cost_nanodollars numeric NOT NULL,
  quality_millionths numeric NOT NULL,
  quality_samples bigint NOT NULL,
  fallbacks bigint NOT NULL,
  buckets integer[] NOT NULL,
  bucket_ranks bigint[] NOT NULL,
  position bigint NOT NULL,
  PRIMARY KEY (generation, model_name, task_type, complexity_level, hour)
) WITH (fillfactor = 80);

CREATE TABLE pleat.model_days (
  generation integer NOT NULL,
  model_name text COLLATE "C" NOT NULL,
  task_type text COLLATE "C" NOT NULL,
  day date NOT NULL,
  requests bigint NOT NULL,
  response_time_us numeric NOT NULL,
  tokens_used numeric NOT NULL,
  cost_nanodollars numeric NOT NULL,
  quality_millionths numeric NOT NULL,
  quality_samples bigint NOT NULL,
  fallbacks bigint NOT NULL,
  response_time_squares numeric NOT NULL,
  cost_squares numeric NOT NULL,
  quality_squares numeric NOT NULL,
  announced smallint NOT NULL,
  buckets integer[] NOT NULL,
  bucket_ranks bigint[] NOT NULL,
  position bigint NOT NULL,
  PRIMARY KEY (generation, model_name, task_type, day, position)
);

CREATE TABLE pleat.model_days_current (
  generation integer NOT NULL,
  model_name text COLLATE "C" NOT NULL,
  task_type text COLLATE "C" NOT NULL,
  day date NOT NULL,
  requests bigint NOT NULL,
  response_time_us numeric NOT NULL,
  tokens_used numeric NOT NULL,
  cost_nanodollars numeric NOT NULL,
  quality_millionths numeric NOT NULL,
  quality_samples bigint NOT NULL,
  fallbacks bigint NOT NULL,
  response_time_squares numeric NOT NULL,
  cost_squares numeric NOT NULL,
  quality_squares numeric NOT NULL,
  announced smallint NOT NULL,
  buckets integer[] NOT NULL,
  bucket_ranks bigint[] NOT NULL,
  position bigint NOT NULL,
  PRIMARY KEY (generation, model_name, task_type, day)
) WITH (fillfactor = 80);
CREATE INDEX model_days_by_day ON pleat.model_days_current (generation, day, model_name, task_type);

COMMENT ON TABLE pleat.model_metrics IS 'Versions of model_metrics_current, one at each turn of the day at which the row had changed.';
COMMENT ON TABLE pleat.model_metrics_current IS 'Calls by model, task type, complexity and UTC hour.';
COMMENT ON TABLE pleat.model_days IS 'Versions of model_days_current, one at each turn of the day at which the row had changed.';
COMMENT ON TABLE pleat.model_days_current IS 'Calls by model, task type and UTC day.';

-- Columns of the versions mean the same, but for the position: there it is that of the turn of the day.
COMMENT ON COLUMN pleat.model_metrics_current.generation IS 'Of the projection models.';
COMMENT ON COLUMN pleat.model_metrics_current.model_name IS 'As the event names it.';
COMMENT ON COLUMN pleat.model_metrics_current.task_type IS 'As the event names it.';
COMMENT ON COLUMN pleat.model_metrics_current.complexity_level IS 'simple, medium, complex or very_high.';
COMMENT ON COLUMN pleat.model_metrics_current.hour IS 'Start of the UTC hour of the event time.';
COMMENT ON COLUMN pleat.model_metrics_current.requests IS 'How many calls.';
COMMENT ON COLUMN pleat.model_metrics_current.response_time_us IS 'Sum of the response times, in microseconds.';
COMMENT ON COLUMN pleat.model_metrics_current.tokens_used IS 'Sum of the tokens.';
COMMENT ON COLUMN pleat.model_metrics_current.cost_nanodollars IS 'Sum of the costs, in 10^-9 dollars.';
COMMENT ON COLUMN pleat.model_metrics_current.quality_millionths IS 'Sum of the quality scores, in 10^-6.';
COMMENT ON COLUMN pleat.model_metrics_current.quality_samples IS 'How many calls had a quality score.';
COMMENT ON COLUMN pleat.model_metrics_current.fallbacks IS 'How many calls went to a fallback.';
COMMENT ON COLUMN pleat.model_metrics_current.buckets IS
  'Histogram of the response times: the buckets in use, ascending; pleat.bucket_middle says what they cover.';
COMMENT ON COLUMN pleat.model_metrics_current.bucket_ranks IS
  'For each of the buckets, how many calls lie in it or below it.';
COMMENT ON COLUMN pleat.model_metrics_current.position IS 'Journal position of the last event that changed the row.';

COMMENT ON COLUMN pleat.model_days_current.generation IS 'Of the projection models.';
COMMENT ON COLUMN pleat.model_days_current.model_name IS 'As the event names it.';
COMMENT ON COLUMN pleat.model_days_current.task_type IS 'As the event names it.';
COMMENT ON COLUMN pleat.model_days_current.day IS 'UTC day of the event time.';
COMMENT ON COLUMN pleat.model_days_current.requests IS 'How many calls.';
COMMENT ON COLUMN pleat.model_days_current.response_time_us IS 'Sum of the response times, in microseconds.';
COMMENT ON COLUMN pleat.model_days_current.tokens_used IS 'Sum of the tokens.';
COMMENT ON COLUMN pleat.model_days_current.cost_nanodollars IS 'Sum of the costs, in 10^-9 dollars.';
COMMENT ON COLUMN pleat.model_days_current.quality_millionths IS 'Sum of the quality scores, in 10^-6.';
COMMENT ON COLUMN pleat.model_days_current.quality_samples IS 'How many calls had a quality score.';
COMMENT ON COLUMN pleat.model_days_current.fallbacks IS 'How many calls went to a fallback.';
COMMENT ON COLUMN pleat.model_days_current.response_time_squares IS 'Sum of the squared response times, in (10^-6 s)^2.';
COMMENT ON COLUMN pleat.model_days_current.cost_squares IS 'Sum of the squared costs, in (10^-9 dollars)^2; at most 2^127 - 1.';
COMMENT ON COLUMN pleat.model_days_current.quality_squares IS 'Sum of the squared quality scores, in (10^-6)^2.';
COMMENT ON COLUMN pleat.model_days_current.announced IS
  'For which measures of the day model_performance_changed was said: 1 latency, 2 quality, 4 cost, added up.';
COMMENT ON COLUMN pleat.model_days_current.buckets IS
  'Histogram of the response times: the buckets in use, ascending; pleat.bucket_middle says what they cover.';
COMMENT ON COLUMN pleat.model_days_current.bucket_ranks IS
  'For each of the buckets, how many calls lie in it or below it.';
COMMENT ON COLUMN pleat.model_days_current.position IS 'Journal position of the last event that changed the row.';

GRANT SELECT, INSERT ON pleat.model_metrics, pleat.model_days TO pleat_writer;
GRANT SELECT, INSERT, UPDATE ON pleat.model_metrics_current, pleat.model_days_current TO pleat_writer;
