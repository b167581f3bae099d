-- The rows of projection `projects`: the ledger of projects, technologies, stack combinations, teams.
--
-- T_current holds each key's newest state, T its versions, one at each turn of the day at which it had changed. `position` is the
-- last event that changed the row; in T it is the position of the turn. What is inner state has no versions. No index stands on a
-- column that changes, so that updates stay in their page (HOT).

-- projects ------------------------------------------------------------------------------------------------------------

CREATE TABLE pleat.projects_current (
  generation            integer NOT NULL,
  project               uuid NOT NULL,
  generated             boolean NOT NULL,
  time                  timestamptz,
  team_id               text COLLATE "C",
  org_id                text COLLATE "C",
  project_type          text COLLATE "C",
  person                bigint,
  technologies          text COLLATE "C",
  complexity_millionths integer,
  languages             smallint,
  visibility            smallint,
  visibility_time       timestamptz,
  visibility_position   bigint,
  success               boolean,
  success_time          timestamptz,
  success_position      bigint,
  first_feedback_time   timestamptz,
  openings              bytea,
  prediction_versions   text COLLATE "C",
  predictions           bytea,
  position              bigint NOT NULL,
  PRIMARY KEY (generation, project)
) WITH (fillfactor = 80);
CREATE INDEX projects_of_organisation ON pleat.projects_current (generation, org_id, project)
  WHERE org_id IS NOT NULL;
COMMENT ON TABLE pleat.projects_current IS
  'The ledger: what is known of each project id. Inner state: no versions; lists are text or bytea, which cost little to write.';
COMMENT ON COLUMN pleat.projects_current.project IS
  'Keyed digest (SipHash-2-4-128) of the project_id; the event at `position` has that.';
COMMENT ON COLUMN pleat.projects_current.generated IS
  'False while only what waits for the project is known: feedback, openings, visibility.';
COMMENT ON COLUMN pleat.projects_current.time IS 'Event time of the first project_generated.';
COMMENT ON COLUMN pleat.projects_current.person IS 'Keyed hash of the user_id, in the order of the unsigned hashes.';
COMMENT ON COLUMN pleat.projects_current.technologies IS 'Canonical names, distinct, sorted by bytes, a line each.';
COMMENT ON COLUMN pleat.projects_current.languages IS 'How many of the technologies are of category language.';
COMMENT ON COLUMN pleat.projects_current.visibility IS
  'Of the newest visibility event: 0 none, 1 team, 2 org, 3 public.';
COMMENT ON COLUMN pleat.projects_current.success IS 'Of the newest feedback.';
COMMENT ON COLUMN pleat.projects_current.openings IS
  'Of each day, in the order of their first openings: days since 1970-01-01, and how often the project was opened, in LEB128; NULL for none.';
COMMENT ON COLUMN pleat.projects_current.first_feedback_time IS 'Least event time of the feedback.';
COMMENT ON COLUMN pleat.projects_current.prediction_versions IS
  'Model versions of the predictions older than the first feedback, sorted by version and time, a line each; NULL for none.';
COMMENT ON COLUMN pleat.projects_current.predictions IS
  'Of each of them the event time, in microseconds since 1970-01-01, and the probability, in 10^-6, in LEB128; of one version and time only the last is kept.';
GRANT SELECT, INSERT, UPDATE ON pleat.projects_current TO pleat_writer;

-- organisations -------------------------------------------------------------------------------------------------------

CREATE TABLE pleat.organisations_current (
  generation        integer NOT NULL,
  org_id            text COLLATE "C" NOT NULL,
  learning_enabled  boolean,
  learning_time     timestamptz,
  learning_position bigint,
  sharing           smallint,
  sharing_time      timestamptz,
  sharing_position  bigint,
  position          bigint NOT NULL,
  PRIMARY KEY (generation, org_id)
) WITH (fillfactor = 80);
COMMENT ON TABLE pleat.organisations_current IS 'The newest settings of each organisation, each on its own. Inner state: no versions.';
COMMENT ON COLUMN pleat.organisations_current.sharing IS
  'data_sharing_level: 0 none, 1 team, 2 org, 3 public; NULL if it was never set.';
COMMENT ON COLUMN pleat.organisations_current.learning_enabled IS 'NULL if it was never set.';
GRANT SELECT, INSERT, UPDATE ON pleat.organisations_current TO pleat_writer;

-- memberships ---------------------------------------------------------------------------------------------------------

CREATE TABLE pleat.memberships_current (
  generation      integer NOT NULL,
  team_id         text COLLATE "C" NOT NULL,
  person          bigint NOT NULL,
  role            smallint,
  change_time     timestamptz,
  change_position bigint,
  position        bigint NOT NULL,
  PRIMARY KEY (generation, team_id, person)
) WITH (fillfactor = 80);
COMMENT ON TABLE pleat.memberships_current IS 'The newest membership event of each person in each team. Inner state: no versions.';
COMMENT ON COLUMN pleat.memberships_current.person IS 'Keyed hash of the user_id, in the order of the unsigned hashes.';
COMMENT ON COLUMN pleat.memberships_current.role IS '0 admin, 1 member, 2 viewer; NULL: removed.';
GRANT SELECT, INSERT, UPDATE ON pleat.memberships_current TO pleat_writer;

CREATE FUNCTION pleat.end_memberships(p_generation integer, p_person bigint)
RETURNS TABLE (team_id text, role smallint)
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
  DELETE FROM pleat.memberships_current m WHERE m.generation = p_generation AND m.person = p_person
    RETURNING m.team_id, m.role;
END;
COMMENT ON FUNCTION pleat.end_memberships IS 'Deletes an erased person''s memberships, whose key is the hash, and returns them.';
REVOKE EXECUTE ON FUNCTION pleat.end_memberships FROM PUBLIC;
GRANT EXECUTE ON FUNCTION pleat.end_memberships TO pleat_writer;

-- technologies --------------------------------------------------------------------------------------------------------

CREATE TABLE pleat.technologies_current (
  generation          integer NOT NULL,
  technology          text COLLATE "C" NOT NULL,
  category            text COLLATE "C" NOT NULL,
  projects            bigint NOT NULL,
  selections          bigint NOT NULL,
  first_seen          timestamptz,
  last_seen           timestamptz,
  announced_direction smallint,
  announced_successes bigint,
  announced_outcomes  bigint,
  position            bigint NOT NULL,
  watched             boolean GENERATED ALWAYS AS (projects >= 10) STORED,
  counted_since       bigint,
  counted_first_seen  timestamptz,
  PRIMARY KEY (generation, technology)
) WITH (fillfactor = 80);
CREATE INDEX technologies_watched ON pleat.technologies_current (generation, technology) WHERE watched;
CREATE TABLE pleat.technologies (
  generation          integer NOT NULL,
  technology          text COLLATE "C" NOT NULL,
  category            text COLLATE "C" NOT NULL,
  projects            bigint NOT NULL,
  selections          bigint NOT NULL,
  first_seen          timestamptz,
  last_seen           timestamptz,
  announced_direction smallint,
  announced_successes bigint,
  announced_outcomes  bigint,
  position            bigint NOT NULL,
  PRIMARY KEY (generation, technology, position)
);
COMMENT ON TABLE pleat.technologies_current IS 'Technologies over all time.';
COMMENT ON COLUMN pleat.technologies_current.category IS
  'The catalogs, else that of the first event that named the technology.';
COMMENT ON COLUMN pleat.technologies_current.projects IS 'Public projects counting now.';
COMMENT ON COLUMN pleat.technologies_current.selections IS 'stack_selected events that named it.';
COMMENT ON COLUMN pleat.technologies_current.announced_successes IS
  'Successes of the window whose success rate was announced last, or is the baseline; NULL before the first.';
COMMENT ON COLUMN pleat.technologies_current.announced_outcomes IS 'Successes and failures of that window.';
COMMENT ON COLUMN pleat.technologies_current.watched IS 'Projects enough that the rules look at it.';
COMMENT ON COLUMN pleat.technologies_current.first_seen IS
  'Least event time of the projects ever counted; NULL if there were none.';
COMMENT ON COLUMN pleat.technologies_current.last_seen IS
  'Greatest event time of the projects ever counted; NULL if there were none.';
COMMENT ON COLUMN pleat.technologies_current.announced_direction IS
  'The last direction that the trend rule saw: -1 down, 0 stable, 1 up; NULL before the first.';
COMMENT ON COLUMN pleat.technologies_current.counted_since IS
  'Position of the turn of the day since which, up to the last one, something counted at each turn and first_seen was the same; NULL: nothing counted at the last one.';
COMMENT ON COLUMN pleat.technologies_current.counted_first_seen IS 'first_seen at the last turn of the day.';
COMMENT ON TABLE pleat.technologies IS 'Technologies over all time: versions.';
COMMENT ON COLUMN pleat.technologies.category IS
  'The catalogs, else that of the first event that named the technology.';
COMMENT ON COLUMN pleat.technologies.projects IS 'Public projects counting now.';
COMMENT ON COLUMN pleat.technologies.selections IS 'stack_selected events that named it.';
COMMENT ON COLUMN pleat.technologies.announced_successes IS
  'Successes of the window whose success rate was announced last, or is the baseline; NULL before the first.';
COMMENT ON COLUMN pleat.technologies.announced_outcomes IS 'Successes and failures of that window.';
COMMENT ON COLUMN pleat.technologies.first_seen IS
  'Least event time of the projects ever counted; NULL if there were none.';
COMMENT ON COLUMN pleat.technologies.last_seen IS
  'Greatest event time of the projects ever counted; NULL if there were none.';
COMMENT ON COLUMN pleat.technologies.announced_direction IS
  'The last direction that the trend rule saw: -1 down, 0 stable, 1 up; NULL before the first.';
GRANT SELECT, INSERT, UPDATE ON pleat.technologies_current TO pleat_writer;
GRANT SELECT, INSERT ON pleat.technologies TO pleat_writer;

-- technology_usage ----------------------------------------------------------------------------------------------------

CREATE TABLE pleat.technology_usage_current (
  generation       integer NOT NULL,
  technology       text COLLATE "C" NOT NULL,
  day              date NOT NULL,
  projects         bigint NOT NULL,
  selections       bigint NOT NULL,
  successes        bigint NOT NULL,
  failures         bigint NOT NULL,
  people           bigint NOT NULL,
  people_taken_out bigint NOT NULL,
  position         bigint NOT NULL,
  PRIMARY KEY (generation, technology, day)
) WITH (fillfactor = 80);
CREATE TABLE pleat.technology_usage (
  generation       integer NOT NULL,
  technology       text COLLATE "C" NOT NULL,
  day              date NOT NULL,
  projects         bigint NOT NULL,
  selections       bigint NOT NULL,
  successes        bigint NOT NULL,
  failures         bigint NOT NULL,
  people           bigint NOT NULL,
  people_taken_out bigint NOT NULL,
  position         bigint NOT NULL,
  PRIMARY KEY (generation, technology, day, position)
);
CREATE INDEX technology_usage_taken_out ON pleat.technology_usage_current (generation, technology) WHERE people_taken_out > 0;
COMMENT ON TABLE pleat.technology_usage_current IS 'Technologies by day.';
COMMENT ON COLUMN pleat.technology_usage_current.people IS 'Of technology_people: exact, or an estimate.';
COMMENT ON COLUMN pleat.technology_usage_current.people_taken_out IS
  'Projects taken out since people stopped being exact.';
COMMENT ON TABLE pleat.technology_usage IS 'Technologies by day: versions.';
COMMENT ON COLUMN pleat.technology_usage.people IS 'Of technology_people: exact, or an estimate.';
COMMENT ON COLUMN pleat.technology_usage.people_taken_out IS 'Projects taken out since people stopped being exact.';
GRANT SELECT, INSERT, UPDATE ON pleat.technology_usage_current TO pleat_writer;
GRANT SELECT, INSERT ON pleat.technology_usage TO pleat_writer;

-- technology_people ---------------------------------------------------------------------------------------------------

CREATE TABLE pleat.technology_people_current (
  generation integer NOT NULL,
  technology text COLLATE "C" NOT NULL,
  day        date NOT NULL,
  hashes     bigint[] NOT NULL,
  counts     bigint[] NOT NULL,
  estimate   boolean NOT NULL,
  position   bigint NOT NULL,
  PRIMARY KEY (generation, technology, day)
) WITH (fillfactor = 80);
CREATE TABLE pleat.technology_people (
  generation integer NOT NULL,
  technology text COLLATE "C" NOT NULL,
  day        date NOT NULL,
  hashes     bigint[] NOT NULL,
  counts     bigint[] NOT NULL,
  estimate   boolean NOT NULL,
  position   bigint NOT NULL,
  PRIMARY KEY (generation, technology, day, position)
);
COMMENT ON TABLE pleat.technology_people_current IS 'The people behind technology_usage: k minimum values.';
COMMENT ON COLUMN pleat.technology_people_current.hashes IS
  'Smallest keyed hashes, at most 256, sorted, in the order of the unsigned hashes.';
COMMENT ON COLUMN pleat.technology_people_current.counts IS
  'Contributions behind each of hashes; empty for an estimate, which nobody leaves.';
COMMENT ON COLUMN pleat.technology_people_current.estimate IS
  'More than 256 people came: their number is an estimate for good.';
COMMENT ON TABLE pleat.technology_people IS 'The people behind technology_usage: k minimum values: versions.';
COMMENT ON COLUMN pleat.technology_people.hashes IS
  'Smallest keyed hashes, at most 256, sorted, in the order of the unsigned hashes.';
COMMENT ON COLUMN pleat.technology_people.counts IS
  'Contributions behind each of hashes; empty for an estimate, which nobody leaves.';
COMMENT ON COLUMN pleat.technology_people.estimate IS
  'More than 256 people came: their number is an estimate for good.';
GRANT SELECT, INSERT, UPDATE ON pleat.technology_people_current TO pleat_writer;
GRANT SELECT, INSERT ON pleat.technology_people TO pleat_writer;

-- project_days --------------------------------------------------------------------------------------------------------

CREATE TABLE pleat.project_days_current (
  generation       integer NOT NULL,
  day              date NOT NULL,
  projects         bigint NOT NULL,
  successes        bigint NOT NULL,
  failures         bigint NOT NULL,
  people           bigint NOT NULL,
  people_taken_out bigint NOT NULL,
  position         bigint NOT NULL,
  PRIMARY KEY (generation, day)
) WITH (fillfactor = 80);
CREATE TABLE pleat.project_days (
  generation       integer NOT NULL,
  day              date NOT NULL,
  projects         bigint NOT NULL,
  successes        bigint NOT NULL,
  failures         bigint NOT NULL,
  people           bigint NOT NULL,
  people_taken_out bigint NOT NULL,
  position         bigint NOT NULL,
  PRIMARY KEY (generation, day, position)
);
COMMENT ON TABLE pleat.project_days_current IS 'Public projects by day: the whole of the trends.';
COMMENT ON COLUMN pleat.project_days_current.people IS 'Of project_people: exact, or an estimate.';
COMMENT ON COLUMN pleat.project_days_current.people_taken_out IS 'Projects taken out since people stopped being exact.';
COMMENT ON TABLE pleat.project_days IS 'Public projects by day: the whole of the trends: versions.';
COMMENT ON COLUMN pleat.project_days.people IS 'Of project_people: exact, or an estimate.';
COMMENT ON COLUMN pleat.project_days.people_taken_out IS 'Projects taken out since people stopped being exact.';
GRANT SELECT, INSERT, UPDATE ON pleat.project_days_current TO pleat_writer;
GRANT SELECT, INSERT ON pleat.project_days TO pleat_writer;

-- project_people ------------------------------------------------------------------------------------------------------

CREATE TABLE pleat.project_people_current (
  generation integer NOT NULL,
  day        date NOT NULL,
  hashes     bigint[] NOT NULL,
  counts     bigint[] NOT NULL,
  estimate   boolean NOT NULL,
  position   bigint NOT NULL,
  PRIMARY KEY (generation, day)
) WITH (fillfactor = 80);
COMMENT ON TABLE pleat.project_people_current IS 'The people behind project_days: k minimum values. Inner state: no versions.';
COMMENT ON COLUMN pleat.project_people_current.hashes IS
  'Smallest keyed hashes, at most 256, sorted, in the order of the unsigned hashes.';
COMMENT ON COLUMN pleat.project_people_current.counts IS
  'Contributions behind each of hashes; empty for an estimate, which nobody leaves.';
COMMENT ON COLUMN pleat.project_people_current.estimate IS
  'More than 256 people came: their number is an estimate for good.';
GRANT SELECT, INSERT, UPDATE ON pleat.project_people_current TO pleat_writer;

-- everybody -----------------------------------------------------------------------------------------------------------

CREATE TABLE pleat.everybody_current (
  generation          integer NOT NULL,
  rule                text COLLATE "C" NOT NULL,
  announced_successes bigint NOT NULL,
  announced_outcomes  bigint NOT NULL,
  position            bigint NOT NULL,
  PRIMARY KEY (generation, rule)
) WITH (fillfactor = 80);
COMMENT ON TABLE pleat.everybody_current IS 'What a rule remembers of everybody. Inner state: no versions.';
COMMENT ON COLUMN pleat.everybody_current.rule IS 'The type of its events: success_rate_changed.';
COMMENT ON COLUMN pleat.everybody_current.announced_successes IS
  'Successes of the window whose success rate was announced last, or is the baseline.';
COMMENT ON COLUMN pleat.everybody_current.announced_outcomes IS 'Successes and failures of that window.';
GRANT SELECT, INSERT, UPDATE ON pleat.everybody_current TO pleat_writer;

-- stack_combinations --------------------------------------------------------------------------------------------------

-- A list of names as readers see it. to_jsonb is not immutable, since some types are written by the session's settings; text is not.
CREATE FUNCTION pleat.names_json(names text[]) RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $function$ BEGIN RETURN to_jsonb(names); END $function$;
COMMENT ON FUNCTION pleat.names_json IS 'A list of names as an array of JSON.';
REVOKE EXECUTE ON FUNCTION pleat.names_json FROM PUBLIC;
GRANT EXECUTE ON FUNCTION pleat.names_json TO pleat_writer;

CREATE TABLE pleat.stack_combinations_current (
  generation                integer NOT NULL,
  stack_id                  bytea NOT NULL,
  technologies              text[] COLLATE "C" NOT NULL,
  usage_count               bigint NOT NULL,
  successes                 bigint NOT NULL,
  failures                  bigint NOT NULL,
  complexity_sum_millionths bigint NOT NULL,
  complexity_count          bigint NOT NULL,
  first_seen                timestamptz,
  last_seen                 timestamptz,
  people                    bigint NOT NULL,
  people_taken_out          bigint NOT NULL,
  trending_seen_at          timestamptz,
  position                  bigint NOT NULL,
  watched                   boolean GENERATED ALWAYS AS (
    people - people_taken_out >= 10 AND cardinality(technologies) >= 2 OR trending_seen_at IS NOT NULL) STORED,
  technologies_json         jsonb GENERATED ALWAYS AS (pleat.names_json(technologies)) STORED,
  public_turns              bigint[],
  ever_public               boolean GENERATED ALWAYS AS (
    public_turns IS NOT NULL OR people - people_taken_out >= 10) STORED,
  PRIMARY KEY (generation, stack_id)
) WITH (fillfactor = 80);
CREATE INDEX stack_combinations_watched ON pleat.stack_combinations_current (generation, stack_id) WHERE watched;
CREATE INDEX stack_combinations_public ON pleat.stack_combinations_current (generation, stack_id) WHERE ever_public;
CREATE TABLE pleat.stack_combinations (
  generation                integer NOT NULL,
  stack_id                  bytea NOT NULL,
  technologies              text[] COLLATE "C" NOT NULL,
  usage_count               bigint NOT NULL,
  successes                 bigint NOT NULL,
  failures                  bigint NOT NULL,
  complexity_sum_millionths bigint NOT NULL,
  complexity_count          bigint NOT NULL,
  first_seen                timestamptz,
  last_seen                 timestamptz,
  people                    bigint NOT NULL,
  people_taken_out          bigint NOT NULL,
  trending_seen_at          timestamptz,
  position                  bigint NOT NULL,
  PRIMARY KEY (generation, stack_id, position)
);
COMMENT ON TABLE pleat.stack_combinations_current IS 'Combinations of technologies over all time.';
COMMENT ON COLUMN pleat.stack_combinations_current.stack_id IS
  'First 16 bytes of SHA-256 over the JSON array of the technologies, in the form of RFC 8785.';
COMMENT ON COLUMN pleat.stack_combinations_current.technologies IS 'Canonical names, distinct, sorted by bytes.';
COMMENT ON COLUMN pleat.stack_combinations_current.first_seen IS 'Least event time of the projects ever counted.';
COMMENT ON COLUMN pleat.stack_combinations_current.last_seen IS 'Greatest event time of the projects ever counted.';
COMMENT ON COLUMN pleat.stack_combinations_current.complexity_count IS 'Projects with a complexity.';
COMMENT ON COLUMN pleat.stack_combinations_current.people IS 'Of stack_people: exact, or an estimate.';
COMMENT ON COLUMN pleat.stack_combinations_current.people_taken_out IS
  'Projects taken out since people stopped being exact.';
COMMENT ON COLUMN pleat.stack_combinations_current.trending_seen_at IS
  'Marked as trending: the watermark when its direction was last seen up; NULL: not marked.';
COMMENT ON COLUMN pleat.stack_combinations_current.watched IS 'It may begin to trend at any turn, or is marked.';
COMMENT ON COLUMN pleat.stack_combinations_current.technologies_json IS
  'technologies as readers see them: made when the row is, not for each that asks.';
COMMENT ON COLUMN pleat.stack_combinations_current.public_turns IS
  'Positions of the turns of the day at which it began to be shown to everybody (the first, the third, …) or ended to be; NULL: never shown at one.';
COMMENT ON COLUMN pleat.stack_combinations_current.ever_public IS
  'It has people enough to be shown, or had at a turn of the day: what insights need look at, now and as of any time.';
COMMENT ON TABLE pleat.stack_combinations IS 'Combinations of technologies over all time: versions.';
COMMENT ON COLUMN pleat.stack_combinations.stack_id IS
  'First 16 bytes of SHA-256 over the JSON array of the technologies, in the form of RFC 8785.';
COMMENT ON COLUMN pleat.stack_combinations.technologies IS 'Canonical names, distinct, sorted by bytes.';
COMMENT ON COLUMN pleat.stack_combinations.first_seen IS 'Least event time of the projects ever counted.';
COMMENT ON COLUMN pleat.stack_combinations.last_seen IS 'Greatest event time of the projects ever counted.';
COMMENT ON COLUMN pleat.stack_combinations.complexity_count IS 'Projects with a complexity.';
COMMENT ON COLUMN pleat.stack_combinations.people IS 'Of stack_people: exact, or an estimate.';
COMMENT ON COLUMN pleat.stack_combinations.people_taken_out IS 'Projects taken out since people stopped being exact.';
COMMENT ON COLUMN pleat.stack_combinations.trending_seen_at IS
  'Marked as trending: the watermark when its direction was last seen up; NULL: not marked.';
GRANT SELECT, INSERT, UPDATE ON pleat.stack_combinations_current TO pleat_writer;
GRANT SELECT, INSERT ON pleat.stack_combinations TO pleat_writer;

-- stack_people --------------------------------------------------------------------------------------------------------

CREATE TABLE pleat.stack_people_current (
  generation integer NOT NULL,
  stack_id   bytea NOT NULL,
  hashes     bytea NOT NULL,
  counts     bytea NOT NULL,
  estimate   boolean NOT NULL,
  position   bigint NOT NULL,
  PRIMARY KEY (generation, stack_id)
) WITH (fillfactor = 80, toast_tuple_target = 8160);
COMMENT ON TABLE pleat.stack_people_current IS 'The people behind stack_combinations: k minimum values. Inner state: no versions.';
COMMENT ON COLUMN pleat.stack_people_current.hashes IS
  'Smallest keyed hashes, at most 256, sorted, 8 bytes each, the highest first: bigint in the order of the unsigned hashes.';
COMMENT ON COLUMN pleat.stack_people_current.counts IS
  'Contributions behind each of hashes, in LEB128; empty for an estimate, which nobody leaves.';
COMMENT ON COLUMN pleat.stack_people_current.estimate IS
  'More than 256 people came: their number is an estimate for good.';
GRANT SELECT, INSERT, UPDATE ON pleat.stack_people_current TO pleat_writer;

-- stack_days ----------------------------------------------------------------------------------------------------------

CREATE TABLE pleat.stack_days_current (
  generation  integer NOT NULL,
  stack_id    bytea NOT NULL,
  day         date NOT NULL,
  usage_count bigint NOT NULL,
  position    bigint NOT NULL,
  PRIMARY KEY (generation, stack_id, day)
) WITH (fillfactor = 80);
CREATE TABLE pleat.stack_days (
  generation  integer NOT NULL,
  stack_id    bytea NOT NULL,
  day         date NOT NULL,
  usage_count bigint NOT NULL,
  position    bigint NOT NULL,
  PRIMARY KEY (generation, stack_id, day, position)
);
COMMENT ON TABLE pleat.stack_days_current IS 'Combinations of technologies by day.';
COMMENT ON TABLE pleat.stack_days IS 'Combinations of technologies by day: versions.';
GRANT SELECT, INSERT, UPDATE ON pleat.stack_days_current TO pleat_writer;
GRANT SELECT, INSERT ON pleat.stack_days TO pleat_writer;

-- team_stats ----------------------------------------------------------------------------------------------------------

CREATE TABLE pleat.team_stats_current (
  generation                integer NOT NULL,
  team_id                   text COLLATE "C" NOT NULL,
  name                      text COLLATE "C",
  name_time                 timestamptz,
  name_position             bigint,
  members                   bigint NOT NULL,
  projects_generated        bigint NOT NULL,
  projects_opened           bigint NOT NULL,
  wizard_steps              bigint NOT NULL,
  successes                 bigint NOT NULL,
  failures                  bigint NOT NULL,
  complexity_sum_millionths bigint NOT NULL,
  complexity_count          bigint NOT NULL,
  first_activity            timestamptz NOT NULL,
  last_activity             timestamptz NOT NULL,
  announced_successes       bigint,
  announced_outcomes        bigint,
  position                  bigint NOT NULL,
  watched                   boolean GENERATED ALWAYS AS (successes + failures >= 30) STORED,
  PRIMARY KEY (generation, team_id)
) WITH (fillfactor = 80);
CREATE INDEX team_stats_watched ON pleat.team_stats_current (generation, team_id) WHERE watched;
CREATE TABLE pleat.team_stats (
  generation                integer NOT NULL,
  team_id                   text COLLATE "C" NOT NULL,
  name                      text COLLATE "C",
  name_time                 timestamptz,
  name_position             bigint,
  members                   bigint NOT NULL,
  projects_generated        bigint NOT NULL,
  projects_opened           bigint NOT NULL,
  wizard_steps              bigint NOT NULL,
  successes                 bigint NOT NULL,
  failures                  bigint NOT NULL,
  complexity_sum_millionths bigint NOT NULL,
  complexity_count          bigint NOT NULL,
  first_activity            timestamptz NOT NULL,
  last_activity             timestamptz NOT NULL,
  announced_successes       bigint,
  announced_outcomes        bigint,
  position                  bigint NOT NULL,
  PRIMARY KEY (generation, team_id, position)
);
COMMENT ON TABLE pleat.team_stats_current IS 'Teams over all time.';
COMMENT ON COLUMN pleat.team_stats_current.name IS 'Of the newest team_created; NULL before the first.';
COMMENT ON COLUMN pleat.team_stats_current.members IS 'People whose newest membership event is not a removal.';
COMMENT ON COLUMN pleat.team_stats_current.complexity_count IS 'Projects with a complexity.';
COMMENT ON COLUMN pleat.team_stats_current.first_activity IS
  'Least event time of the events that carry the team_id, whatever the sharing.';
COMMENT ON COLUMN pleat.team_stats_current.last_activity IS
  'Greatest event time of the events that carry the team_id, whatever the sharing.';
COMMENT ON COLUMN pleat.team_stats_current.announced_successes IS
  'Successes of the window whose success rate was announced last, or is the baseline; NULL before the first.';
COMMENT ON COLUMN pleat.team_stats_current.announced_outcomes IS 'Successes and failures of that window.';
COMMENT ON COLUMN pleat.team_stats_current.watched IS 'Outcomes enough that the rule of success rates looks at it.';
COMMENT ON TABLE pleat.team_stats IS 'Teams over all time: versions.';
COMMENT ON COLUMN pleat.team_stats.name IS 'Of the newest team_created; NULL before the first.';
COMMENT ON COLUMN pleat.team_stats.members IS 'People whose newest membership event is not a removal.';
COMMENT ON COLUMN pleat.team_stats.complexity_count IS 'Projects with a complexity.';
COMMENT ON COLUMN pleat.team_stats.first_activity IS
  'Least event time of the events that carry the team_id, whatever the sharing.';
COMMENT ON COLUMN pleat.team_stats.last_activity IS
  'Greatest event time of the events that carry the team_id, whatever the sharing.';
COMMENT ON COLUMN pleat.team_stats.announced_successes IS
  'Successes of the window whose success rate was announced last, or is the baseline; NULL before the first.';
COMMENT ON COLUMN pleat.team_stats.announced_outcomes IS 'Successes and failures of that window.';
GRANT SELECT, INSERT, UPDATE ON pleat.team_stats_current TO pleat_writer;
GRANT SELECT, INSERT ON pleat.team_stats TO pleat_writer;

-- team_activity -------------------------------------------------------------------------------------------------------

CREATE TABLE pleat.team_activity_current (
  generation         integer NOT NULL,
  team_id            text COLLATE "C" NOT NULL,
  day                date NOT NULL,
  events             bigint NOT NULL,
  projects_generated bigint NOT NULL,
  projects_opened    bigint NOT NULL,
  wizard_steps       bigint NOT NULL,
  active_members     bigint NOT NULL,
  successes          bigint NOT NULL,
  failures           bigint NOT NULL,
  hashes             bigint[] NOT NULL,
  counts             bigint[] NOT NULL,
  estimate           boolean NOT NULL,
  position           bigint NOT NULL,
  PRIMARY KEY (generation, team_id, day)
) WITH (fillfactor = 80);
CREATE TABLE pleat.team_activity (
  generation         integer NOT NULL,
  team_id            text COLLATE "C" NOT NULL,
  day                date NOT NULL,
  events             bigint NOT NULL,
  projects_generated bigint NOT NULL,
  projects_opened    bigint NOT NULL,
  wizard_steps       bigint NOT NULL,
  active_members     bigint NOT NULL,
  successes          bigint NOT NULL,
  failures           bigint NOT NULL,
  hashes             bigint[] NOT NULL,
  counts             bigint[] NOT NULL,
  estimate           boolean NOT NULL,
  position           bigint NOT NULL,
  PRIMARY KEY (generation, team_id, day, position)
);
COMMENT ON TABLE pleat.team_activity_current IS 'Teams by day.';
COMMENT ON COLUMN pleat.team_activity_current.events IS
  'Events, projects and openings that count in the row; it is shown while there are any.';
COMMENT ON COLUMN pleat.team_activity_current.active_members IS
  'People of the events that carry the team_id: exact, or an estimate.';
COMMENT ON COLUMN pleat.team_activity_current.hashes IS
  'Smallest keyed hashes, at most 256, sorted, in the order of the unsigned hashes.';
COMMENT ON COLUMN pleat.team_activity_current.counts IS
  'Contributions behind each of hashes; empty for an estimate, which nobody leaves.';
COMMENT ON COLUMN pleat.team_activity_current.estimate IS
  'More than 256 people came: their number is an estimate for good.';
COMMENT ON TABLE pleat.team_activity IS 'Teams by day: versions.';
COMMENT ON COLUMN pleat.team_activity.events IS
  'Events, projects and openings that count in the row; it is shown while there are any.';
COMMENT ON COLUMN pleat.team_activity.active_members IS
  'People of the events that carry the team_id: exact, or an estimate.';
COMMENT ON COLUMN pleat.team_activity.hashes IS
  'Smallest keyed hashes, at most 256, sorted, in the order of the unsigned hashes.';
COMMENT ON COLUMN pleat.team_activity.counts IS
  'Contributions behind each of hashes; empty for an estimate, which nobody leaves.';
COMMENT ON COLUMN pleat.team_activity.estimate IS 'More than 256 people came: their number is an estimate for good.';
GRANT SELECT, INSERT, UPDATE ON pleat.team_activity_current TO pleat_writer;
GRANT SELECT, INSERT ON pleat.team_activity TO pleat_writer;

-- team_technologies ---------------------------------------------------------------------------------------------------

CREATE TABLE pleat.team_technologies_current (
  generation   integer NOT NULL,
  team_id      text COLLATE "C" NOT NULL,
  technologies text[] COLLATE "C" NOT NULL,
  usage_counts integer[] NOT NULL,
  successes    integer[] NOT NULL,
  failures     integer[] NOT NULL,
  position     bigint NOT NULL,
  PRIMARY KEY (generation, team_id)
) WITH (fillfactor = 60);
CREATE TABLE pleat.team_technologies (
  generation   integer NOT NULL,
  team_id      text COLLATE "C" NOT NULL,
  technologies text[] COLLATE "C" NOT NULL,
  usage_counts integer[] NOT NULL,
  successes    integer[] NOT NULL,
  failures     integer[] NOT NULL,
  position     bigint NOT NULL,
  PRIMARY KEY (generation, team_id, position)
);
COMMENT ON TABLE pleat.team_technologies_current IS 'Technologies of a teams projects: all of a team in one row.';
COMMENT ON COLUMN pleat.team_technologies_current.technologies IS
  'Canonical names, in the order in which the teams projects brought them.';
COMMENT ON COLUMN pleat.team_technologies_current.usage_counts IS 'Of each of technologies: projects with it.';
COMMENT ON COLUMN pleat.team_technologies_current.successes IS 'Of each: successes.';
COMMENT ON COLUMN pleat.team_technologies_current.failures IS 'Of each: failures.';
COMMENT ON TABLE pleat.team_technologies IS 'Technologies of a teams projects: versions.';
GRANT SELECT, INSERT, UPDATE ON pleat.team_technologies_current TO pleat_writer;
GRANT SELECT, INSERT ON pleat.team_technologies TO pleat_writer;

-- technology_pairs ----------------------------------------------------------------------------------------------------

CREATE TABLE pleat.technology_pairs_current (
  generation       integer NOT NULL,
  technology_a     text COLLATE "C" NOT NULL,
  technology_b     text COLLATE "C" NOT NULL,
  together         bigint NOT NULL,
  successes        bigint NOT NULL,
  failures         bigint NOT NULL,
  people           bigint NOT NULL,
  people_taken_out bigint NOT NULL,
  announced        boolean NOT NULL,
  position         bigint NOT NULL,
  watched          boolean GENERATED ALWAYS AS (
    together >= 20 AND people - people_taken_out >= 10 AND NOT announced) STORED,
  PRIMARY KEY (generation, technology_a, technology_b)
) WITH (fillfactor = 80);
CREATE INDEX technology_pairs_watched ON pleat.technology_pairs_current (generation, technology_a, technology_b) WHERE watched;
CREATE TABLE pleat.technology_pairs (
  generation       integer NOT NULL,
  technology_a     text COLLATE "C" NOT NULL,
  technology_b     text COLLATE "C" NOT NULL,
  together         bigint NOT NULL,
  successes        bigint NOT NULL,
  failures         bigint NOT NULL,
  people           bigint NOT NULL,
  people_taken_out bigint NOT NULL,
  announced        boolean NOT NULL,
  position         bigint NOT NULL,
  PRIMARY KEY (generation, technology_a, technology_b, position)
);
COMMENT ON TABLE pleat.technology_pairs_current IS 'Pairs of technologies of one project, over all time.';
COMMENT ON COLUMN pleat.technology_pairs_current.technology_a IS 'The lesser name by bytes.';
COMMENT ON COLUMN pleat.technology_pairs_current.technology_b IS 'The greater name by bytes.';
COMMENT ON COLUMN pleat.technology_pairs_current.together IS 'Public projects counting now with both.';
COMMENT ON COLUMN pleat.technology_pairs_current.people IS 'Of pair_people: exact, or an estimate.';
COMMENT ON COLUMN pleat.technology_pairs_current.people_taken_out IS
  'Projects taken out since people stopped being exact.';
COMMENT ON COLUMN pleat.technology_pairs_current.announced IS 'new_pattern_detected was said of the pair.';
COMMENT ON COLUMN pleat.technology_pairs_current.watched IS
  'new_pattern_detected may follow at any turn, since the whole moves too.';
COMMENT ON TABLE pleat.technology_pairs IS 'Pairs of technologies of one project, over all time: versions.';
COMMENT ON COLUMN pleat.technology_pairs.technology_a IS 'The lesser name by bytes.';
COMMENT ON COLUMN pleat.technology_pairs.technology_b IS 'The greater name by bytes.';
COMMENT ON COLUMN pleat.technology_pairs.together IS 'Public projects counting now with both.';
COMMENT ON COLUMN pleat.technology_pairs.people IS 'Of pair_people: exact, or an estimate.';
COMMENT ON COLUMN pleat.technology_pairs.people_taken_out IS 'Projects taken out since people stopped being exact.';
COMMENT ON COLUMN pleat.technology_pairs.announced IS 'new_pattern_detected was said of the pair.';
GRANT SELECT, INSERT, UPDATE ON pleat.technology_pairs_current TO pleat_writer;
GRANT SELECT, INSERT ON pleat.technology_pairs TO pleat_writer;

-- pair_people ---------------------------------------------------------------------------------------------------------

CREATE TABLE pleat.pair_people_current (
  generation   integer NOT NULL,
  technology_a text COLLATE "C" NOT NULL,
  technology_b text COLLATE "C" NOT NULL,
  hashes       bytea NOT NULL,
  counts       bytea NOT NULL,
  estimate     boolean NOT NULL,
  position     bigint NOT NULL,
  PRIMARY KEY (generation, technology_a, technology_b)
) WITH (fillfactor = 80, toast_tuple_target = 8160);
COMMENT ON TABLE pleat.pair_people_current IS 'The people behind technology_pairs: k minimum values. Inner state: no versions.';
COMMENT ON COLUMN pleat.pair_people_current.hashes IS
  'Smallest keyed hashes, at most 256, sorted, 8 bytes each, the highest first: bigint in the order of the unsigned hashes.';
COMMENT ON COLUMN pleat.pair_people_current.counts IS
  'Contributions behind each of hashes, in LEB128; empty for an estimate, which nobody leaves.';
COMMENT ON COLUMN pleat.pair_people_current.estimate IS
  'More than 256 people came: their number is an estimate for good.';
GRANT SELECT, INSERT, UPDATE ON pleat.pair_people_current TO pleat_writer;

-- domains -------------------------------------------------------------------------------------------------------------

CREATE TABLE pleat.domains_current (
  generation       integer NOT NULL,
  domain           text COLLATE "C" NOT NULL,
  projects         bigint NOT NULL,
  languages_sum    bigint NOT NULL,
  successes        bigint NOT NULL,
  failures         bigint NOT NULL,
  people           bigint NOT NULL,
  people_taken_out bigint NOT NULL,
  position         bigint NOT NULL,
  PRIMARY KEY (generation, domain)
) WITH (fillfactor = 80);
CREATE TABLE pleat.domains (
  generation       integer NOT NULL,
  domain           text COLLATE "C" NOT NULL,
  projects         bigint NOT NULL,
  languages_sum    bigint NOT NULL,
  successes        bigint NOT NULL,
  failures         bigint NOT NULL,
  people           bigint NOT NULL,
  people_taken_out bigint NOT NULL,
  position         bigint NOT NULL,
  PRIMARY KEY (generation, domain, position)
);
COMMENT ON TABLE pleat.domains_current IS 'Domains (project_type) over all time.';
COMMENT ON COLUMN pleat.domains_current.projects IS 'Public projects counting now.';
COMMENT ON COLUMN pleat.domains_current.languages_sum IS
  'Technologies of category language of these projects, each project''s counted.';
COMMENT ON COLUMN pleat.domains_current.people IS 'Of domain_people: exact, or an estimate.';
COMMENT ON COLUMN pleat.domains_current.people_taken_out IS 'Projects taken out since people stopped being exact.';
COMMENT ON TABLE pleat.domains IS 'Domains (project_type) over all time: versions.';
COMMENT ON COLUMN pleat.domains.projects IS 'Public projects counting now.';
COMMENT ON COLUMN pleat.domains.languages_sum IS
  'Technologies of category language of these projects, each project''s counted.';
COMMENT ON COLUMN pleat.domains.people IS 'Of domain_people: exact, or an estimate.';
COMMENT ON COLUMN pleat.domains.people_taken_out IS 'Projects taken out since people stopped being exact.';
GRANT SELECT, INSERT, UPDATE ON pleat.domains_current TO pleat_writer;
GRANT SELECT, INSERT ON pleat.domains TO pleat_writer;

-- domain_people -------------------------------------------------------------------------------------------------------

CREATE TABLE pleat.domain_people_current (
  generation integer NOT NULL,
  domain     text COLLATE "C" NOT NULL,
  hashes     bytea NOT NULL,
  counts     bytea NOT NULL,
  estimate   boolean NOT NULL,
  position   bigint NOT NULL,
  PRIMARY KEY (generation, domain)
) WITH (fillfactor = 80, toast_tuple_target = 8160);
COMMENT ON TABLE pleat.domain_people_current IS 'The people behind domains: k minimum values. Inner state: no versions.';
COMMENT ON COLUMN pleat.domain_people_current.hashes IS
  'Smallest keyed hashes, at most 256, sorted, 8 bytes each, the highest first: bigint in the order of the unsigned hashes.';
COMMENT ON COLUMN pleat.domain_people_current.counts IS
  'Contributions behind each of hashes, in LEB128; empty for an estimate, which nobody leaves.';
COMMENT ON COLUMN pleat.domain_people_current.estimate IS
  'More than 256 people came: their number is an estimate for good.';
GRANT SELECT, INSERT, UPDATE ON pleat.domain_people_current TO pleat_writer;

-- domain_stacks -------------------------------------------------------------------------------------------------------

CREATE TABLE pleat.domain_stacks_current (
  generation       integer NOT NULL,
  domain           text COLLATE "C" NOT NULL,
  stack_id         bytea NOT NULL,
  technologies     text[] COLLATE "C" NOT NULL,
  usage_count      bigint NOT NULL,
  successes        bigint NOT NULL,
  failures         bigint NOT NULL,
  people           bigint NOT NULL,
  people_taken_out bigint NOT NULL,
  position         bigint NOT NULL,
  PRIMARY KEY (generation, domain, stack_id)
) WITH (fillfactor = 80);
CREATE TABLE pleat.domain_stacks (
  generation       integer NOT NULL,
  domain           text COLLATE "C" NOT NULL,
  stack_id         bytea NOT NULL,
  technologies     text[] COLLATE "C" NOT NULL,
  usage_count      bigint NOT NULL,
  successes        bigint NOT NULL,
  failures         bigint NOT NULL,
  people           bigint NOT NULL,
  people_taken_out bigint NOT NULL,
  position         bigint NOT NULL,
  PRIMARY KEY (generation, domain, stack_id, position)
);
COMMENT ON TABLE pleat.domain_stacks_current IS 'Combinations of technologies in a domain, over all time.';
COMMENT ON COLUMN pleat.domain_stacks_current.stack_id IS 'As in stack_combinations.';
COMMENT ON COLUMN pleat.domain_stacks_current.technologies IS 'Canonical names, distinct, sorted by bytes.';
COMMENT ON COLUMN pleat.domain_stacks_current.usage_count IS 'Public projects counting now.';
COMMENT ON COLUMN pleat.domain_stacks_current.people IS 'Of domain_stack_people: exact, or an estimate.';
COMMENT ON COLUMN pleat.domain_stacks_current.people_taken_out IS
  'Projects taken out since people stopped being exact.';
COMMENT ON TABLE pleat.domain_stacks IS 'Combinations of technologies in a domain, over all time: versions.';
COMMENT ON COLUMN pleat.domain_stacks.stack_id IS 'As in stack_combinations.';
COMMENT ON COLUMN pleat.domain_stacks.technologies IS 'Canonical names, distinct, sorted by bytes.';
COMMENT ON COLUMN pleat.domain_stacks.usage_count IS 'Public projects counting now.';
COMMENT ON COLUMN pleat.domain_stacks.people IS 'Of domain_stack_people: exact, or an estimate.';
COMMENT ON COLUMN pleat.domain_stacks.people_taken_out IS 'Projects taken out since people stopped being exact.';
GRANT SELECT, INSERT, UPDATE ON pleat.domain_stacks_current TO pleat_writer;
GRANT SELECT, INSERT ON pleat.domain_stacks TO pleat_writer;

-- domain_stack_people -------------------------------------------------------------------------------------------------

CREATE TABLE pleat.domain_stack_people_current (
  generation integer NOT NULL,
  domain     text COLLATE "C" NOT NULL,
  stack_id   bytea NOT NULL,
  hashes     bytea NOT NULL,
  counts     bytea NOT NULL,
  estimate   boolean NOT NULL,
  position   bigint NOT NULL,
  PRIMARY KEY (generation, domain, stack_id)
) WITH (fillfactor = 80, toast_tuple_target = 8160);
COMMENT ON TABLE pleat.domain_stack_people_current IS 'The people behind domain_stacks: k minimum values. Inner state: no versions.';
COMMENT ON COLUMN pleat.domain_stack_people_current.hashes IS
  'Smallest keyed hashes, at most 256, sorted, 8 bytes each, the highest first: bigint in the order of the unsigned hashes.';
COMMENT ON COLUMN pleat.domain_stack_people_current.counts IS
  'Contributions behind each of hashes, in LEB128; empty for an estimate, which nobody leaves.';
COMMENT ON COLUMN pleat.domain_stack_people_current.estimate IS
  'More than 256 people came: their number is an estimate for good.';
GRANT SELECT, INSERT, UPDATE ON pleat.domain_stack_people_current TO pleat_writer;

-- prediction_calibration ----------------------------------------------------------------------------------------------

CREATE TABLE pleat.prediction_calibration_current (
  generation                 integer NOT NULL,
  model_version              text COLLATE "C" NOT NULL,
  decile                     integer NOT NULL,
  predictions                bigint NOT NULL,
  outcomes                   bigint NOT NULL,
  successes                  bigint NOT NULL,
  probability_sum_millionths bigint NOT NULL,
  squared_error_sum          numeric NOT NULL,
  position                   bigint NOT NULL,
  PRIMARY KEY (generation, model_version, decile)
) WITH (fillfactor = 80);
CREATE TABLE pleat.prediction_calibration (
  generation                 integer NOT NULL,
  model_version              text COLLATE "C" NOT NULL,
  decile                     integer NOT NULL,
  predictions                bigint NOT NULL,
  outcomes                   bigint NOT NULL,
  successes                  bigint NOT NULL,
  probability_sum_millionths bigint NOT NULL,
  squared_error_sum          numeric NOT NULL,
  position                   bigint NOT NULL,
  PRIMARY KEY (generation, model_version, decile, position)
);
-- The order of the view, where deciles are bigint.
CREATE INDEX prediction_calibration_in_order ON pleat.prediction_calibration_current (generation, model_version, (decile::bigint));
COMMENT ON TABLE pleat.prediction_calibration_current IS 'Predictions that count, and what came of them.';
COMMENT ON COLUMN pleat.prediction_calibration_current.decile IS '0 to 9: the tenth in which the probability lies.';
COMMENT ON COLUMN pleat.prediction_calibration_current.predictions IS
  'One a project at most: the newest older than its first feedback, whatever the sharing.';
COMMENT ON COLUMN pleat.prediction_calibration_current.outcomes IS 'Those whose project has an outcome.';
COMMENT ON COLUMN pleat.prediction_calibration_current.successes IS 'Those whose outcome is a success.';
COMMENT ON COLUMN pleat.prediction_calibration_current.probability_sum_millionths IS
  'Sum of the probabilities of all predictions, in 10^-6.';
COMMENT ON COLUMN pleat.prediction_calibration_current.squared_error_sum IS
  'Sum of (probability - outcome)^2 of those with an outcome, in 10^-12.';
COMMENT ON TABLE pleat.prediction_calibration IS 'Predictions that count, and what came of them: versions.';
COMMENT ON COLUMN pleat.prediction_calibration.decile IS '0 to 9: the tenth in which the probability lies.';
COMMENT ON COLUMN pleat.prediction_calibration.predictions IS
  'One a project at most: the newest older than its first feedback, whatever the sharing.';
COMMENT ON COLUMN pleat.prediction_calibration.outcomes IS 'Those whose project has an outcome.';
COMMENT ON COLUMN pleat.prediction_calibration.successes IS 'Those whose outcome is a success.';
COMMENT ON COLUMN pleat.prediction_calibration.probability_sum_millionths IS
  'Sum of the probabilities of all predictions, in 10^-6.';
COMMENT ON COLUMN pleat.prediction_calibration.squared_error_sum IS
  'Sum of (probability - outcome)^2 of those with an outcome, in 10^-12.';
GRANT SELECT, INSERT, UPDATE ON pleat.prediction_calibration_current TO pleat_writer;
GRANT SELECT, INSERT ON pleat.prediction_calibration TO pleat_writer;
