#!/usr/bin/env python3
"""How long an event takes from the producer to its row, at a steady rate.

  Benchmarks/latency.py --bootstrap HOST:PORT --dsn DSN [--rate 1000] [--seconds 30] [--topic pleat.events]

Sends wizard steps at the rate through kcat, every tenth for a team of its own, and asks PostgreSQL, over one psql, which of these
teams have a row. A latency is from just before the event is handed to the producer to just after the answer that shows the row, so
the question's own time (printed as `probe`) is in it.

The ceiling is in the same run: fifty times a second another session commits a transaction that only writes a WAL record (`commit`). Each
event waits for two such commits, the journal's and its row's; `apart` is the quantile of events that were not on their way while one took
more than 20 ms, and `stalled_ms` the time that those took together.

Needs kcat and psql on PATH, and a running daemon.
"""
import argparse, json, subprocess, threading, time, uuid


def quantile(values, q):
    return sorted(values)[min(len(values) - 1, max(0, -(-int(q * len(values) * 1000) // 1000) - 1))]


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--bootstrap", required=True)
    p.add_argument("--dsn", required=True, help="a login that may read pleat.team_stats_current")
    p.add_argument("--topic", default="pleat.events")
    p.add_argument("--rate", type=int, default=1000)
    p.add_argument("--seconds", type=int, default=30)
    a = p.parse_args()
    producer = subprocess.Popen(["kcat", "-P", "-b", a.bootstrap, "-t", a.topic, "-K", "\t", "-X", "linger.ms=0",
                                 "-X", "topic.partitioner=murmur2_random"], stdin=subprocess.PIPE)
    psql = subprocess.Popen(["psql", "-X", "-q", "-A", "-t", a.dsn], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    waiting, lock, latencies, probes, sending = {}, threading.Lock(), [], [], True
    commits = []  # from, to

    def commit():
        session = subprocess.Popen(["psql", "-X", "-q", "-A", "-t", a.dsn], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        while sending or waiting and time.perf_counter() < deadline:
            asked = time.perf_counter()
            session.stdin.write("SELECT FROM pg_logical_emit_message(true, 'latency', '');\n\\echo .\n")
            session.stdin.flush()
            while session.stdout.readline().strip() != ".":
                pass
            commits.append((asked, time.perf_counter()))
            time.sleep(.02)
        session.stdin.close()
        session.wait()

    def watch():
        while sending or waiting:
            with lock:
                teams = list(waiting)
            if not teams:
                time.sleep(.001)
                continue
            asked = time.perf_counter()
            names = ",".join(f"'{t}'" for t in teams)
            psql.stdin.write(f"SELECT team_id FROM pleat.team_stats_current WHERE team_id IN ({names});\n\\echo .\n")
            psql.stdin.flush()
            found = []
            while (line := psql.stdout.readline().strip()) != ".":
                found.append(line)
            now = time.perf_counter()
            probes.append(now - asked)
            with lock:
                latencies.extend((waiting.pop(t), now) for t in found if t in waiting)
            if not sending and time.perf_counter() > deadline:
                break

    deadline = time.perf_counter() + a.seconds + 30
    threads = [threading.Thread(target=f) for f in (watch, commit)]
    for t in threads:
        t.start()
    began, sent = time.perf_counter(), 0
    while (now := time.perf_counter()) < began + a.seconds:
        while sent < (now - began) * a.rate:
            marked = sent % 10 == 0
            team = f"probe-{uuid.uuid4()}" if marked else "latency"
            event = {"specversion": "1.0", "id": str(uuid.uuid4()), "source": "/latency", "type": "wizard_step_completed",
                     "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
                     "data": {"user_id": f"u-{sent % 500}", "session_id": f"s-{sent}", "step": 1, "team_id": team}}
            if marked:
                with lock:
                    waiting[team] = time.perf_counter()
            producer.stdin.write(f"u-{sent % 500}\t{json.dumps(event)}\n".encode())
            producer.stdin.flush()
            sent += 1
        time.sleep(.0005)
    sending = False
    producer.stdin.close()
    producer.wait()
    for t in threads:
        t.join()
    psql.stdin.close()
    psql.wait()
    took = lambda spans: [to - since for since, to in spans]
    stalls = [(since, to) for since, to in commits if to - since > .02]
    apart = [(since, to) for since, to in latencies if not any(s < to and since < e for s, e in stalls)]
    ms = lambda values, q: round(quantile(values, q) * 1000, 1) if values else None
    latencies, bare = took(latencies), took(commits)
    print(json.dumps({"rate": a.rate, "sent": sent, "measured": len(latencies), "never_seen": len(waiting),
                      "p50_ms": ms(latencies, .5), "p95_ms": ms(latencies, .95), "p99_ms": ms(latencies, .99),
                      "max_ms": ms(latencies, 1), "apart": len(apart), "apart_p99_ms": ms(took(apart), .99),
                      "apart_max_ms": ms(took(apart), 1), "probe_p50_ms": ms(probes, .5), "commit_p50_ms": ms(bare, .5),
                      "commit_p99_ms": ms(bare, .99), "commit_max_ms": ms(bare, 1),
                      "stalled_ms": round(sum(took(stalls)) * 1000)}))


if __name__ == "__main__":
    main()
