-- An end that is noted while nothing is read is no commit of what was: `freshness.updated_at` stays where reading stopped.

CREATE OR REPLACE FUNCTION pleat.note_end(p_topic text, p_partition integer, p_epoch bigint, p_end_offset bigint) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  UPDATE pleat.partitions p SET end_offset = p_end_offset
    WHERE p.topic = p_topic AND p.partition = p_partition AND p.epoch = p_epoch;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'the epoch of %/% is not % any more', p_topic, p_partition, p_epoch USING ERRCODE = 'PL001';
  END IF;
END $$;
