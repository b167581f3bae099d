-- The core of Pleat: journal, cursors, leases, outbox, and the functions that change them.
--
-- Runs as pleat_owner. What must not be rewritten changes only through the functions below, which run with the owner's rights;
-- pleat_writer, the login of `pleat run`, reads, calls them, and inserts into the outbox.
--
-- SQLSTATEs of our own:
--   PL001  the lease, the epoch or the place is not (or no longer) the caller's; nothing was written
--   PL002  a decision that does not fit the partition's state
--   PL003  a call that breaks the functions' contract
--   PL004  the live generation is of other versions, or another hash key, than the caller's

CREATE SCHEMA pleat;
COMMENT ON SCHEMA pleat IS 'The inside of Pleat: journal, cursors, leases, outbox and the projections'' rows. Read insights instead.';
GRANT USAGE ON SCHEMA pleat TO pleat_writer, pleat_operator;

-- Installation ---------------------------------------------------------------------------------------------------------------

CREATE TABLE pleat.migrations (
  number     integer PRIMARY KEY,
  name       text COLLATE "C" NOT NULL,
  checksum   bytea NOT NULL CHECK (octet_length(checksum) = 32),
  applied_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
COMMENT ON TABLE pleat.migrations IS 'The migrations applied, with the SHA-256 of each file.';

CREATE TABLE pleat.installation (
  singleton boolean PRIMARY KEY DEFAULT true CHECK (singleton),
  uuid       uuid NOT NULL DEFAULT gen_random_uuid(),
  created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  publish    text COLLATE "C" CHECK (publish IN ('live', 'all')),
  live_from  bigint CHECK (live_from >= 0)
);
COMMENT ON TABLE pleat.installation IS 'One row: this installation of Pleat.';
COMMENT ON COLUMN pleat.installation.uuid IS 'Part of the relay''s transactional.id, and the seed of the journal''s chain.';
COMMENT ON COLUMN pleat.installation.publish IS 'relay.publish at the first start; NULL before it.';
COMMENT ON COLUMN pleat.installation.live_from IS
  'Nothing at or before this journal position is published; NULL while ingest has not reached first_ends.';

CREATE TABLE pleat.first_ends (
  topic      text COLLATE "C" NOT NULL,
  partition  integer NOT NULL CHECK (partition >= 0),
  end_offset bigint NOT NULL CHECK (end_offset >= 0),
  PRIMARY KEY (topic, partition)
);
COMMENT ON TABLE pleat.first_ends IS
  'Where the input topics ended at the first start; what a topic did not have any more when somebody decided where to go on is taken off.';

CREATE TABLE pleat.secrets (
  singleton boolean PRIMARY KEY DEFAULT true CHECK (singleton),
  hash_key bytea NOT NULL CHECK (octet_length(hash_key) = 16)
);
COMMENT ON TABLE pleat.secrets IS 'One row, for owner and writer alone.';
COMMENT ON COLUMN pleat.secrets.hash_key IS 'SipHash key of the people''s hashes, two little-endian words. Changing it is a rebuild.';

-- Instances and leases -------------------------------------------------------------------------------------------------------

CREATE TABLE pleat.instances (
  name          text COLLATE "C" PRIMARY KEY,
  start         bigint NOT NULL,
  registered_at timestamptz NOT NULL,
  until         timestamptz NOT NULL
) WITH (fillfactor = 50);
COMMENT ON TABLE pleat.instances IS 'Every instance name ever used, and its youngest start.';
COMMENT ON COLUMN pleat.instances.start IS
  'Counter of the youngest start: above every earlier one, and at least the clock in microseconds, so that a database that went back does not give one out twice.';
COMMENT ON COLUMN pleat.instances.until IS 'The instance counts as alive until then, by the database''s clock.';

CREATE TABLE pleat.leases (
  resource      text COLLATE "C" PRIMARY KEY,
  owner         text COLLATE "C",
  owner_start   bigint,
  until         timestamptz,
  backend_pid   integer,
  backend_start timestamptz,
  CHECK ((owner IS NULL) = (owner_start IS NULL) AND (owner IS NULL) = (until IS NULL))
) WITH (fillfactor = 50);
COMMENT ON TABLE pleat.leases IS 'Who runs what: partition/TOPIC/N, projection/NAME, rebuild/NAME, relay.';
COMMENT ON COLUMN pleat.leases.until IS 'Held until then, by the database''s clock.';
COMMENT ON COLUMN pleat.leases.backend_pid IS 'The backend of the stage that took over under this lease: while it works, or answers one statement after the other, the lease is renewed.';

-- Ingest ---------------------------------------------------------------------------------------------------------------------

CREATE TABLE pleat.partitions (
  topic            text COLLATE "C" NOT NULL,
  partition        integer NOT NULL CHECK (partition >= 0),
  incarnation      integer NOT NULL DEFAULT 0,
  epoch            bigint NOT NULL DEFAULT 0,
  next_offset      bigint NOT NULL CHECK (next_offset >= 0),
  end_offset       bigint,
  state            text COLLATE "C" NOT NULL DEFAULT 'running' CHECK (state IN ('running', 'alarm', 'paused')),
  reason           text,
  cluster_id       text,
  journaled_offset bigint,
  journaled_digest bytea,
  checked_offset   bigint,
  checked_digest   bytea,
  bad_records      bytea NOT NULL DEFAULT '',
  duplicates       bigint NOT NULL DEFAULT 0,
  dead_letters     bigint NOT NULL DEFAULT 0,
  updated_at       timestamptz NOT NULL,
  PRIMARY KEY (topic, partition),
  CHECK ((journaled_offset IS NULL) = (journaled_digest IS NULL)),
  CHECK ((checked_offset IS NULL) = (checked_digest IS NULL))
) WITH (fillfactor = 30);
COMMENT ON TABLE pleat.partitions IS 'Ingest''s cursor of each input partition.';
COMMENT ON COLUMN pleat.partitions.incarnation IS 'Counts the skips to the cursor or before it: offsets of different incarnations do not compare.';
COMMENT ON COLUMN pleat.partitions.epoch IS 'Raised by every takeover and decision; fences whoever knows a lower one.';
COMMENT ON COLUMN pleat.partitions.next_offset IS 'Everything before it is journaled, refused or a duplicate.';
COMMENT ON COLUMN pleat.partitions.end_offset IS 'The high watermark as ingest last saw it.';
COMMENT ON COLUMN pleat.partitions.state IS 'running; alarm: pleat skip decides; paused (too many bad records): pleat resume goes on.';
COMMENT ON COLUMN pleat.partitions.cluster_id IS 'The Kafka cluster that the offsets belong to; NULL after a skip, until the next takeover.';
COMMENT ON COLUMN pleat.partitions.journaled_digest IS 'Fingerprint of the last journaled record, 16 bytes.';
COMMENT ON COLUMN pleat.partitions.checked_digest IS 'Fingerprint of the record that was last at the previous check, 16 bytes.';
COMMENT ON COLUMN pleat.partitions.bad_records IS 'Which of the last records were bad, in ingest''s own form.';

CREATE TABLE pleat.skips (
  id               bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  topic            text COLLATE "C" NOT NULL,
  partition        integer NOT NULL,
  from_offset      bigint NOT NULL,
  to_offset        bigint NOT NULL,
  from_incarnation integer NOT NULL,
  incarnation      integer NOT NULL,
  state            text COLLATE "C" NOT NULL,
  state_reason     text,
  reason           text NOT NULL,
  decided_by       text NOT NULL,
  at               timestamptz NOT NULL DEFAULT clock_timestamp()
);
COMMENT ON TABLE pleat.skips IS 'Every pleat skip: who let ingest go on elsewhere, from what state, and why.';

-- Journal --------------------------------------------------------------------------------------------------------------------

CREATE TABLE pleat.journal_head (
  singleton boolean PRIMARY KEY DEFAULT true CHECK (singleton),
  position          bigint NOT NULL DEFAULT 0,
  chain             bytea NOT NULL CHECK (octet_length(chain) = 32),
  greatest_time     timestamptz,
  appended_at       timestamptz NOT NULL,
  partitioned_until bigint NOT NULL DEFAULT 1
) WITH (fillfactor = 30);
COMMENT ON TABLE pleat.journal_head IS 'One row: the end of the journal. Its lock orders the appends.';
COMMENT ON COLUMN pleat.journal_head.position IS 'Of the last event; 0 for none.';
COMMENT ON COLUMN pleat.journal_head.chain IS 'Of the last segment; before the first, SHA-256 of the 16 bytes of the installation''s UUID.';
COMMENT ON COLUMN pleat.journal_head.partitioned_until IS 'The journal has tables for positions below it.';

CREATE TABLE pleat.journal (
  first_position    bigint NOT NULL CHECK (first_position > 0),
  event_count       integer NOT NULL CHECK (event_count > 0),
  topic             text COLLATE "C" NOT NULL,
  partition         integer NOT NULL,
  incarnation       integer NOT NULL,
  first_offset      bigint NOT NULL,
  next_offset       bigint NOT NULL CHECK (next_offset > first_offset),
  least_time        timestamptz NOT NULL,
  greatest_time     timestamptz NOT NULL CHECK (greatest_time >= least_time),
  greatest_so_far   timestamptz NOT NULL CHECK (greatest_so_far >= greatest_time),
  appended_at       timestamptz NOT NULL,
  payload           bytea NOT NULL,
  payload_digest    bytea NOT NULL CHECK (octet_length(payload_digest) = 32),
  identities        bytea NOT NULL,
  identities_digest bytea NOT NULL CHECK (octet_length(identities_digest) = 32),
  chain             bytea NOT NULL CHECK (octet_length(chain) = 32),
  PRIMARY KEY (first_position)
) PARTITION BY RANGE (first_position);
-- Both are compressed already.
ALTER TABLE pleat.journal ALTER payload SET STORAGE EXTERNAL, ALTER identities SET STORAGE EXTERNAL;
-- Statistics would keep copies of what an erasure takes out.
ALTER TABLE pleat.journal ALTER payload SET STATISTICS 0, ALTER identities SET STATISTICS 0;
CREATE INDEX journal_offsets ON pleat.journal (topic, partition, incarnation, next_offset);
CREATE INDEX journal_appended_at ON pleat.journal (appended_at);
COMMENT ON TABLE pleat.journal IS 'Every event once, in one order: segments of one partition''s events each, chained by SHA-256.';
COMMENT ON COLUMN pleat.journal.first_position IS 'Position of the first event; the others follow without a gap.';
COMMENT ON COLUMN pleat.journal.first_offset IS 'Offset of the first record that the segment covers; duplicates and dead letters between are not in it.';
COMMENT ON COLUMN pleat.journal.next_offset IS 'Offset behind the last record that the segment covers.';
COMMENT ON COLUMN pleat.journal.greatest_so_far IS 'Greatest event time of this and every earlier segment.';
COMMENT ON COLUMN pleat.journal.appended_at IS 'The database''s clock at the append, never before the previous segment''s.';
COMMENT ON COLUMN pleat.journal.payload IS 'The event batch in its binary form, zstd.';
COMMENT ON COLUMN pleat.journal.payload_digest IS 'SHA-256 of payload.';
COMMENT ON COLUMN pleat.journal.identities IS 'Offsets and identities of the events.';
COMMENT ON COLUMN pleat.journal.identities_digest IS 'SHA-256 of identities.';
COMMENT ON COLUMN pleat.journal.chain IS 'As pleat.chain_value computes it.';

CREATE TABLE pleat.journal_tables (
  name           text COLLATE "C" PRIMARY KEY,
  first_position bigint NOT NULL UNIQUE,
  until_position bigint NOT NULL,
  made_at        timestamptz NOT NULL
);
COMMENT ON TABLE pleat.journal_tables IS 'The tables that the journal is made of, in the schema pleat.';
COMMENT ON COLUMN pleat.journal_tables.until_position IS 'The first position that is the next table''s.';

CREATE TABLE pleat.kept_identities (
  first_position bigint PRIMARY KEY,
  topic          text COLLATE "C" NOT NULL,
  partition      integer NOT NULL,
  incarnation    integer NOT NULL,
  first_offset   bigint NOT NULL,
  next_offset    bigint NOT NULL,
  identities     bytea NOT NULL
);
COMMENT ON TABLE pleat.kept_identities IS 'Identities of segments that retention has dropped, while the window of duplicates reaches back to them.';

CREATE TABLE pleat.journal_start (
  singleton boolean PRIMARY KEY DEFAULT true CHECK (singleton),
  first_position bigint NOT NULL DEFAULT 1,
  chain          bytea NOT NULL CHECK (octet_length(chain) = 32),
  greatest_time  timestamptz
);
COMMENT ON TABLE pleat.journal_start IS 'One row: where the journal begins. Retention moves it; without it everything is kept.';
COMMENT ON COLUMN pleat.journal_start.first_position IS 'The first position that the journal still has.';
COMMENT ON COLUMN pleat.journal_start.chain IS 'The chain value before it.';
COMMENT ON COLUMN pleat.journal_start.greatest_time IS 'Greatest event time before it; NULL while nothing was dropped.';

CREATE TABLE pleat.erased_segments (
  first_position            bigint PRIMARY KEY,
  chained_payload_digest    bytea NOT NULL CHECK (octet_length(chained_payload_digest) = 32),
  chained_identities_digest bytea NOT NULL CHECK (octet_length(chained_identities_digest) = 32),
  payload_digest            bytea NOT NULL CHECK (octet_length(payload_digest) = 32),
  identities_digest         bytea NOT NULL CHECK (octet_length(identities_digest) = 32)
);
COMMENT ON TABLE pleat.erased_segments IS 'Segments that an erasure has rewritten: the digests that were chained, and those of what stands there now.';

CREATE TABLE pleat.dead_letters (
  id               bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  topic            text COLLATE "C" NOT NULL,
  partition        integer NOT NULL,
  incarnation      integer NOT NULL,
  record_offset    bigint NOT NULL,
  reason           text COLLATE "C" NOT NULL,
  path             text,
  key              bytea,
  value            bytea,
  header_names     bytea[] NOT NULL,
  header_values    bytea[] NOT NULL,
  record_timestamp timestamptz,
  at               timestamptz NOT NULL,
  erased_at        timestamptz,
  UNIQUE (topic, partition, incarnation, record_offset)
);
-- Statistics would keep copies of what an erasure takes out.
ALTER TABLE pleat.dead_letters ALTER key SET STATISTICS 0, ALTER value SET STATISTICS 0, ALTER header_names SET STATISTICS 0,
  ALTER header_values SET STATISTICS 0;
COMMENT ON TABLE pleat.dead_letters IS 'Records that broke a rule, as they came.';
COMMENT ON COLUMN pleat.dead_letters.path IS 'JSON Pointer or header name of the member behind the reason; NULL where there is none.';
COMMENT ON COLUMN pleat.dead_letters.header_values IS 'In the order of header_names; NULL for a header without a value.';
COMMENT ON COLUMN pleat.dead_letters.erased_at IS 'When an erasure took value and headers; such a letter cannot be tried again.';
COMMENT ON COLUMN pleat.dead_letters.at IS 'When it was refused, by the database''s clock.';

-- Projections ----------------------------------------------------------------------------------------------------------------

CREATE TABLE pleat.projection_cursors (
  projection      text COLLATE "C" NOT NULL,
  generation      integer NOT NULL CHECK (generation > 0),
  epoch           bigint NOT NULL DEFAULT 0,
  position        bigint NOT NULL DEFAULT 0 CHECK (position >= 0),
  chain           bytea NOT NULL DEFAULT '',
  greatest_time   timestamptz,
  last_day_turn   bigint NOT NULL DEFAULT 0,
  state           text COLLATE "C" NOT NULL DEFAULT 'catching_up'
                  CHECK (state IN ('live', 'catching_up', 'failed', 'stopped')),
  reason          text,
  fold_version    integer NOT NULL,
  catalog_version integer NOT NULL,
  key_digest      bytea NOT NULL,
  phase           text COLLATE "C" NOT NULL DEFAULT 'making' CHECK (phase IN ('making', 'live', 'old')),
  live_since      bigint,
  created_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
  updated_at      timestamptz NOT NULL,
  PRIMARY KEY (projection, generation),
  CHECK ((position = 0) = (chain = ''))
) WITH (fillfactor = 30);
COMMENT ON TABLE pleat.projection_cursors IS 'Where each generation of a projection stands in the journal, and what its rows are a function of.';
COMMENT ON COLUMN pleat.projection_cursors.epoch IS 'Raised by every takeover; fences whoever knows a lower one.';
COMMENT ON COLUMN pleat.projection_cursors.position IS 'The last event folded; 0 for none.';
COMMENT ON COLUMN pleat.projection_cursors.chain IS 'Chain value of the segment that holds position; empty at 0.';
COMMENT ON COLUMN pleat.projection_cursors.greatest_time IS 'Greatest event time folded; the watermark is 5 minutes before it.';
COMMENT ON COLUMN pleat.projection_cursors.last_day_turn IS 'Position of the last turn of the day; 0 before the first.';
COMMENT ON COLUMN pleat.projection_cursors.key_digest IS 'SHA-256 of the hash key that the generation was folded with.';
COMMENT ON COLUMN pleat.projection_cursors.phase IS
  'making: a rebuild folds it; live: live_generations names it; old: it was live, or is given up, and is being deleted.';
COMMENT ON COLUMN pleat.projection_cursors.live_since IS
  'Its position when it became live, 0 for the first generation: derived events behind it are its own. NULL before.';
COMMENT ON COLUMN pleat.projection_cursors.updated_at IS 'The database''s clock at the last commit.';

CREATE TABLE pleat.live_generations (
  projection text COLLATE "C" PRIMARY KEY,
  generation integer NOT NULL,
  FOREIGN KEY (projection, generation) REFERENCES pleat.projection_cursors
);
COMMENT ON TABLE pleat.live_generations IS 'The generation of each projection that the views show.';

CREATE TABLE pleat.turns (
  projection text COLLATE "C" NOT NULL,
  generation integer NOT NULL,
  position   bigint NOT NULL,
  watermark  timestamptz NOT NULL,
  kept       boolean NOT NULL DEFAULT true,
  PRIMARY KEY (projection, generation, position)
);
COMMENT ON TABLE pleat.turns IS 'Turns of the day: positions at which versions stand.';
COMMENT ON COLUMN pleat.turns.position IS 'Of the event that turned, which the versions do not contain yet.';
COMMENT ON COLUMN pleat.turns.watermark IS 'The watermark after the turn.';
COMMENT ON COLUMN pleat.turns.kept IS 'False where retention has thinned the versions of this turn out.';

-- Outbox and relay -----------------------------------------------------------------------------------------------------------

CREATE TABLE pleat.outbox (
  projection text COLLATE "C" NOT NULL,
  position   bigint NOT NULL,
  ordinal    integer NOT NULL CHECK (ordinal >= 0),
  chain      bytea NOT NULL CHECK (octet_length(chain) = 32),
  topic      smallint NOT NULL CHECK (topic IN (0, 1)),
  subject    text COLLATE "C" NOT NULL,
  id         text COLLATE "C" NOT NULL,
  as_of      timestamptz NOT NULL,
  json       text COLLATE "C" NOT NULL,
  PRIMARY KEY (projection, position, ordinal)
);
COMMENT ON TABLE pleat.outbox IS 'Derived events in the order in which the relay publishes them; one log for each projection, no generation in it.';
COMMENT ON COLUMN pleat.outbox.chain IS 'Chain value of the segment that holds position.';
COMMENT ON COLUMN pleat.outbox.topic IS '0: kafka.output_topic, 1: kafka.team_topic.';
COMMENT ON COLUMN pleat.outbox.json IS 'The whole CloudEvent, byte for byte as published.';

CREATE TABLE pleat.relay_cursor (
  singleton boolean PRIMARY KEY DEFAULT true CHECK (singleton),
  epoch      bigint NOT NULL DEFAULT 0,
  state      text COLLATE "C" NOT NULL DEFAULT 'stopped',
  delivery   text COLLATE "C" NOT NULL DEFAULT '',
  updated_at timestamptz NOT NULL
) WITH (fillfactor = 30);
COMMENT ON TABLE pleat.relay_cursor IS 'One row: who may move relay_places, and what the relay says of itself.';

CREATE TABLE pleat.relay_places (
  projection    text COLLATE "C" PRIMARY KEY,
  position      bigint NOT NULL,
  ordinal       integer NOT NULL,
  chain         bytea NOT NULL,
  checked_until timestamptz,
  passed_position bigint,
  passed_chain  bytea,
  CHECK ((passed_position IS NULL) = (passed_chain IS NULL))
) WITH (fillfactor = 30);
COMMENT ON TABLE pleat.relay_places IS 'How far each projection''s outbox is published: a lagging copy of the records in the cursor topic.';
COMMENT ON COLUMN pleat.relay_places.checked_until IS 'Set while ids are read back after the database went back: the greatest as_of found then.';
COMMENT ON COLUMN pleat.relay_places.passed_position IS
  'Where the fold stood when that was passed, until something behind it is relayed: a database that goes back to before it lacks it.';
COMMENT ON COLUMN pleat.relay_places.passed_chain IS 'The chain value there.';

-- First rows -----------------------------------------------------------------------------------------------------------------

INSERT INTO pleat.installation DEFAULT VALUES;
-- A random UUID is 122 strong bits; two of them, hashed, are enough for 128.
INSERT INTO pleat.secrets (hash_key)
  SELECT substring(sha256(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid())) FOR 16);
INSERT INTO pleat.journal_head (chain, appended_at)
  SELECT sha256(uuid_send(uuid)), clock_timestamp() FROM pleat.installation;
INSERT INTO pleat.journal_start (chain) SELECT chain FROM pleat.journal_head;
INSERT INTO pleat.relay_cursor (updated_at) VALUES (clock_timestamp());

-- Functions: inside ----------------------------------------------------------------------------------------------------------

CREATE FUNCTION pleat.chain_value(
  previous bytea, first_position bigint, event_count integer, topic text, partition integer, incarnation integer,
  first_offset bigint, next_offset bigint, least_time timestamptz, greatest_time timestamptz, greatest_so_far timestamptz,
  appended_at timestamptz, payload_digest bytea, identities_digest bytea
) RETURNS bytea LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp
RETURN sha256(
  previous || int8send(first_position) || int4send(event_count) || int4send(octet_length(convert_to(topic, 'UTF8')))
  || convert_to(topic, 'UTF8') || int4send(partition) || int4send(incarnation) || int8send(first_offset)
  || int8send(next_offset) || timestamptz_send(least_time) || timestamptz_send(greatest_time)
  || timestamptz_send(greatest_so_far) || timestamptz_send(appended_at) || payload_digest || identities_digest);
COMMENT ON FUNCTION pleat.chain_value IS
  'SHA-256 over: previous chain value (32 bytes), first position (8), count (4), length of the topic (4), topic (UTF-8), partition (4), incarnation (4), first offset (8), next offset (8), least, greatest, greatest so far and appended at (8 each, microseconds since 2000-01-01 UTC), digests of payload and identities (32 each). Integers are signed and big-endian.';

CREATE FUNCTION pleat.add_journal_partitions(p_position bigint) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  -- A table is for about a day: what retention drops goes whole. There is always one ahead, so that none is made late.
  c_least_span CONSTANT bigint := 1000000;
  c_greatest_span CONSTANT bigint := 50000000;
  v_from bigint;
  v_to bigint;
  v_span bigint;
  v_lasted interval;
  v_name text;
BEGIN
  LOOP
    SELECT h.partitioned_until INTO STRICT v_from FROM pleat.journal_head h;
    -- The last table, which nothing stands in yet as long as it is the one ahead.
    SELECT t.until_position - t.first_position, clock_timestamp() - t.made_at INTO v_span, v_lasted
    FROM pleat.journal_tables t ORDER BY t.first_position DESC LIMIT 1;
    v_span := coalesce(v_span, c_least_span);
    EXIT WHEN v_from > p_position + v_span;
    -- It was made when the one before it began: so long did that last.
    v_span := CASE WHEN v_lasted < interval '12 hours' AND v_from > c_least_span * 2 THEN least(v_span * 2, c_greatest_span)
                   WHEN v_lasted > interval '2 days' THEN greatest(v_span / 2, c_least_span)
                   ELSE v_span END;
    v_to := CASE WHEN v_from = 1 THEN v_span ELSE v_from + v_span END;
    v_name := format('journal_%s', v_from);
    -- Attached rather than created as a partition: that takes no lock which readers would wait for.
    EXECUTE format('CREATE TABLE pleat.%I (LIKE pleat.journal INCLUDING CONSTRAINTS INCLUDING STORAGE)', v_name);
    EXECUTE format('ALTER TABLE pleat.%I ALTER payload SET STATISTICS 0, ALTER identities SET STATISTICS 0', v_name);
    EXECUTE format('ALTER TABLE pleat.journal ATTACH PARTITION pleat.%I FOR VALUES FROM (%L) TO (%L)', v_name, v_from, v_to);
    INSERT INTO pleat.journal_tables (name, first_position, until_position, made_at)
      VALUES (v_name, v_from, v_to, clock_timestamp());
    UPDATE pleat.journal_head SET partitioned_until = v_to;
  END LOOP;
END $$;
COMMENT ON FUNCTION pleat.add_journal_partitions IS 'Makes the journal''s tables up to a position, and one ahead. Under the head''s lock.';
SELECT pleat.add_journal_partitions(0);

CREATE FUNCTION pleat.claim_lease(p_resource text, p_instance text, p_start bigint) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  UPDATE pleat.leases l
    SET backend_pid = pg_backend_pid(),
        backend_start = (SELECT a.backend_start FROM pg_stat_get_activity(pg_backend_pid()) a)
    WHERE l.resource = p_resource AND l.owner = p_instance AND l.owner_start = p_start AND l.until > clock_timestamp();
  IF NOT FOUND THEN
    RAISE EXCEPTION 'the lease % is not held by %', p_resource, p_instance USING ERRCODE = 'PL001';
  END IF;
END $$;
COMMENT ON FUNCTION pleat.claim_lease IS
  'Requires a lease, and notes this backend in it. Last in a takeover: what comes before may wait for locks, and heartbeats must not wait with it.';

CREATE FUNCTION pleat.settle_live_from() RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF NOT EXISTS (SELECT FROM pleat.installation i WHERE i.publish = 'live' AND i.live_from IS NULL) THEN
    RETURN;
  END IF;
  -- Under the head's lock, so that of two flushes that reach the last two ends one sees the other.
  PERFORM FROM pleat.journal_head FOR UPDATE;
  IF NOT EXISTS (
    SELECT FROM pleat.first_ends f LEFT JOIN pleat.partitions p USING (topic, partition)
    WHERE f.end_offset > 0 AND NOT coalesce(p.next_offset >= f.end_offset OR p.incarnation > 0, false)
  ) THEN
    UPDATE pleat.installation SET live_from = (SELECT h.position FROM pleat.journal_head h) WHERE live_from IS NULL;
  END IF;
END $$;
COMMENT ON FUNCTION pleat.settle_live_from IS
  'Sets live_from to the journal''s end once every partition of first_ends has reached its end (or was skipped back: the old end says nothing then).';

CREATE FUNCTION pleat.journal_has(p_position bigint, p_chain bytea) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  -- Attaching a table takes no lock that conflicts with a reader's, so a transaction that has read the journal before does not hear
  -- of it until it takes a lock that it has not had. A function in SQL would even then keep its plan.
  PERFORM pg_relation_size(to_regclass(format('pleat.%I', t.name)))
    FROM pleat.journal_tables t WHERE t.first_position <= p_position ORDER BY t.first_position DESC LIMIT 1;
  RETURN p_chain = '' OR coalesce((
    SELECT s.chain = p_chain AND p_position < s.first_position + s.event_count
    FROM pleat.journal s WHERE s.first_position <= p_position ORDER BY s.first_position DESC LIMIT 1), false);
END $$;
COMMENT ON FUNCTION pleat.journal_has IS 'Whether the segment that holds a position has this chain value; an empty value: yes.';

-- Functions: the writer's ----------------------------------------------------------------------------------------------------

CREATE FUNCTION pleat.initialize(p_publish text, p_topics text[], p_partitions integer[], p_ends bigint[]) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  UPDATE pleat.installation SET publish = p_publish, live_from = CASE p_publish WHEN 'all' THEN 0 END WHERE publish IS NULL;
  IF NOT FOUND THEN
    RETURN;
  END IF;
  INSERT INTO pleat.first_ends (topic, partition, end_offset)
    SELECT * FROM unnest(p_topics, p_partitions, p_ends) ON CONFLICT DO NOTHING;
  PERFORM pleat.settle_live_from();
END $$;
COMMENT ON FUNCTION pleat.initialize IS 'Stores, once, relay.publish (live or all) and where the input topics ended. Later calls change nothing.';

CREATE FUNCTION pleat.register_instance(p_name text, p_last_start bigint) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_now timestamptz := clock_timestamp();
  v_clock bigint := (extract(epoch FROM v_now) * 1000000)::bigint;
  -- Alive until its first heartbeat, which comes at once.
  c_grace CONSTANT interval := '10 seconds';
  v_start bigint;
BEGIN
  INSERT INTO pleat.instances AS i (name, start, registered_at, until)
    VALUES (p_name, v_clock, v_now, v_now + c_grace)
    ON CONFLICT (name) DO UPDATE
      SET start = greatest(i.start + 1, v_clock), registered_at = v_now, until = v_now + c_grace
      WHERE i.start = p_last_start
    RETURNING i.start INTO v_start;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'somebody has started as % meanwhile', p_name USING ERRCODE = 'PL001';
  END IF;
  UPDATE pleat.leases l
    SET owner = NULL, owner_start = NULL, until = NULL, backend_pid = NULL, backend_start = NULL
    FROM (SELECT o.resource FROM pleat.leases o WHERE o.owner = p_name ORDER BY o.resource FOR UPDATE) mine
    WHERE l.resource = mine.resource;
  RETURN v_start;
END $$;
COMMENT ON FUNCTION pleat.register_instance IS
  'Enters a start under a name, if the caller knows the last one (else PL001), frees that one''s leases, and returns its counter.';

CREATE FUNCTION pleat.heartbeat(
  p_name text, p_start bigint, p_seconds integer, p_resources text[], p_held text[], p_renew text[], p_release text[]
) RETURNS TABLE (status text, alive text[], resources text[], owners text[], owner_starts bigint[])
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_start bigint;
  v_until timestamptz;
BEGIN
  UPDATE pleat.instances i SET until = clock_timestamp() + make_interval(secs => p_seconds)
    WHERE i.name = p_name AND i.start = p_start;
  IF NOT FOUND THEN
    SELECT i.start INTO v_start FROM pleat.instances i WHERE i.name = p_name;
    status := CASE WHEN v_start > p_start THEN 'superseded' ELSE 'unknown' END;
    RETURN NEXT;
    RETURN;
  END IF;
  INSERT INTO pleat.leases (resource)
    SELECT r FROM unnest(p_resources) r WHERE NOT EXISTS (SELECT FROM pleat.leases l WHERE l.resource = r) ORDER BY r COLLATE "C"
    ON CONFLICT DO NOTHING;
  -- In one order, like everybody who locks several.
  PERFORM FROM pleat.leases l
    WHERE l.owner = p_name AND l.owner_start = p_start AND l.resource = ANY (p_held || p_renew || p_release)
    ORDER BY l.resource FOR UPDATE;
  UPDATE pleat.leases l
    SET owner = NULL, owner_start = NULL, until = NULL, backend_pid = NULL, backend_start = NULL
    WHERE l.owner = p_name AND l.owner_start = p_start AND l.resource = ANY (p_release);
  v_until := clock_timestamp() + make_interval(secs => p_seconds);
  UPDATE pleat.leases l SET until = v_until
    WHERE l.owner = p_name AND l.owner_start = p_start AND (
      l.resource = ANY (p_renew)
      OR l.resource = ANY (p_held) AND EXISTS (
        SELECT FROM pg_stat_activity a
        WHERE a.pid = l.backend_pid AND a.backend_start = l.backend_start
          -- Over a slow network a step is hundreds of statements, and between two of them the backend waits for its client.
          AND (a.state = 'active' AND a.wait_event_type IS DISTINCT FROM 'Client'
            OR a.state_change > clock_timestamp() - make_interval(secs => p_seconds))));
  status := 'overview';
  alive := ARRAY(SELECT i.name FROM pleat.instances i WHERE i.until > clock_timestamp() ORDER BY i.name);
  SELECT array_agg(l.resource ORDER BY l.resource),
         array_agg(CASE WHEN l.until > clock_timestamp() THEN l.owner END ORDER BY l.resource),
         array_agg(CASE WHEN l.until > clock_timestamp() THEN l.owner_start END ORDER BY l.resource)
    INTO resources, owners, owner_starts FROM pleat.leases l;
  RETURN NEXT;
END $$;
COMMENT ON FUNCTION pleat.heartbeat IS
  'Says that an instance lives; renews p_renew, and what of p_held has a backend at work, or one that began or answered a statement within the lease''s time; gives back p_release. status: overview, superseded (a younger start has the name) or unknown (register again).';

CREATE FUNCTION pleat.acquire_leases(p_name text, p_start bigint, p_seconds integer, p_resources text[]) RETURNS SETOF text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM FROM pleat.instances i WHERE i.name = p_name AND i.start = p_start FOR SHARE;
  IF NOT FOUND THEN
    RETURN;
  END IF;
  INSERT INTO pleat.leases (resource)
    SELECT r FROM unnest(p_resources) r WHERE NOT EXISTS (SELECT FROM pleat.leases l WHERE l.resource = r) ORDER BY r COLLATE "C"
    ON CONFLICT DO NOTHING;
  PERFORM FROM pleat.leases l WHERE l.resource = ANY (p_resources) ORDER BY l.resource FOR UPDATE;
  RETURN QUERY
    UPDATE pleat.leases l
      SET owner = p_name, owner_start = p_start, until = clock_timestamp() + make_interval(secs => p_seconds),
          backend_pid = NULL, backend_start = NULL
      WHERE l.resource = ANY (p_resources)
        AND (l.owner IS NULL OR l.until <= clock_timestamp() OR (l.owner = p_name AND l.owner_start = p_start))
      RETURNING l.resource;
END $$;
COMMENT ON FUNCTION pleat.acquire_leases IS 'Takes what is free of these; returns what the instance got. Nothing for a start that is not the youngest of its name.';

CREATE FUNCTION pleat.leave(p_name text, p_start bigint) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  UPDATE pleat.instances i SET until = clock_timestamp() WHERE i.name = p_name AND i.start = p_start;
  PERFORM FROM pleat.leases l WHERE l.owner = p_name AND l.owner_start = p_start ORDER BY l.resource FOR UPDATE;
  UPDATE pleat.leases l
    SET owner = NULL, owner_start = NULL, until = NULL, backend_pid = NULL, backend_start = NULL
    WHERE l.owner = p_name AND l.owner_start = p_start;
END $$;
COMMENT ON FUNCTION pleat.leave IS 'Ends an instance''s registration and frees all it holds.';

CREATE FUNCTION pleat.end_blockers(p_pid integer) RETURNS TABLE (pid integer, ended boolean)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  -- Only for a session of the caller's own login, and only sessions of those whose rights the owner has.
  IF NOT EXISTS (SELECT FROM pg_stat_activity a WHERE a.pid = p_pid AND a.usename = session_user) THEN
    RETURN;
  END IF;
  RETURN QUERY
    SELECT b.pid,
           CASE WHEN a.usesysid IS NOT NULL AND pg_has_role(a.usesysid, 'USAGE') AND NOT r.rolsuper
             THEN pg_terminate_backend(b.pid) ELSE false END
    FROM unnest(pg_blocking_pids(p_pid)) b (pid)
      LEFT JOIN pg_stat_activity a ON a.pid = b.pid LEFT JOIN pg_roles r ON r.oid = a.usesysid;
END $$;
COMMENT ON FUNCTION pleat.end_blockers IS
  'Ends the backends that a session of the caller''s login waits for; ended is false for those that are not Pleat''s to end.';

CREATE FUNCTION pleat.take_over_partition(
  p_topic text, p_partition integer, p_instance text, p_start bigint, p_first_offset bigint, p_cluster_id text
) RETURNS SETOF pleat.partitions
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  -- An erasure that begins now knows this partition, or is known to whoever reads the open ones after this.
  PERFORM pg_advisory_xact_lock_shared(7813870561498363);
  INSERT INTO pleat.partitions (topic, partition, next_offset, cluster_id, updated_at)
    VALUES (p_topic, p_partition, p_first_offset, p_cluster_id, clock_timestamp()) ON CONFLICT DO NOTHING;
  RETURN QUERY
    UPDATE pleat.partitions p
      SET epoch = p.epoch + 1, cluster_id = coalesce(p.cluster_id, p_cluster_id), updated_at = clock_timestamp()
      WHERE p.topic = p_topic AND p.partition = p_partition
      RETURNING p.*;
  PERFORM pleat.settle_live_from();
  PERFORM pleat.claim_lease(format('partition/%s/%s', p_topic, p_partition), p_instance, p_start);
END $$;
COMMENT ON FUNCTION pleat.take_over_partition IS
  'Makes the cursor at p_first_offset if there is none, raises its epoch if the lease holds, and returns it. Waits for a commit still on its way.';

CREATE FUNCTION pleat.note_partition(
  p_topic text, p_partition integer, p_epoch bigint, p_state text, p_reason text, p_cluster_id text, p_checked_offset bigint,
  p_checked_digest bytea
) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  UPDATE pleat.partitions p
    SET state = p_state, reason = p_reason, cluster_id = coalesce(p_cluster_id, p.cluster_id),
        checked_offset = coalesce(p_checked_offset, p.checked_offset),
        checked_digest = coalesce(p_checked_digest, p.checked_digest), updated_at = clock_timestamp()
    WHERE p.topic = p_topic AND p.partition = p_partition AND p.epoch = p_epoch;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'the epoch of %/% is not % any more', p_topic, p_partition, p_epoch USING ERRCODE = 'PL001';
  END IF;
END $$;
COMMENT ON FUNCTION pleat.note_partition IS 'Notes an alarm, or the result of a check, by compare-and-swap on the epoch. What is NULL of the check stays as it was.';

CREATE FUNCTION pleat.append(
  move_topics text[], move_partitions integer[], move_epochs bigint[], move_from bigint[], move_to bigint[],
  move_ends bigint[], move_duplicates bigint[], move_dead_letters bigint[], move_states text[], move_reasons text[],
  move_journaled_offsets bigint[], move_journaled_digests bytea[], move_bad_records bytea[],
  segment_topics text[], segment_partitions integer[], segment_incarnations integer[], segment_counts integer[],
  segment_first_offsets bigint[], segment_next_offsets bigint[], segment_least_times timestamptz[],
  segment_greatest_times timestamptz[], segment_payloads bytea[], segment_payload_digests bytea[],
  segment_identities bytea[], segment_identities_digests bytea[],
  letter_topics text[], letter_partitions integer[], letter_incarnations integer[], letter_offsets bigint[],
  letter_reasons text[], letter_paths text[], letter_keys bytea[], letter_values bytea[], letter_timestamps timestamptz[],
  letter_header_counts integer[], header_names bytea[], header_values bytea[]
) RETURNS TABLE (at_position bigint, chain_before bytea, chain_after bytea)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_head pleat.journal_head;
  v_total bigint := 0;
  v_greatest timestamptz;
  v_header integer := 0;
  v_index integer;
  i integer;
BEGIN
  -- The cursors, in one order over all instances: exactly one row each, or nothing at all is written.
  FOR i IN
    SELECT m.i FROM unnest(move_topics, move_partitions) WITH ORDINALITY m (topic, partition, i)
    ORDER BY m.topic COLLATE "C", m.partition
  LOOP
    UPDATE pleat.partitions p
      SET next_offset = move_to[i],
          end_offset = greatest(coalesce(move_ends[i], p.end_offset), move_to[i]),
          duplicates = p.duplicates + move_duplicates[i],
          dead_letters = p.dead_letters + move_dead_letters[i],
          state = move_states[i],
          reason = move_reasons[i],
          journaled_offset = coalesce(move_journaled_offsets[i], p.journaled_offset),
          journaled_digest = coalesce(move_journaled_digests[i], p.journaled_digest),
          bad_records = move_bad_records[i],
          updated_at = clock_timestamp()
      WHERE p.topic = move_topics[i] AND p.partition = move_partitions[i] AND p.epoch = move_epochs[i]
        AND p.next_offset = move_from[i];
    IF NOT FOUND THEN
      RAISE EXCEPTION 'the cursor of %/% is not at epoch % and offset %', move_topics[i], move_partitions[i], move_epochs[i],
        move_from[i] USING ERRCODE = 'PL001';
    END IF;
  END LOOP;

  -- What is not behind one of these cursors is not fenced.
  IF EXISTS (
    SELECT FROM (
      SELECT * FROM unnest(segment_topics, segment_partitions, segment_incarnations, segment_first_offsets, segment_next_offsets)
      UNION ALL
      SELECT l.topic, l.partition, l.incarnation, l.record_offset, l.record_offset + 1
      FROM unnest(letter_topics, letter_partitions, letter_incarnations, letter_offsets)
        l (topic, partition, incarnation, record_offset)
    ) w (topic, partition, incarnation, first_offset, next_offset)
    WHERE NOT EXISTS (
      SELECT FROM unnest(move_topics, move_partitions, move_from, move_to) m (topic, partition, move_from, move_to)
        JOIN pleat.partitions p ON p.topic = m.topic AND p.partition = m.partition
      WHERE m.topic = w.topic AND m.partition = w.partition AND p.incarnation = w.incarnation
        AND w.first_offset >= m.move_from AND w.next_offset <= m.move_to)
  ) THEN
    RAISE EXCEPTION 'a segment or a dead letter lies outside of the moves of its flush' USING ERRCODE = 'PL003';
  END IF;
  IF NOT EXISTS (SELECT FROM pleat.installation n WHERE n.publish IS NOT NULL) THEN
    RAISE EXCEPTION 'an append before pleat.initialize' USING ERRCODE = 'PL003';
  END IF;

  FOR i IN 1 .. cardinality(letter_topics) LOOP
    INSERT INTO pleat.dead_letters (
      topic, partition, incarnation, record_offset, reason, path, key, value, header_names, header_values, record_timestamp, at)
    VALUES (
      letter_topics[i], letter_partitions[i], letter_incarnations[i], letter_offsets[i], letter_reasons[i], letter_paths[i],
      letter_keys[i], letter_values[i], header_names[v_header + 1 : v_header + letter_header_counts[i]],
      header_values[v_header + 1 : v_header + letter_header_counts[i]], letter_timestamps[i], clock_timestamp());
    v_header := v_header + letter_header_counts[i];
  END LOOP;

  IF cardinality(segment_topics) > 0 THEN
    SELECT * INTO STRICT v_head FROM pleat.journal_head FOR UPDATE;
    SELECT sum(n) INTO v_total FROM unnest(segment_counts) n;
    PERFORM pleat.add_journal_partitions(v_head.position + v_total);
    v_head.appended_at := greatest(v_head.appended_at, clock_timestamp());
    FOR v_index IN 1 .. cardinality(segment_topics) LOOP
      v_head.greatest_time := greatest(v_head.greatest_time, segment_greatest_times[v_index]);
      chain_before := v_head.chain;
      v_head.chain := pleat.chain_value(
        v_head.chain, v_head.position + 1, segment_counts[v_index], segment_topics[v_index], segment_partitions[v_index],
        segment_incarnations[v_index], segment_first_offsets[v_index], segment_next_offsets[v_index],
        segment_least_times[v_index], segment_greatest_times[v_index], v_head.greatest_time, v_head.appended_at,
        segment_payload_digests[v_index], segment_identities_digests[v_index]);
      INSERT INTO pleat.journal (
        first_position, event_count, topic, partition, incarnation, first_offset, next_offset, least_time, greatest_time,
        greatest_so_far, appended_at, payload, payload_digest, identities, identities_digest, chain)
      VALUES (
        v_head.position + 1, segment_counts[v_index], segment_topics[v_index], segment_partitions[v_index],
        segment_incarnations[v_index], segment_first_offsets[v_index], segment_next_offsets[v_index],
        segment_least_times[v_index], segment_greatest_times[v_index], v_head.greatest_time, v_head.appended_at,
        segment_payloads[v_index], segment_payload_digests[v_index], segment_identities[v_index],
        segment_identities_digests[v_index], v_head.chain);
      at_position := v_head.position + 1;
      chain_after := v_head.chain;
      RETURN NEXT;
      v_head.position := v_head.position + segment_counts[v_index];
    END LOOP;
    UPDATE pleat.journal_head
      SET position = v_head.position, chain = v_head.chain, greatest_time = v_head.greatest_time,
          appended_at = v_head.appended_at;
    PERFORM pg_notify('pleat_journal', v_head.position::text);
  END IF;
  PERFORM pleat.settle_live_from();
END $$;
COMMENT ON FUNCTION pleat.append IS
  'One flush of ingest: moves cursors by compare-and-swap on epoch and place (else PL001, and nothing is written), then appends segments and dead letters. Returns, in order, each segment''s first position and the chain values before and after it.';

CREATE FUNCTION pleat.take_over_projection(
  p_projection text, p_instance text, p_start bigint, p_fold_version integer, p_catalog_version integer
) RETURNS TABLE (
  live_generation integer, new_epoch bigint, at_position bigint, at_chain bytea, at_greatest_time timestamptz,
  at_last_day_turn bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_key_digest bytea := (SELECT sha256(s.hash_key) FROM pleat.secrets s);
  v_cursor pleat.projection_cursors;
BEGIN
  IF NOT EXISTS (SELECT FROM pleat.live_generations g WHERE g.projection = p_projection) THEN
    INSERT INTO pleat.projection_cursors (
      projection, generation, fold_version, catalog_version, key_digest, phase, live_since, updated_at)
    VALUES (p_projection, 1, p_fold_version, p_catalog_version, v_key_digest, 'live', 0, clock_timestamp())
    ON CONFLICT DO NOTHING;
    INSERT INTO pleat.live_generations (projection, generation) VALUES (p_projection, 1) ON CONFLICT DO NOTHING;
  END IF;
  -- What is waited for may be a switch: the row is then read again, but not which generation is the live one.
  UPDATE pleat.projection_cursors c SET epoch = c.epoch + 1
    FROM pleat.live_generations g
    WHERE g.projection = p_projection AND c.projection = g.projection AND c.generation = g.generation AND c.phase = 'live'
    RETURNING c.* INTO v_cursor;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'another generation of % has become live', p_projection USING ERRCODE = 'PL001';
  END IF;
  IF (v_cursor.fold_version, v_cursor.catalog_version) <> (p_fold_version, p_catalog_version) THEN
    RAISE EXCEPTION 'generation % of % was folded by version % with catalog %, this program has version % with catalog %',
      v_cursor.generation, p_projection, v_cursor.fold_version, v_cursor.catalog_version, p_fold_version, p_catalog_version
      USING ERRCODE = 'PL004';
  END IF;
  IF v_cursor.key_digest <> v_key_digest THEN
    RAISE EXCEPTION 'generation % of % was folded with another hash key', v_cursor.generation, p_projection
      USING ERRCODE = 'PL004';
  END IF;
  PERFORM pleat.claim_lease('projection/' || p_projection, p_instance, p_start);
  live_generation := v_cursor.generation;
  new_epoch := v_cursor.epoch;
  at_position := v_cursor.position;
  at_chain := v_cursor.chain;
  at_greatest_time := v_cursor.greatest_time;
  at_last_day_turn := v_cursor.last_day_turn;
  RETURN NEXT;
END $$;
COMMENT ON FUNCTION pleat.take_over_projection IS
  'Raises the epoch of a projection''s live generation if the lease holds, and returns its cursor; makes the first generation. Refuses (PL004) one of other versions or another key.';

CREATE FUNCTION pleat.move_projection(
  p_projection text, p_generation integer, p_epoch bigint, p_from bigint, p_from_chain bytea, p_to bigint, p_to_chain bytea,
  p_greatest_time timestamptz, p_last_day_turn bigint, p_state text
) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  UPDATE pleat.projection_cursors c
    SET position = p_to, chain = p_to_chain, greatest_time = p_greatest_time, last_day_turn = p_last_day_turn, state = p_state,
        reason = NULL, updated_at = clock_timestamp()
    WHERE c.projection = p_projection AND c.generation = p_generation AND c.epoch = p_epoch AND c.position = p_from
      AND c.chain = p_from_chain AND p_from <= p_to;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'the cursor of generation % of % is not at epoch % and position %', p_generation, p_projection, p_epoch, p_from
      USING ERRCODE = 'PL001';
  END IF;
  IF NOT pleat.journal_has(p_to, p_to_chain) THEN
    RAISE EXCEPTION 'the journal does not have the events up to % that % was folded from', p_to, p_projection
      USING ERRCODE = 'PL001';
  END IF;
  -- Whoever rebuilds may have heard where the live one stands before the database went back.
  IF EXISTS (
    SELECT FROM pleat.live_generations g
    JOIN pleat.projection_cursors l ON l.projection = g.projection AND l.generation = g.generation
    WHERE g.projection = p_projection AND g.generation <> p_generation AND l.position < p_to
  ) THEN
    RAISE EXCEPTION 'generation % of % is not to pass the live one', p_generation, p_projection USING ERRCODE = 'PL001';
  END IF;
END $$;
COMMENT ON FUNCTION pleat.move_projection IS
  'The first statement of a flush: compare-and-swap on epoch, position and chain value; the journal must have the new place''s chain value, and a generation in the making stays behind the live one.';

CREATE FUNCTION pleat.note_projection(p_projection text, p_instance text, p_start bigint, p_state text, p_reason text)
RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET lock_timeout = '1s' AS $$
BEGIN
  UPDATE pleat.projection_cursors c SET state = p_state, reason = p_reason, updated_at = clock_timestamp()
    FROM pleat.live_generations g
    WHERE g.projection = p_projection AND c.projection = g.projection AND c.generation = g.generation
      AND EXISTS (
        SELECT FROM pleat.leases l
        WHERE l.resource = 'projection/' || p_projection AND l.owner = p_instance AND l.owner_start = p_start
          AND l.until > clock_timestamp());
  IF NOT FOUND THEN
    RAISE EXCEPTION 'the lease projection/% is not held by %', p_projection, p_instance USING ERRCODE = 'PL001';
  END IF;
END $$;
COMMENT ON FUNCTION pleat.note_projection IS 'Keeps, for freshness, how a projection does, if the lease holds.';

CREATE FUNCTION pleat.add_turn(p_projection text, p_generation integer, p_position bigint, p_watermark timestamptz) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
  INSERT INTO pleat.turns (projection, generation, position, watermark)
    VALUES (p_projection, p_generation, p_position, p_watermark);
END;
COMMENT ON FUNCTION pleat.add_turn IS 'Notes a turn of the day, in the transaction that makes its versions.';

CREATE FUNCTION pleat.take_over_relay(p_instance text, p_start bigint) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_epoch bigint;
BEGIN
  UPDATE pleat.relay_cursor SET epoch = epoch + 1, updated_at = clock_timestamp() RETURNING epoch INTO STRICT v_epoch;
  PERFORM pleat.claim_lease('relay', p_instance, p_start);
  RETURN v_epoch;
END $$;
COMMENT ON FUNCTION pleat.take_over_relay IS 'Raises the relay''s epoch if the lease holds, and returns it.';

CREATE FUNCTION pleat.move_relay(
  p_epoch bigint, p_state text, p_delivery text, p_projections text[], p_positions bigint[], p_ordinals integer[],
  p_chains bytea[], p_checked_until timestamptz[], p_passed_positions bigint[], p_passed_chains bytea[]
) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  UPDATE pleat.relay_cursor SET state = p_state, delivery = p_delivery, updated_at = clock_timestamp() WHERE epoch = p_epoch;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'the epoch of the relay is not % any more', p_epoch USING ERRCODE = 'PL001';
  END IF;
  -- In a database that went back an epoch may be somebody else's again: whose places are of another journal is told by their chain.
  IF EXISTS (
    SELECT FROM unnest(p_positions || p_passed_positions, p_chains || p_passed_chains) p (place, chain)
    WHERE p.place IS NOT NULL AND NOT pleat.journal_has(p.place, p.chain)
  ) THEN
    RAISE EXCEPTION 'the journal does not have the events that the relay has published' USING ERRCODE = 'PL001';
  END IF;
  INSERT INTO pleat.relay_places (projection, position, ordinal, chain, checked_until, passed_position, passed_chain)
    SELECT * FROM unnest(p_projections, p_positions, p_ordinals, p_chains, p_checked_until, p_passed_positions, p_passed_chains)
    ON CONFLICT (projection) DO UPDATE
      SET position = excluded.position, ordinal = excluded.ordinal, chain = excluded.chain,
          checked_until = excluded.checked_until, passed_position = excluded.passed_position,
          passed_chain = excluded.passed_chain;
END $$;
COMMENT ON FUNCTION pleat.move_relay IS 'Moves the copy of the relay''s places, by compare-and-swap on its epoch; the journal must have their chain values.';

-- Functions: the operator's --------------------------------------------------------------------------------------------------

CREATE FUNCTION pleat.skip(
  p_topic text, p_partition integer, p_to bigint, p_reason text, p_end bigint DEFAULT NULL
) RETURNS SETOF pleat.partitions
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET lock_timeout = '10s' AS $$
DECLARE
  v_old pleat.partitions;
BEGIN
  IF p_to < 0 THEN
    RAISE EXCEPTION 'an offset is not negative: %', p_to USING ERRCODE = 'PL002';
  END IF;
  SELECT * INTO v_old FROM pleat.partitions p WHERE p.topic = p_topic AND p.partition = p_partition FOR UPDATE;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'no partition %/% has been read yet', p_topic, p_partition USING ERRCODE = 'PL002';
  END IF;
  INSERT INTO pleat.skips (
    topic, partition, from_offset, to_offset, from_incarnation, incarnation, state, state_reason, reason, decided_by)
  VALUES (
    p_topic, p_partition, v_old.next_offset, p_to, v_old.incarnation,
    v_old.incarnation + CASE WHEN p_to <= v_old.next_offset THEN 1 ELSE 0 END, v_old.state, v_old.reason, p_reason, session_user);
  -- Of a topic made anew, or truncated, an end that it does not have is not waited for.
  UPDATE pleat.first_ends f SET end_offset = p_end
    WHERE f.topic = p_topic AND f.partition = p_partition AND f.end_offset > p_end;
  RETURN QUERY
    UPDATE pleat.partitions p
      SET epoch = p.epoch + 1, next_offset = p_to,
          incarnation = p.incarnation + CASE WHEN p_to <= p.next_offset THEN 1 ELSE 0 END,
          state = 'running', reason = NULL, cluster_id = NULL, journaled_offset = NULL, journaled_digest = NULL,
          checked_offset = NULL, checked_digest = NULL, bad_records = '', updated_at = clock_timestamp()
      WHERE p.topic = p_topic AND p.partition = p_partition
      RETURNING p.*;
END $$;
COMMENT ON FUNCTION pleat.skip IS
  'The decision to go on at an offset, in a partition that ends at p_end (NULL: not known). To the cursor or before it, it begins a new incarnation; what is known of the old records is forgotten.';

CREATE FUNCTION pleat.resume(p_topic text, p_partition integer) RETURNS SETOF pleat.partitions
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET lock_timeout = '10s' AS $$
DECLARE
  v_state text;
BEGIN
  SELECT p.state INTO v_state FROM pleat.partitions p WHERE p.topic = p_topic AND p.partition = p_partition FOR UPDATE;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'no partition %/% has been read yet', p_topic, p_partition USING ERRCODE = 'PL002';
  ELSIF v_state = 'running' THEN
    RAISE EXCEPTION '%/% is not paused', p_topic, p_partition USING ERRCODE = 'PL002';
  ELSIF v_state = 'alarm' THEN
    RAISE EXCEPTION '%/% has an alarm: pleat skip decides where it goes on', p_topic, p_partition USING ERRCODE = 'PL002';
  END IF;
  RETURN QUERY
    UPDATE pleat.partitions p
      SET epoch = p.epoch + 1, state = 'running', reason = NULL, bad_records = '', updated_at = clock_timestamp()
      WHERE p.topic = p_topic AND p.partition = p_partition
      RETURNING p.*;
END $$;
COMMENT ON FUNCTION pleat.resume IS 'Lets a partition go on that paused for too many bad records; they are counted anew.';

CREATE FUNCTION pleat.old_snapshots(p_seconds integer)
  RETURNS TABLE (pid integer, login text, application text, seconds double precision)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
  SELECT a.pid, a.usename::text, a.application_name, extract(epoch FROM clock_timestamp() - a.xact_start)::float8
  FROM pg_stat_activity a
  WHERE a.datname = current_database() AND (a.backend_xmin IS NOT NULL OR a.backend_xid IS NOT NULL)
    AND a.backend_type <> 'autovacuum worker' AND a.xact_start < clock_timestamp() - make_interval(secs => p_seconds)
  UNION ALL
  SELECT NULL, x.owner::text, 'prepared ' || x.gid, extract(epoch FROM clock_timestamp() - x.prepared)::float8
  FROM pg_prepared_xacts x
  WHERE x.database = current_database() AND x.prepared < clock_timestamp() - make_interval(secs => p_seconds)
  ORDER BY 4 DESC;
END;
COMMENT ON FUNCTION pleat.old_snapshots IS
  'Whose transactions have kept dead versions of updated rows from being removed for longer than so many seconds; of other logins only where the owner may read all statistics.';

-- Grants ---------------------------------------------------------------------------------------------------------------------

REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA pleat FROM PUBLIC;

GRANT SELECT ON
  pleat.migrations, pleat.installation, pleat.first_ends, pleat.instances, pleat.leases, pleat.partitions, pleat.skips,
  pleat.journal_head, pleat.journal_start, pleat.journal, pleat.erased_segments, pleat.dead_letters,
  pleat.projection_cursors, pleat.live_generations, pleat.turns,
  pleat.outbox, pleat.relay_cursor, pleat.relay_places
  TO pleat_writer, pleat_operator;
GRANT SELECT ON pleat.kept_identities, pleat.journal_tables TO pleat_writer, pleat_operator;
GRANT SELECT ON pleat.secrets TO pleat_writer;
GRANT INSERT ON pleat.outbox TO pleat_writer;

GRANT EXECUTE ON FUNCTION
  pleat.initialize, pleat.register_instance, pleat.heartbeat, pleat.acquire_leases, pleat.leave, pleat.end_blockers,
  pleat.take_over_partition, pleat.note_partition, pleat.append, pleat.take_over_projection, pleat.move_projection,
  pleat.note_projection, pleat.add_turn, pleat.take_over_relay, pleat.move_relay
  TO pleat_writer;
GRANT EXECUTE ON FUNCTION pleat.journal_has, pleat.chain_value, pleat.old_snapshots TO pleat_writer, pleat_operator;
-- The writer too: it moves cursors anyway, and the commands use its login where no other is configured.
GRANT EXECUTE ON FUNCTION pleat.skip, pleat.resume TO pleat_operator, pleat_writer;
