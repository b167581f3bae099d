-- Where in the journal a position is looked for.

CREATE FUNCTION pleat.journal_from(p_position bigint) RETURNS bigint
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
  SELECT coalesce(min(n.first_position), 1) FROM (
    SELECT t.first_position FROM pleat.journal_tables t WHERE t.first_position <= p_position
    ORDER BY t.first_position DESC LIMIT 2) n;
END;
COMMENT ON FUNCTION pleat.journal_from IS
  'Not before this position begins the segment that holds one: it may reach from the table before into its own. A condition with it keeps all other tables out of a plan.';
REVOKE EXECUTE ON FUNCTION pleat.journal_from FROM PUBLIC;
GRANT EXECUTE ON FUNCTION pleat.journal_from TO pleat_writer, pleat_operator;
