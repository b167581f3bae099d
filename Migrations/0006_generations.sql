-- Generations: one is folded anew beside the live one, takes its place in one transaction, and the one before is deleted.
--
-- A rebuild holds the lease rebuild/PROJECTION; to switch it takes the live lease projection/PROJECTION from whoever has it.
-- SQLSTATEs as in 0001_core.sql. Locks are taken in one order: the live cursor, those in the making, live_generations, leases (last,
-- since heartbeats wait for them; rebuild/… before projection/…).

CREATE TABLE pleat.projection_tables (
  table_name text COLLATE "C" PRIMARY KEY,
  projection text COLLATE "C" NOT NULL
);
COMMENT ON TABLE pleat.projection_tables IS
  'Every table of a projection, by the name of its versions: an old generation is deleted from it and from its _current.';
INSERT INTO pleat.projection_tables (projection, table_name) VALUES
  ('projects', 'projects'), ('projects', 'organisations'), ('projects', 'memberships'), ('projects', 'technologies'),
  ('projects', 'technology_usage'), ('projects', 'technology_people'), ('projects', 'project_days'),
  ('projects', 'stack_combinations'), ('projects', 'stack_people'), ('projects', 'stack_days'), ('projects', 'team_stats'),
  ('projects', 'team_activity'), ('projects', 'team_technologies'), ('projects', 'technology_pairs'),
  ('projects', 'pair_people'), ('projects', 'domains'), ('projects', 'domain_people'), ('projects', 'domain_stacks'),
  ('projects', 'domain_stack_people'), ('projects', 'prediction_calibration'), ('projects', 'project_people'),
  ('projects', 'everybody'),
  ('models', 'model_metrics'), ('models', 'model_days'),
  ('activity', 'wizard_activity'), ('activity', 'wizard_sketches'), ('activity', 'wizard_sessions'),
  ('activity', 'cache_stats'), ('activity', 'errors');

CREATE UNIQUE INDEX one_rebuild ON pleat.projection_cursors (projection, fold_version, catalog_version, key_digest)
  WHERE phase = 'making';

-- Functions: the writer's ----------------------------------------------------------------------------------------------------

CREATE FUNCTION pleat.claim_rebuild(p_projection text, p_owner text, p_start bigint, p_seconds integer) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_owner text;
BEGIN
  UPDATE pleat.leases l SET until = clock_timestamp() + make_interval(secs => p_seconds)
    WHERE l.resource = 'rebuild/' || p_projection AND l.owner = p_owner AND l.owner_start = p_start;
  IF NOT FOUND THEN
    SELECT l.owner INTO v_owner FROM pleat.leases l WHERE l.resource = 'rebuild/' || p_projection;
    RAISE EXCEPTION 'the rebuild of % is no more %''s, but %', p_projection, p_owner, coalesce(v_owner || '''s', 'nobody''s')
      USING ERRCODE = 'PL001';
  END IF;
END $$;
COMMENT ON FUNCTION pleat.claim_rebuild IS 'Requires the lease of a rebuild, and renews it.';

CREATE FUNCTION pleat.renew_rebuild(p_projection text, p_owner text, p_start bigint, p_seconds integer) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
  SELECT pleat.claim_rebuild(p_projection, p_owner, p_start, p_seconds);
END;
COMMENT ON FUNCTION pleat.renew_rebuild IS 'Renews the lease of a rebuild, if it is still the caller''s (else PL001).';

CREATE FUNCTION pleat.rebuilt_by_another(p_projection text, p_owner text, p_start bigint) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
  -- Nobody renews the lease while a long transaction runs: its backend at work holds it as well.
  SELECT l.owner FROM pleat.leases l
  WHERE l.resource = 'rebuild/' || p_projection AND (l.owner, l.owner_start) <> (p_owner, p_start) AND (
    l.until > clock_timestamp() OR EXISTS (
      SELECT FROM pg_stat_activity a
      WHERE a.pid = l.backend_pid AND a.backend_start = l.backend_start AND a.state = 'active'
        AND a.wait_event_type IS DISTINCT FROM 'Client'));
END;
COMMENT ON FUNCTION pleat.rebuilt_by_another IS 'Who else holds the lease of a rebuild; NULL for nobody.';

CREATE FUNCTION pleat.begin_rebuild(
  p_projection text, p_owner text, p_start bigint, p_seconds integer, p_fold_version integer, p_catalog_version integer,
  p_accept_loss boolean
) RETURNS TABLE (
  own_generation integer, new_epoch bigint, at_position bigint, at_chain bytea, at_greatest_time timestamptz,
  at_last_day_turn bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_resource text := 'rebuild/' || p_projection;
  v_key_digest bytea := (SELECT sha256(s.hash_key) FROM pleat.secrets s);
  v_other text;
  v_live pleat.projection_cursors;
  v_own pleat.projection_cursors;
  v_beginning pleat.journal_start;
BEGIN
  -- Before anything is waited for, or fenced: who holds the lease is left alone.
  v_other := pleat.rebuilt_by_another(p_projection, p_owner, p_start);
  IF v_other IS NOT NULL THEN
    RAISE EXCEPTION '% is being rebuilt by %', p_projection, v_other USING ERRCODE = 'PL001';
  END IF;

  IF p_accept_loss THEN
    PERFORM FROM pleat.projection_cursors c JOIN pleat.live_generations g USING (projection, generation)
      WHERE c.projection = p_projection AND c.position = 0 FOR UPDATE OF c;
  END IF;
  -- Waits for a commit of the one before, which may be a switch.
  PERFORM FROM pleat.projection_cursors c WHERE c.projection = p_projection AND c.phase = 'making'
    ORDER BY c.generation FOR UPDATE;
  SELECT c.* INTO v_live FROM pleat.live_generations g JOIN pleat.projection_cursors c USING (projection, generation)
    WHERE g.projection = p_projection;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'nothing of % is folded yet: there is nothing to rebuild', p_projection USING ERRCODE = 'PL002';
  END IF;
  IF p_fold_version < v_live.fold_version OR p_catalog_version < v_live.catalog_version THEN
    RAISE EXCEPTION 'generation % of % was folded by version % with catalog %, and this program has version % with catalog %: a lower version never takes the place of a higher one',
      v_live.generation, p_projection, v_live.fold_version, v_live.catalog_version, p_fold_version, p_catalog_version
      USING ERRCODE = 'PL004';
  END IF;
  SELECT * INTO STRICT v_beginning FROM pleat.journal_start;
  -- The first generation of a projection that came when the journal's beginning was gone: nothing is in it, and it cannot go on.
  IF p_accept_loss AND v_live.position = 0 AND v_beginning.first_position > 1 THEN
    UPDATE pleat.projection_cursors c
      SET epoch = c.epoch + 1, position = v_beginning.first_position - 1, chain = v_beginning.chain,
          greatest_time = v_beginning.greatest_time, live_since = v_beginning.first_position - 1
      WHERE c.projection = p_projection AND c.generation = v_live.generation AND c.position = 0;
  END IF;

  -- What can never become live any more.
  UPDATE pleat.projection_cursors c SET phase = 'old', epoch = c.epoch + 1
    WHERE c.projection = p_projection AND c.phase = 'making' AND (
      c.fold_version < v_live.fold_version OR c.catalog_version < v_live.catalog_version OR c.key_digest <> v_key_digest);
  -- Fences the one before.
  UPDATE pleat.projection_cursors c SET epoch = c.epoch + 1
    WHERE c.projection = p_projection AND c.phase = 'making' AND c.fold_version = p_fold_version
      AND c.catalog_version = p_catalog_version AND c.key_digest = v_key_digest
    RETURNING c.* INTO v_own;
  -- A journal that went back, or lost what would come next: from the beginning.
  IF v_own.generation IS NOT NULL AND NOT (
    v_own.position = v_beginning.first_position - 1
    OR v_own.position >= v_beginning.first_position AND pleat.journal_has(v_own.position, v_own.chain)
  ) THEN
    UPDATE pleat.projection_cursors c SET phase = 'old'
      WHERE c.projection = p_projection AND c.generation = v_own.generation;
    v_own := NULL;
  END IF;
  IF v_own.generation IS NULL THEN
    IF v_beginning.first_position > 1 AND NOT p_accept_loss THEN
      RAISE EXCEPTION 'the journal begins at position %: what % has of the events before would be lost; --accept-loss rebuilds it without them',
        v_beginning.first_position, p_projection USING ERRCODE = 'PL002';
    END IF;
    INSERT INTO pleat.projection_cursors (
      projection, generation, epoch, position, chain, greatest_time, fold_version, catalog_version, key_digest, updated_at)
    SELECT p_projection, max(c.generation) + 1, 1, v_beginning.first_position - 1,
        CASE WHEN v_beginning.first_position > 1 THEN v_beginning.chain ELSE '' END, v_beginning.greatest_time,
        p_fold_version, p_catalog_version, v_key_digest, clock_timestamp()
      FROM pleat.projection_cursors c WHERE c.projection = p_projection
      ON CONFLICT DO NOTHING
      RETURNING * INTO v_own;
    IF NOT FOUND THEN
      RAISE EXCEPTION 'somebody else has begun to rebuild %', p_projection USING ERRCODE = 'PL001';
    END IF;
  END IF;

  INSERT INTO pleat.leases (resource) VALUES (v_resource) ON CONFLICT DO NOTHING;
  PERFORM FROM pleat.leases l WHERE l.resource = v_resource FOR UPDATE;
  v_other := pleat.rebuilt_by_another(p_projection, p_owner, p_start);
  IF v_other IS NOT NULL THEN
    RAISE EXCEPTION '% is being rebuilt by %', p_projection, v_other USING ERRCODE = 'PL001';
  END IF;
  UPDATE pleat.leases l
    SET owner = p_owner, owner_start = p_start, until = clock_timestamp() + make_interval(secs => p_seconds),
        backend_pid = pg_backend_pid(),
        backend_start = (SELECT a.backend_start FROM pg_stat_get_activity(pg_backend_pid()) a)
    WHERE l.resource = v_resource;

  own_generation := v_own.generation;
  new_epoch := v_own.epoch;
  at_position := v_own.position;
  at_chain := v_own.chain;
  at_greatest_time := v_own.greatest_time;
  at_last_day_turn := v_own.last_day_turn;
  RETURN NEXT;
END $$;
COMMENT ON FUNCTION pleat.begin_rebuild IS
  'Takes the lease rebuild/PROJECTION (PL001 if it is held) and the generation in the making of these versions, its epoch raised; makes one if there is none, or none that fits the journal. PL002: nothing to rebuild, or events before the journal''s beginning would be lost. PL004: the live generation is of a higher version.';

CREATE FUNCTION pleat.seize_projection(p_projection text, p_owner text, p_start bigint, p_seconds integer) RETURNS TABLE (
  live_generation integer, new_epoch bigint, at_position bigint, at_chain bytea, at_greatest_time timestamptz,
  at_last_day_turn bigint, previous_owner text, previous_start bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  -- As in a takeover: what is waited for may be a switch.
  UPDATE pleat.projection_cursors c SET epoch = c.epoch + 1
    FROM pleat.live_generations g
    WHERE g.projection = p_projection AND c.projection = g.projection AND c.generation = g.generation AND c.phase = 'live'
    RETURNING c.generation, c.epoch, c.position, c.chain, c.greatest_time, c.last_day_turn
    INTO live_generation, new_epoch, at_position, at_chain, at_greatest_time, at_last_day_turn;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'another generation of % has become live', p_projection USING ERRCODE = 'PL001';
  END IF;
  -- Last, as in every takeover: heartbeats must not wait for what comes before.
  PERFORM pleat.claim_rebuild(p_projection, p_owner, p_start, p_seconds);
  INSERT INTO pleat.leases (resource) VALUES ('projection/' || p_projection) ON CONFLICT DO NOTHING;
  SELECT l.owner, l.owner_start INTO previous_owner, previous_start
    FROM pleat.leases l WHERE l.resource = 'projection/' || p_projection AND l.until > clock_timestamp() FOR UPDATE;
  UPDATE pleat.leases l
    SET owner = p_owner, owner_start = p_start, until = clock_timestamp() + make_interval(secs => p_seconds),
        backend_pid = NULL, backend_start = NULL
    WHERE l.resource = 'projection/' || p_projection;
  RETURN NEXT;
END $$;
COMMENT ON FUNCTION pleat.seize_projection IS
  'For the holder of the lease rebuild/PROJECTION: raises the live generation''s epoch and takes its lease for so many seconds, so that its fold pauses. Returns its cursor, and who held the lease.';

CREATE FUNCTION pleat.return_projection(
  p_projection text, p_owner text, p_start bigint, p_seconds integer, p_previous_owner text, p_previous_start bigint
) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
  UPDATE pleat.leases l
    SET owner = i.name, owner_start = i.start,
        until = CASE WHEN i.name IS NOT NULL THEN clock_timestamp() + make_interval(secs => p_seconds) END
    FROM (SELECT) nothing
      LEFT JOIN pleat.instances i
        ON i.name = p_previous_owner AND i.start = p_previous_start AND i.until > clock_timestamp()
    WHERE l.resource = 'projection/' || p_projection AND l.owner = p_owner AND l.owner_start = p_start;
END;
COMMENT ON FUNCTION pleat.return_projection IS
  'Gives a seized lease back to who held it, if that start still lives, else to nobody; nothing if it is not the caller''s any more.';

CREATE FUNCTION pleat.swap_generation(
  p_projection text, p_live_generation integer, p_live_epoch bigint, p_own_generation integer, p_own_epoch bigint,
  p_position bigint, p_chain bytea, p_owner text, p_start bigint, p_seconds integer, p_previous_owner text,
  p_previous_start bigint
) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_old pleat.projection_cursors;
  v_new pleat.projection_cursors;
BEGIN
  UPDATE pleat.projection_cursors c SET phase = 'old', epoch = c.epoch + 1, updated_at = clock_timestamp()
    WHERE c.projection = p_projection AND c.generation = p_live_generation AND c.epoch = p_live_epoch
      AND c.position = p_position AND c.chain = p_chain AND c.phase = 'live'
    RETURNING c.* INTO v_old;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'the live generation % of % is not at epoch % and position % any more', p_live_generation, p_projection,
      p_live_epoch, p_position USING ERRCODE = 'PL001';
  END IF;
  UPDATE pleat.projection_cursors c
    -- It stands where the old one stood: where that was live, so is this, and with nothing to fold nobody else would say so.
    SET phase = 'live', live_since = c.position, epoch = c.epoch + 1, updated_at = clock_timestamp(),
      state = CASE WHEN v_old.state = 'live' THEN 'live' ELSE c.state END
    WHERE c.projection = p_projection AND c.generation = p_own_generation AND c.epoch = p_own_epoch
      AND c.position = p_position AND c.chain = p_chain AND c.phase = 'making'
    RETURNING c.* INTO v_new;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'generation % of % is not at epoch % and position % any more', p_own_generation, p_projection,
      p_own_epoch, p_position USING ERRCODE = 'PL001';
  END IF;
  IF v_new.fold_version < v_old.fold_version OR v_new.catalog_version < v_old.catalog_version THEN
    RAISE EXCEPTION 'a lower version never takes the place of a higher one' USING ERRCODE = 'PL004';
  END IF;
  UPDATE pleat.live_generations g SET generation = p_own_generation
    WHERE g.projection = p_projection AND g.generation = p_live_generation;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'generation % of % is not the live one', p_live_generation, p_projection USING ERRCODE = 'PL001';
  END IF;
  PERFORM pleat.claim_rebuild(p_projection, p_owner, p_start, p_seconds);
  -- Who folded the old versions does not fold the new ones.
  PERFORM pleat.return_projection(
    p_projection, p_owner, p_start, p_seconds,
    CASE WHEN (v_new.fold_version, v_new.catalog_version) = (v_old.fold_version, v_old.catalog_version)
      THEN p_previous_owner END, p_previous_start);
END $$;
COMMENT ON FUNCTION pleat.swap_generation IS
  'Puts the caller''s generation in the place of the live one, by compare-and-swap on epoch, position and chain value of both (PL001 else), and gives the live lease back.';

CREATE FUNCTION pleat.end_rebuild(p_projection text, p_owner text, p_start bigint) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
  UPDATE pleat.leases l SET owner = NULL, owner_start = NULL, until = NULL, backend_pid = NULL, backend_start = NULL
    WHERE l.resource = 'rebuild/' || p_projection AND l.owner = p_owner AND l.owner_start = p_start;
END;
COMMENT ON FUNCTION pleat.end_rebuild IS 'Frees the lease of a rebuild.';

CREATE FUNCTION pleat.discard_rebuild(p_projection text) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_count integer;
BEGIN
  -- Before anything is waited for; and again, since somebody may have begun meanwhile.
  IF EXISTS (SELECT FROM pleat.leases l WHERE l.resource = 'rebuild/' || p_projection AND l.until > clock_timestamp()) THEN
    RAISE EXCEPTION 'somebody is rebuilding %', p_projection USING ERRCODE = 'PL001';
  END IF;
  PERFORM FROM pleat.projection_cursors c WHERE c.projection = p_projection AND c.phase = 'making'
    ORDER BY c.generation FOR UPDATE;
  UPDATE pleat.projection_cursors c SET phase = 'old', epoch = c.epoch + 1
    WHERE c.projection = p_projection AND c.phase = 'making';
  GET DIAGNOSTICS v_count = ROW_COUNT;
  PERFORM FROM pleat.leases l
    WHERE l.resource = 'rebuild/' || p_projection AND l.until > clock_timestamp() FOR UPDATE;
  IF FOUND THEN
    RAISE EXCEPTION 'somebody is rebuilding %', p_projection USING ERRCODE = 'PL001';
  END IF;
  RETURN v_count;
END $$;
COMMENT ON FUNCTION pleat.discard_rebuild IS
  'Gives up what was rebuilt of a projection and is not live; returns how many generations that were.';

CREATE FUNCTION pleat.drop_old_generation(p_projection text, p_limit integer) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_generation integer;
  v_table text;
  v_count bigint;
BEGIN
  -- One at a time: whoever waits here sees what is left.
  SELECT c.generation INTO v_generation FROM pleat.projection_cursors c
    WHERE c.projection = p_projection AND c.phase = 'old' ORDER BY c.generation LIMIT 1 FOR UPDATE;
  IF NOT FOUND THEN
    RETURN 0;
  END IF;
  FOR v_table IN
    SELECT n.name
    FROM pleat.projection_tables t CROSS JOIN LATERAL (VALUES (t.table_name), (t.table_name || '_current')) n (name)
    WHERE t.projection = p_projection AND to_regclass('pleat.' || quote_ident(n.name)) IS NOT NULL
    ORDER BY n.name
  LOOP
    EXECUTE format(
      'DELETE FROM pleat.%1$I WHERE ctid = ANY (ARRAY (SELECT ctid FROM pleat.%1$I WHERE generation = $1 LIMIT $2))', v_table)
      USING v_generation, p_limit;
    GET DIAGNOSTICS v_count = ROW_COUNT;
    IF v_count > 0 THEN
      RETURN v_count;
    END IF;
  END LOOP;
  DELETE FROM pleat.turns t WHERE t.projection = p_projection AND t.generation = v_generation;
  DELETE FROM pleat.projection_cursors c WHERE c.projection = p_projection AND c.generation = v_generation;
  RETURN 1;
END $$;
COMMENT ON FUNCTION pleat.drop_old_generation IS
  'Deletes up to so many rows of the oldest generation that is neither live nor in the making, at last its cursor; returns how many, 0 when there is nothing left.';

CREATE VIEW pleat.generations AS
SELECT c.projection, c.generation, c.phase, c.position, c.live_since, c.fold_version, c.catalog_version, c.created_at,
  c.updated_at, CASE WHEN c.phase = 'making' AND l.until > statement_timestamp() THEN l.owner END AS rebuilt_by
FROM pleat.projection_cursors c
LEFT JOIN pleat.leases l ON l.resource = 'rebuild/' || c.projection;
COMMENT ON VIEW pleat.generations IS 'The generations of each projection: the live one, those in the making, and those being deleted.';
COMMENT ON COLUMN pleat.generations.rebuilt_by IS 'Who works at it now; NULL where an interrupted rebuild waits to be resumed.';

-- Grants ---------------------------------------------------------------------------------------------------------------------

REVOKE EXECUTE ON FUNCTION
  pleat.claim_rebuild, pleat.renew_rebuild, pleat.rebuilt_by_another, pleat.begin_rebuild, pleat.seize_projection, pleat.return_projection,
  pleat.swap_generation, pleat.end_rebuild, pleat.discard_rebuild, pleat.drop_old_generation FROM PUBLIC;
GRANT SELECT ON pleat.projection_tables, pleat.generations TO pleat_writer, pleat_operator;
GRANT EXECUTE ON FUNCTION
  pleat.renew_rebuild, pleat.begin_rebuild, pleat.seize_projection, pleat.return_projection, pleat.swap_generation,
  pleat.end_rebuild, pleat.discard_rebuild, pleat.drop_old_generation TO pleat_writer;
