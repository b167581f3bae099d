-- A projection that nobody folds any more, for good: nothing waits for it.

CREATE FUNCTION pleat.retire_projection(p_projection text) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET lock_timeout = '10s' AS $$
DECLARE
  v_live pleat.projection_cursors;
  v_holder text;
BEGIN
  PERFORM FROM pleat.projection_cursors c WHERE c.projection = p_projection ORDER BY c.generation FOR UPDATE;
  SELECT c.* INTO v_live FROM pleat.live_generations g JOIN pleat.projection_cursors c USING (projection, generation)
    WHERE g.projection = p_projection;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'nothing of % was ever folded here', p_projection USING ERRCODE = 'PL002';
  END IF;
  SELECT l.owner INTO v_holder FROM pleat.leases l
    WHERE l.resource IN ('projection/' || p_projection, 'rebuild/' || p_projection) AND l.until > clock_timestamp() LIMIT 1;
  IF FOUND THEN
    RAISE EXCEPTION '% folds %: take it out of projections.only there, and restart it', v_holder, p_projection
      USING ERRCODE = 'PL002';
  END IF;
  IF v_live.fold_version = 0 THEN
    RETURN v_live.generation;
  END IF;
  -- An empty generation of no version takes the place of the rows: whoever is to fold it again rebuilds it, as from a lower version.
  -- The number may have been another's: whoever still folds that one has another epoch.
  INSERT INTO pleat.projection_cursors (
    projection, generation, epoch, position, chain, greatest_time, last_day_turn, state, reason, fold_version, catalog_version,
    key_digest, phase, live_since, updated_at)
  SELECT p_projection, max(c.generation) + 1, (extract(epoch FROM clock_timestamp()) * 1000000)::bigint, v_live.position,
      v_live.chain, v_live.greatest_time, v_live.last_day_turn, 'live',
      format('given up by %s: `pleat rebuild %s` folds it again', session_user, p_projection), 0, 0, v_live.key_digest, 'live',
      v_live.position, clock_timestamp()
    FROM pleat.projection_cursors c WHERE c.projection = p_projection
    RETURNING * INTO v_live;
  UPDATE pleat.live_generations g SET generation = v_live.generation WHERE g.projection = p_projection;
  UPDATE pleat.projection_cursors c SET phase = 'old', epoch = c.epoch + 1, updated_at = clock_timestamp()
    WHERE c.projection = p_projection AND c.generation <> v_live.generation AND c.phase <> 'old';
  RETURN v_live.generation;
END $$;
COMMENT ON FUNCTION pleat.retire_projection IS
  'Gives up a projection that nobody folds: an empty generation of version 0 becomes live, its rows are for drop_old_generation. PL002 where somebody folds it, or nobody ever did.';

CREATE FUNCTION pleat.pass_retired() RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
  UPDATE pleat.projection_cursors c
    SET position = h.position, chain = h.chain, greatest_time = h.greatest_time, live_since = h.position
    FROM pleat.journal_head h, pleat.live_generations g
    WHERE g.projection = c.projection AND g.generation = c.generation AND c.fold_version = 0 AND c.position < h.position;
END;
COMMENT ON FUNCTION pleat.pass_retired IS 'Moves what is given up to the journal''s end, so that it holds nothing of the journal.';

REVOKE EXECUTE ON FUNCTION pleat.retire_projection, pleat.pass_retired FROM PUBLIC;
GRANT EXECUTE ON FUNCTION pleat.retire_projection TO pleat_operator, pleat_writer;
GRANT EXECUTE ON FUNCTION pleat.drop_old_generation TO pleat_operator;
