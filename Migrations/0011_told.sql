-- What was only in a log, or nowhere: a relay that stands still says why, and a catalog is no other one of the same version.

ALTER TABLE pleat.relay_cursor ADD COLUMN reason text;
COMMENT ON COLUMN pleat.relay_cursor.reason IS 'Why the relay stands still, while its state is failed.';

CREATE OR REPLACE FUNCTION pleat.move_relay(
  p_epoch bigint, p_state text, p_delivery text, p_projections text[], p_positions bigint[], p_ordinals integer[],
  p_chains bytea[], p_checked_until timestamptz[], p_passed_positions bigint[], p_passed_chains bytea[]
) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  UPDATE pleat.relay_cursor SET state = p_state, delivery = p_delivery, reason = NULL, updated_at = clock_timestamp()
    WHERE epoch = p_epoch;
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

CREATE FUNCTION pleat.fail_relay(p_epoch bigint, p_delivery text, p_reason text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  UPDATE pleat.relay_cursor SET state = 'failed', delivery = p_delivery, reason = p_reason, updated_at = clock_timestamp()
    WHERE epoch = p_epoch;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'the epoch of the relay is not % any more', p_epoch USING ERRCODE = 'PL001';
  END IF;
END $$;
COMMENT ON FUNCTION pleat.fail_relay IS 'The relay stands still, and why; by compare-and-swap on its epoch.';

CREATE OR REPLACE FUNCTION pleat.replace_technology_catalog(
  catalog_version integer, catalog_aliases text[], catalog_technologies text[], catalog_categories text[]
) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $function$
DECLARE
  v_alias text;
BEGIN
  LOCK TABLE pleat.technology_catalog IN SHARE ROW EXCLUSIVE MODE;
  IF EXISTS (SELECT FROM pleat.technology_catalog WHERE version > catalog_version) THEN
    RETURN;
  END IF;
  SELECT min(coalesce(old.alias, new.alias) COLLATE "C") INTO v_alias
    FROM (SELECT * FROM pleat.technology_catalog WHERE version = catalog_version) old
    FULL JOIN unnest(catalog_aliases, catalog_technologies, catalog_categories) AS new (alias, technology, category)
      ON new.alias COLLATE "C" = old.alias
    WHERE EXISTS (SELECT FROM pleat.technology_catalog WHERE version = catalog_version)
      AND (old.technology, old.category) IS DISTINCT FROM (new.technology COLLATE "C", new.category COLLATE "C");
  IF v_alias IS NOT NULL THEN
    RAISE EXCEPTION 'the technology catalog says something else of % than it did as version % before: what it says now is a higher version',
      quote_literal(v_alias), catalog_version USING ERRCODE = 'PL004';
  END IF;
  DELETE FROM pleat.technology_catalog;
  INSERT INTO pleat.technology_catalog (alias, technology, category, version)
  SELECT alias, technology, category, catalog_version
  FROM unnest(catalog_aliases, catalog_technologies, catalog_categories) AS entry (alias, technology, category);
END
$function$;
COMMENT ON FUNCTION pleat.replace_technology_catalog IS
  'Puts a catalog in the place of the one shown, one element of the arrays an alias; leaves a later version alone, and refuses (PL004) another one of the same version.';

REVOKE EXECUTE ON FUNCTION pleat.fail_relay FROM PUBLIC;
GRANT EXECUTE ON FUNCTION pleat.fail_relay TO pleat_writer;
