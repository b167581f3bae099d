#!/usr/bin/env python3
"""The journal alone against a bare consumer that only counts, and how soon the first commit comes after a start.

  Benchmarks/journal.py --bootstrap HOST:PORT --dsn DSN --counter PROGRAM [--topic pleat.events] [--runs 3] [--pleat .build/release/pleat]

Reads the topic from its beginning with PROGRAM (which finds BOOTSTRAP and TOPIC in its environment, and whose last line is
{"start": S, "done": D, "count": N}), then with a daemon of `projections.only: none` under a new name, in a database whose schema `pleat`
is dropped and made anew for each run; prints events a second and CPU seconds of both, their ratios, and after the last run how long
a daemon that is started again under the same name, with records waiting, takes to its first commit. DSN is a superuser's and names its
user. The database must be nobody's: its schemas go. Needs psql and kcat on PATH, and KAFKA_HOME for its tools.
"""
import argparse, json, os, shutil, signal, statistics, subprocess, tempfile, time
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")


def cpu(pid):
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--bootstrap", required=True)
    p.add_argument("--dsn", required=True, help="keywords, with user=postgres in them")
    p.add_argument("--counter", required=True)
    p.add_argument("--topic", default="pleat.events")
    p.add_argument("--runs", type=int, default=3)
    p.add_argument("--pleat", default=str(Path(__file__).resolve().parent.parent / ".build/release/pleat"))
    a = p.parse_args()
    sql = lambda text: subprocess.run(["psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", a.dsn, "-c", text], check=True, text=True,
                                      capture_output=True).stdout.strip()
    work = tempfile.mkdtemp(prefix="pleat-journal-")
    Path(work, "catalog.yaml").write_text("version: 1\ntechnologies: []\n")

    def environment(name):
        return dict(os.environ, PLEAT_INSTANCE=name, PLEAT_KAFKA_BOOTSTRAP=a.bootstrap, PLEAT_KAFKA_TOPICS=a.topic, PLEAT_KAFKA_GROUP=name,
                    PLEAT_KAFKA_CURSOR_TOPIC=f"{name}.cursors", PLEAT_KAFKA_OUTPUT_TOPIC=f"{name}.events", PLEAT_KAFKA_TEAM_TOPIC=f"{name}.teams",
                    PLEAT_POSTGRES_ADMIN_URL=a.dsn, PLEAT_POSTGRES_URL=a.dsn.replace("user=postgres", "user=pleat_writer"),
                    PLEAT_PROJECTIONS_CATALOG=f"{work}/catalog.yaml", PLEAT_PROJECTIONS_ONLY="none", PLEAT_LOG_FORMAT="text")

    def count():
        child = subprocess.Popen([a.counter], env=dict(os.environ, BOOTSTRAP=a.bootstrap, TOPIC=a.topic, CACHE=work), stdout=subprocess.PIPE, text=True)
        out = child.stdout.read()
        _, _, usage = os.wait4(child.pid, 0)
        told = json.loads(out.strip().splitlines()[-1])
        return {"events_s": told["count"] / (told["done"] - told["start"]), "cpu_s": usage.ru_utime + usage.ru_stime, "events": told["count"]}

    def daemon(env):
        return subprocess.Popen([a.pleat, "run"], env=env, stderr=open(f"{work}/log", "a"))

    def backend():
        pid = sql("SELECT pid FROM pg_stat_activity WHERE application_name = 'pleat ingest'")
        return cpu(pid.splitlines()[0]) if pid else 0

    # One session for all looks at the head: a psql each would take a tenth of a core.
    session = subprocess.Popen(["psql", "-X", "-q", "-A", "-t", a.dsn], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)

    def head():
        session.stdin.write("SELECT position FROM pleat.journal_head;\n")
        return int(session.stdout.readline())

    def end(child):
        child.send_signal(signal.SIGTERM)
        child.wait(15)

    def journal(name, events):
        sql("DROP SCHEMA IF EXISTS pleat_unmasked, insights, pleat CASCADE")
        env = environment(name)
        for topic in (f"{name}.events", f"{name}.teams"):
            subprocess.run([Path(os.environ["KAFKA_HOME"], "bin/kafka-topics.sh"), "--bootstrap-server", a.bootstrap, "--create", "--topic", topic,
                            "--partitions", "1"], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        subprocess.run([a.pleat, "migrate"], env=env, check=True, stdout=subprocess.DEVNULL)
        sql("CHECKPOINT")
        began = time.time()
        child = daemon(env)
        begun = None
        while (place := head()) < events:
            if begun is None and place > 0:
                begun = time.time(), place
            if child.poll() is not None or time.time() > began + 600:
                raise SystemExit(f"the daemon did not come to the end, see {work}/log")
            # A look takes its part of two cores: few until the end is near.
            rate = (place - begun[1]) / (time.time() - begun[0]) if begun else 0
            time.sleep(min(.2, max(.01, (events - place) / rate / 3)) if rate else .01)
        ended, spent, of_backend = time.time(), cpu(child.pid), backend()
        peak = next(int(line.split()[1]) for line in Path(f"/proc/{child.pid}/status").read_text().splitlines() if line.startswith("VmHWM"))
        end(child)
        return {"events_s": events / (ended - began), "cpu_s": spent, "backend_s": of_backend, "peak_mb": peak / 1000,
                "steady_events_s": (events - begun[1]) / (ended - begun[0]),
                "segment": int(sql("SELECT avg(event_count)::bigint FROM pleat.journal"))}

    def restart(name, events):
        """New records wait behind the end of what is journaled: seconds from the start of the process to their commit."""
        line = json.dumps({"type": "restart_probe", "timestamp": "2026-09-01T00:00:00Z", "data": {}})
        before = head()
        subprocess.run(["kcat", "-P", "-b", a.bootstrap, "-t", a.topic], input=f"{line}\n".encode() * 100, check=True)
        began = time.time()
        child = daemon(environment(name))
        while head() == before:
            if child.poll() is not None or time.time() > began + 60:
                raise SystemExit(f"no commit after a restart, see {work}/log")
            time.sleep(.01)
        seconds = time.time() - began
        end(child)
        return seconds

    counted, journaled = [], []
    for run in range(a.runs):
        counted.append(count())
        name = f"journal-{os.getpid()}-{run}"
        journaled.append(journal(name, counted[-1]["events"]))
    of = lambda runs, key: statistics.median(r[key] for r in runs)
    rate = lambda runs: of(runs, "events_s")
    print(json.dumps({
        "counter_events_s": round(rate(counted)), "journal_events_s": round(rate(journaled)), "ratio": round(rate(journaled) / rate(counted), 3),
        "journal_events_s_after_the_first_commit": round(of(journaled, "steady_events_s")),
        "counter_cpu_s": round(of(counted, "cpu_s"), 2), "daemon_cpu_s": round(of(journaled, "cpu_s"), 2),
        "backend_cpu_s": round(of(journaled, "backend_s"), 2), "events_a_segment": of(journaled, "segment"),
        "daemon_peak_mb": round(of(journaled, "peak_mb")),
        "first_commit_after_restart_s": [round(restart(name, counted[-1]["events"]), 2) for _ in range(a.runs)]}))
    shutil.rmtree(work)


if __name__ == "__main__":
    main()
