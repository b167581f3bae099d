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

CREATE TABLE pleat.catalog_versions (
  version   integer PRIMARY KEY,
  digest    bytea NOT NULL,
  since     timestamptz NOT NULL DEFAULT clock_timestamp(),
  was_shown boolean NOT NULL DEFAULT false
);
COMMENT ON TABLE pleat.catalog_versions IS 'Every technology catalog that folds here have used: a version says the same for ever.';
COMMENT ON COLUMN pleat.catalog_versions.was_shown IS 'Whether readers have seen it: one that was only rebuilt with has not been.';

CREATE FUNCTION pleat.catalog_digest(catalog_aliases text[], catalog_technologies text[], catalog_categories text[]) RETURNS bytea
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
  SELECT sha256(convert_to(coalesce(string_agg(to_json(ARRAY[alias, technology, category])::text, E'\n' ORDER BY alias COLLATE "C"), ''),
    'UTF8'))
  FROM unnest(catalog_aliases, catalog_technologies, catalog_categories) AS entry (alias, technology, category);
END;
COMMENT ON FUNCTION pleat.catalog_digest IS 'SHA-256 of what a catalog says, whatever the order of its entries.';

INSERT INTO pleat.catalog_versions (version, digest, was_shown)
SELECT version, pleat.catalog_digest(array_agg(alias), array_agg(technology), array_agg(category)), true
FROM pleat.technology_catalog GROUP BY version;

-- PL004 says here that a catalog is not the one of its version.
CREATE FUNCTION pleat.require_technology_catalog(
  catalog_version integer, catalog_aliases text[], catalog_technologies text[], catalog_categories text[]
) RETURNS void
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $function$
BEGIN
  IF EXISTS (
    SELECT FROM pleat.catalog_versions v
    WHERE v.version = catalog_version
      AND v.digest <> pleat.catalog_digest(catalog_aliases, catalog_technologies, catalog_categories)
  ) THEN
    RAISE EXCEPTION 'the technology catalog is not the one that was folded with as version %: what it says now needs a higher version',
      catalog_version USING ERRCODE = 'PL004';
  END IF;
END
$function$;
COMMENT ON FUNCTION pleat.require_technology_catalog IS 'Refuses (PL004) another catalog than the one that had its version before.';

CREATE FUNCTION pleat.record_technology_catalog(
  catalog_version integer, catalog_aliases text[], catalog_technologies text[], catalog_categories text[]
) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $function$
BEGIN
  INSERT INTO pleat.catalog_versions (version, digest)
  VALUES (catalog_version, pleat.catalog_digest(catalog_aliases, catalog_technologies, catalog_categories))
  ON CONFLICT DO NOTHING;
  PERFORM pleat.require_technology_catalog(catalog_version, catalog_aliases, catalog_technologies, catalog_categories);
END
$function$;
COMMENT ON FUNCTION pleat.record_technology_catalog IS
  'Before something is folded with a catalog: from now on this is its version''s; refuses (PL004) another one of the same version.';

CREATE OR REPLACE FUNCTION pleat.replace_technology_catalog(
  catalog_version integer, catalog_aliases text[], catalog_technologies text[], catalog_categories text[]
) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $function$
BEGIN
  LOCK TABLE pleat.technology_catalog IN SHARE ROW EXCLUSIVE MODE;
  PERFORM pleat.record_technology_catalog(catalog_version, catalog_aliases, catalog_technologies, catalog_categories);
  IF EXISTS (SELECT FROM pleat.catalog_versions WHERE was_shown AND version >= catalog_version) THEN
    RETURN;
  END IF;
  UPDATE pleat.catalog_versions SET was_shown = true WHERE version = catalog_version;
  DELETE FROM pleat.technology_catalog;
  INSERT INTO pleat.technology_catalog (alias, technology, category, version)
  SELECT alias, technology, category, catalog_version
  FROM unnest(catalog_aliases, catalog_technologies, catalog_categories) AS entry (alias, technology, category);
END
$function$;
COMMENT ON FUNCTION pleat.replace_technology_catalog IS
  'Records a catalog, and puts it in the place of the one shown, one element of the arrays an alias; leaves a later version alone, and refuses (PL004) another one of the same version.';

REVOKE EXECUTE ON FUNCTION
  pleat.fail_relay, pleat.catalog_digest, pleat.require_technology_catalog, pleat.record_technology_catalog FROM PUBLIC;
GRANT EXECUTE ON FUNCTION pleat.fail_relay, pleat.require_technology_catalog, pleat.record_technology_catalog TO pleat_writer;
GRANT EXECUTE ON FUNCTION pleat.require_technology_catalog TO pleat_operator;
GRANT SELECT ON pleat.catalog_versions TO pleat_writer, pleat_operator;
