-- The table of dead letters is written anew once after an erasure has emptied one of them, and not with every erasure from then on.

ALTER TABLE pleat.dead_letters ADD scrubbed_at timestamptz;
COMMENT ON COLUMN pleat.dead_letters.scrubbed_at IS
  'The erased_at after which the table was written anew: the old bytes are out of its file where both are the same.';
