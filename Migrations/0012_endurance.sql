-- Years at tens of thousands of events a second: a query over the journal locks each of its tables and their indices, and a server's
-- table of locks is bounded.

CREATE OR REPLACE FUNCTION pleat.add_journal_partitions(p_position bigint) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  -- A table is for about a day: what retention drops goes whole. There is always one ahead, so that none is made late. What is caught
  -- up with in an hour is not what a day brings, so none is larger than the greatest span. With each so many tables one is for twice
  -- as long, and twice as large.
  c_least_span CONSTANT bigint := 1000000;
  c_greatest_span CONSTANT bigint := 50000000;
  c_many CONSTANT bigint := 32;
  c_doublings CONSTANT bigint := 16;
  v_from bigint;
  v_to bigint;
  v_span bigint;
  v_times integer;
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
    SELECT 1 << least(count(*) / c_many, c_doublings)::integer INTO v_times FROM pleat.journal_tables;
    -- It was made when the one before it began: so long did that last.
    v_span := CASE WHEN v_lasted < interval '12 hours' * v_times AND v_from > c_least_span * 2
                     THEN greatest(least(v_span * 2, c_greatest_span * v_times), v_span)
                   WHEN v_lasted > interval '2 days' * v_times THEN greatest(v_span / 2, c_least_span)
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

-- Readers see how far ingest is behind also where it stands.
CREATE FUNCTION pleat.note_end(p_topic text, p_partition integer, p_epoch bigint, p_end_offset bigint) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  UPDATE pleat.partitions p SET end_offset = p_end_offset, updated_at = clock_timestamp()
    WHERE p.topic = p_topic AND p.partition = p_partition AND p.epoch = p_epoch;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'the epoch of %/% is not % any more', p_topic, p_partition, p_epoch USING ERRCODE = 'PL001';
  END IF;
END $$;
COMMENT ON FUNCTION pleat.note_end IS 'Where a partition ends by now, while nothing of it is read; by compare-and-swap on the epoch.';
REVOKE EXECUTE ON FUNCTION pleat.note_end FROM PUBLIC;
GRANT EXECUTE ON FUNCTION pleat.note_end TO pleat_writer;
