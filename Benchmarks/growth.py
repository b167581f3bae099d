#!/usr/bin/env python3
"""Many projects: the daemon's memory, a start after a kill, an organisation that changes its mind, the database's size.

  Benchmarks/growth.py --bootstrap HOST:PORT --dsn DSN [--projects 10000000] [--organisation 100000] [--work DIR] STEP…

DSN is a superuser's, with user=postgres in it, and names a database that is nobody's: its schemas go. Steps, in the order given:

  fill          sends the projects to a new topic of 6 partitions: over 30 days, 1,000,000 people, 20,000 teams, 1,000 organisations,
                200 technologies, one in ten with feedback and one in twenty with a prediction
  fold          migrates, starts the daemon, and waits until all of it is folded
  restart       kills the daemon (-9), sends 1,000 records, starts it again under its name, three times: seconds to the first commit of
                the journal, and to the first of every projection that was behind
  organisation  sends an organisation with so many projects, then changes its sharing to none, back, its learning to false, and back:
                seconds of each; and whether the tables hold afterwards what a sum over the ledger says; and how often the daemon
                said that a stage made no progress. Then the same change to none, with a SIGTERM after two seconds: seconds until the
                daemon has ended, and from its next start until the change is folded
  predictions   sends 10,000 predictions of one project
  status        how long `pleat status` takes
  size          bytes a project, by table
  verify        `pleat verify` beside the daemon: seconds, peak memory
  end           ends the daemon

Each line says the daemon's peak resident set since its start, in MB (VmHWM). Needs psql and kcat on PATH, and KAFKA_HOME.
"""
import argparse, json, os, random, signal, subprocess, sys, time
from pathlib import Path

TEAMS, ORGANISATIONS, PEOPLE, DAYS = 20_000, 1_000, 1_000_000, 30
START = 1_790_812_800  # 2026-10-01T00:00:00Z
TYPES = ["saas", "api", "mobile", "ecommerce", "dashboard", "cli", "library", "ml"]


def stacks(seed, count):
    """Lists of 2 to 6 of 200 technologies, the first ones often."""
    r = random.Random(seed)
    names = [f"tech-{i:03d}" for i in range(200)]
    weights = [1 / (i + 1) for i in range(200)]
    return [json.dumps(sorted(set(r.choices(names, weights, k=r.randint(2, 6))))) for _ in range(count)]


def projects(count, seed=1):
    """Lines `key TAB event` in the order of their times."""
    r, lists, write = random.Random(seed), stacks(seed, 20_000), sys.stdout.write
    step = DAYS * 86_400 / count
    for i in range(count):
        bits = r.getrandbits(96)
        at = time.gmtime(START + i * step)
        when = f"{at[0]}-{at[1]:02d}-{at[2]:02d}T{at[3]:02d}:{at[4]:02d}:{at[5]:02d}Z"
        id = f"{bits >> 32:016x}"
        user = f"u-{(bits & 0xfffff) * PEOPLE >> 20}"
        head = f'{user}\t{{"specversion":"1.0","source":"/growth","time":"{when}","id":"{i:x}","type":'
        team = f',"team_id":"team-{(bits >> 20 & 0xffff) * TEAMS >> 16}"' if bits >> 36 & 3 else ""
        org = f',"org_id":"org-{(bits >> 38 & 0x3ff) * ORGANISATIONS >> 10}"' if bits >> 48 & 1 else ""
        write(f'{head}"project_generated","data":{{"project_id":"{id}","user_id":"{user}","technologies":{lists[i * 7919 % 20_000]},'
              f'"project_type":"{TYPES[bits >> 49 & 7]}","complexity":0.{bits >> 52 & 7}{team}{org}}}}}\n')
        if i % 20 == 7:
            write(f'{head.replace("/growth", "/growth/p")}"prediction_computed","data":{{"project_id":"{id}","model_version":"v{i % 3}",'
                  f'"probability":0.{bits >> 55 & 7}5}}}}\n')
        if i % 10 == 7:
            write(f'{head.replace("/growth", "/growth/f")}"feedback_submitted","data":{{"project_id":"{id}","user_id":"{user}",'
                  f'"success":{"true" if bits >> 58 & 3 else "false"}}}}}\n')


# Whether tables hold what the ledger says: rows that differ, of the public projects and of the teams'.
CHECK = """
WITH ledger AS MATERIALIZED (
  SELECT p.*, least(p.visibility, coalesce(o.sharing, 3), CASE WHEN o.learning_enabled IS FALSE THEN 0 ELSE 3 END) AS sharing
  FROM pleat.projects_current p LEFT JOIN pleat.organisations_current o USING (generation, org_id)
  WHERE p.generated
), public AS MATERIALIZED (SELECT * FROM ledger WHERE sharing = 3)
SELECT
  (SELECT count(*) FROM (
    SELECT (time AT TIME ZONE 'UTC')::date AS day, count(*) n, count(*) FILTER (WHERE success) s FROM public GROUP BY 1) x
    FULL JOIN (SELECT * FROM pleat.project_days_current WHERE projects > 0) d USING (day)
    WHERE (x.n, x.s) IS DISTINCT FROM (d.projects, d.successes))
  + (SELECT count(*) FROM (SELECT t AS technology, count(*) n FROM public, string_to_table(technologies, E'\\n') t GROUP BY 1) x
    FULL JOIN (SELECT * FROM pleat.technologies_current WHERE projects > 0) d USING (technology) WHERE x.n IS DISTINCT FROM d.projects)
  + (SELECT count(*) FROM (SELECT string_to_array(technologies, E'\\n') AS technologies, count(*) n FROM public GROUP BY 1) x
    FULL JOIN (SELECT * FROM pleat.stack_combinations_current WHERE usage_count > 0) d USING (technologies)
    WHERE x.n IS DISTINCT FROM d.usage_count)
  + (SELECT count(*) FROM (SELECT a AS technology_a, b AS technology_b, count(*) n
      FROM public, string_to_table(technologies, E'\\n') a, string_to_table(technologies, E'\\n') b WHERE a < b GROUP BY 1, 2) x
    FULL JOIN (SELECT * FROM pleat.technology_pairs_current WHERE together > 0) d USING (technology_a, technology_b)
    WHERE x.n IS DISTINCT FROM d.together)
  + (SELECT count(*) FROM (SELECT project_type AS domain, count(*) n FROM public GROUP BY 1) x
    FULL JOIN (SELECT * FROM pleat.domains_current WHERE projects > 0) d USING (domain) WHERE x.n IS DISTINCT FROM d.projects)
  + (SELECT count(*) FROM (SELECT team_id, count(*) n FROM ledger WHERE sharing > 0 AND team_id IS NOT NULL GROUP BY 1) x
    FULL JOIN (SELECT * FROM pleat.team_stats_current WHERE projects_generated > 0) d USING (team_id)
    WHERE x.n IS DISTINCT FROM d.projects_generated)
"""


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--bootstrap", required=True)
    p.add_argument("--dsn", required=True)
    p.add_argument("--projects", type=int, default=10_000_000)
    p.add_argument("--organisation", type=int, default=100_000)
    p.add_argument("--work", default="/tmp/pleat-growth")
    p.add_argument("--pleat", default=str(Path(__file__).resolve().parent.parent / ".build/release/pleat"))
    p.add_argument("steps", nargs="+")
    a = p.parse_args()
    Path(a.work).mkdir(exist_ok=True)
    state = Path(a.work, "daemon")
    name = topic = f"growth-{a.projects}"
    env = dict(os.environ, PLEAT_INSTANCE=name, PLEAT_KAFKA_BOOTSTRAP=a.bootstrap, PLEAT_KAFKA_TOPICS=topic, PLEAT_KAFKA_GROUP=name,
               PLEAT_KAFKA_CURSOR_TOPIC=f"{name}.cursors", PLEAT_KAFKA_OUTPUT_TOPIC=f"{name}.events", PLEAT_KAFKA_TEAM_TOPIC=f"{name}.teams",
               PLEAT_POSTGRES_ADMIN_URL=a.dsn, PLEAT_POSTGRES_URL=a.dsn.replace("user=postgres", "user=pleat_writer"),
               PLEAT_LOG_FORMAT="text")

    def sql(text):
        return subprocess.run(["psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", a.dsn, "-c", text], check=True, text=True,
                              capture_output=True).stdout.strip()

    def status(pid, key):
        try:
            return int(next(l for l in Path(f"/proc/{pid}/status").read_text().splitlines() if l.startswith(key)).split()[1]) // 1024
        except FileNotFoundError:
            raise SystemExit(f"the daemon is gone, see {a.work}/log")

    def pid():
        return int(state.read_text())

    def start():
        child = subprocess.Popen([a.pleat, "run"], env=env, stdout=subprocess.DEVNULL, stderr=open(f"{a.work}/log", "a"), start_new_session=True)
        state.write_text(str(child.pid))
        return child

    def say(step, **told):
        told["peak_mb"] = status(pid(), "VmHWM") if state.exists() else None
        print(json.dumps(dict(step=step, **told)), flush=True)

    def send(lines):
        data = "".join(f"{key}\t{json.dumps(value)}\n" for key, value in lines).encode()
        subprocess.run(["kcat", "-P", "-b", a.bootstrap, "-t", topic, "-K", "\t", "-X", "topic.partitioner=murmur2_random",
                        "-X", "linger.ms=5"], input=data, check=True)
        return len(lines)

    def head():
        return int(sql("SELECT position FROM pleat.journal_head"))

    def folded():
        return int(sql("SELECT min(c.position) FROM pleat.live_generations g JOIN pleat.projection_cursors c USING (projection, generation)")
                   or 0)

    def follow(until, pause=.02):
        began = time.time()
        while folded() < until:
            status(pid(), "VmHWM")
            time.sleep(pause)
        return round(time.time() - began, 2)

    def change(org, then=follow, **settings):
        before = head()
        send([(org, {"type": "org_settings_changed", "timestamp": "2026-11-15T00:00:00Z", "data": dict(org_id=org, **settings)})])
        return then(before + 1)

    def wait_for_end():
        began = time.time()
        while Path(f"/proc/{pid()}").exists() and "Z" not in Path(f"/proc/{pid()}/stat").read_text().rpartition(")")[2][:3]:
            time.sleep(.01)
        return round(time.time() - began, 2)

    def interrupt(until):
        time.sleep(2)
        is_folded = folded() >= until
        os.kill(pid(), signal.SIGTERM)
        ended = wait_for_end()
        start()
        return dict(folded_before=is_folded, seconds_to_the_end=ended, seconds_from_the_next_start=follow(until))

    for step in a.steps:
        if step == "generate":
            projects(a.projects)
        elif step == "fill":
            for each, parts in ((topic, 6), (f"{name}.events", 1), (f"{name}.teams", 1)):
                subprocess.run([Path(os.environ["KAFKA_HOME"], "bin/kafka-topics.sh"), "--bootstrap-server", a.bootstrap, "--create", "--topic",
                                each, "--partitions", str(parts)], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            began = time.time()
            lines = subprocess.Popen([sys.executable, __file__, "--bootstrap", "-", "--dsn", "-", "--projects", str(a.projects), "generate"],
                                     stdout=subprocess.PIPE)
            subprocess.run(["kcat", "-P", "-b", a.bootstrap, "-t", topic, "-K", "\t", "-z", "lz4", "-X", "linger.ms=50",
                            "-X", "topic.partitioner=murmur2_random"], stdin=lines.stdout, check=True)
            if lines.wait():
                raise SystemExit("the projects were not all made")
            say(step, seconds=round(time.time() - began))
        elif step == "fold":
            sql("DROP SCHEMA IF EXISTS pleat_unmasked, insights, pleat CASCADE")
            subprocess.run([a.pleat, "migrate"], env=env, check=True, stdout=subprocess.DEVNULL)
            total = a.projects + (a.projects + 12) // 20 + (a.projects + 2) // 10
            began = time.time()
            start()
            while (at := folded()) < total:
                time.sleep(10)
                print(f"{int(time.time() - began)} s: journaled {head()}, folded {at}, {status(pid(), 'VmRSS')} MB, "
                      f"peak {status(pid(), 'VmHWM')} MB", file=sys.stderr, flush=True)
            say(step, events=total, seconds=round(time.time() - began), events_s=round(total / (time.time() - began)))
        elif step == "start":
            start()
        elif step == "restart":
            times = []
            for _ in range(3):
                os.kill(pid(), signal.SIGKILL)
                wait_for_end()
                before, reached = head(), folded()
                send([(str(i), {"type": "project_opened", "timestamp": "2026-11-14T00:00:00Z",
                                "data": {"project_id": f"restart-{i}", "user_id": "u-1"}}) for i in range(1000)])
                began = time.time()
                start()
                while head() == before:
                    time.sleep(.005)
                journaled = time.time() - began
                while folded() <= reached:
                    time.sleep(.005)
                times.append((round(journaled, 2), round(time.time() - began, 2)))
            say(step, seconds_to_journal_and_projections=times)
        elif step == "organisation":
            org, lists = f"big-{int(time.time())}", stacks(2, 500)
            before, r = head(), random.Random(3)
            for first in range(0, a.organisation, 20_000):
                many = range(first, min(first + 20_000, a.organisation))
                send([(f"big-{i}", {"type": "project_generated", "timestamp": f"2026-11-{1 + i % 14:02d}T12:00:00Z",
                                    "data": {"project_id": f"{org}-{i}", "user_id": f"big-{r.randrange(20_000)}", "org_id": org,
                                             "team_id": f"big-team-{i % 500}", "technologies": json.loads(lists[r.randrange(500)]),
                                             "project_type": TYPES[i % 8]}}) for i in many])
            follow(before + a.organisation)
            say("organisation: its projects")
            for label, settings in (("none", {"data_sharing_level": "none"}), ("public", {"data_sharing_level": "public"}),
                                    ("opts out", {"learning_enabled": False}), ("opts in", {"learning_enabled": True})):
                seconds = change(org, **settings)
                say(f"organisation: {label}", seconds=seconds, differences=int(sql(CHECK)))
            told = change(org, then=interrupt, data_sharing_level="none")
            say("organisation: none, interrupted", **told, differences=int(sql(CHECK)),
                without_progress=Path(a.work, "log").read_text().count("has finished no step"))
        elif step == "predictions":
            before = head()
            began = time.time()
            send([("p", {"type": "prediction_computed", "timestamp": f"2026-11-13T{i // 3600 % 24:02d}:{i // 60 % 60:02d}:{i % 60:02d}Z",
                         "data": {"project_id": "predicted", "model_version": f"v{i % 3}", "probability": .5}}) for i in range(10_000)])
            follow(before + 10_000)
            seconds = round(time.time() - began, 2)
            one, began = head(), time.time()
            send([("p", {"type": "prediction_computed", "timestamp": "2026-11-13T12:00:00Z",
                         "data": {"project_id": "predicted", "model_version": "v4", "probability": .5}})])
            follow(one + 1, .002)
            say(step, seconds=seconds, one_more=round(time.time() - began, 3),
                row_bytes=int(sql("SELECT max(pg_column_size(p.*)) FROM pleat.projects_current p")))
        elif step == "status":
            began = time.time()
            out = subprocess.run([a.pleat, "status", "--json"], env=env, check=True, capture_output=True, text=True).stdout
            say(step, seconds=round(time.time() - began, 2), caught_up=json.loads(out)["caught_up"])
        elif step == "size":
            count = int(sql("SELECT count(*) FROM pleat.projects_current"))
            total = int(sql("SELECT pg_database_size(current_database())"))
            rows = sql("SELECT relname || ' ' || pg_total_relation_size(oid) / (SELECT count(*) FROM pleat.projects_current) FROM pg_class "
                       "WHERE relnamespace = 'pleat'::regnamespace AND relkind = 'r' ORDER BY pg_total_relation_size(oid) DESC LIMIT 14")
            say(step, projects=count, bytes_a_project=total // count, by_table=dict(r.split() for r in rows.splitlines()))
        elif step == "verify":
            began = time.time()
            child = subprocess.Popen([a.pleat, "verify"], env=env, stdout=subprocess.PIPE, text=True)
            out = child.stdout.read()
            _, code, usage = os.wait4(child.pid, 0)
            say(step, seconds=round(time.time() - began, 1), exit=os.waitstatus_to_exitcode(code), verify_peak_mb=usage.ru_maxrss // 1024,
                said=out.strip().splitlines()[-3:])
        elif step == "end":
            os.kill(pid(), signal.SIGTERM)
            state.unlink()
        else:
            raise SystemExit(f"{step} is no step")


if __name__ == "__main__":
    main()
