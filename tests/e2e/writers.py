#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Eight writers and the history they must leave.

    writers.py --servers URL[,URL...] --check URL [--seconds N] [--writers 8] [--tables 3]

Each writer commits snapshots to tables through the Iceberg REST API, each under an Idempotency-Key. Whatever goes wrong on
the way (a lost request, a lost answer, a server that is killed) it sends the same request again, to any of the servers, until
one says what became of it. At the end the tables are read from --check:

  - each commit that was acknowledged is there, exactly once (nothing lost, nothing twice);
  - none is there that was refused with 409;
  - the snapshots of a table are one line: each has the one before as its parent;
  - the catalog's log has one commit for each snapshot.

Prints a line of figures; exit status 1 and a line for each broken promise."""
import argparse
import collections
import http.client
import json
import random
import sys
import threading
import time
import urllib.parse
import uuid

GIVE_UP_S = 60


def call(url, method, path, body=None, key=None, timeout=20):
    """Status and answer; raises OSError or HTTPException when there is none."""
    u = urllib.parse.urlparse(url)
    c = http.client.HTTPConnection(u.hostname, u.port, timeout=timeout)
    try:
        headers = {"Content-Type": "application/json"}
        if key:
            headers["Idempotency-Key"] = key
        c.request(method, path, json.dumps(body) if body is not None else None, headers)
        r = c.getresponse()
        text = r.read()
        return r.status, json.loads(text) if text else {}
    finally:
        c.close()


def ask(servers, method, path, body=None, key=None, counts=None):
    """The first final answer: 2xx or 4xx. Anything else is asked again, of a server by chance."""
    until = time.time() + GIVE_UP_S
    while True:
        try:
            status, answer = call(random.choice(servers), method, path, body, key)
            if status < 500 and status != 429:
                return status, answer
            if counts is not None:
                counts["5xx"] += 1
                counts["unknown"] += status == 504
        except (OSError, http.client.HTTPException, ValueError):
            if counts is not None:
                counts["no answer"] += 1
        if time.time() > until:
            raise SystemExit(f"no answer to {method} {path} for {GIVE_UP_S} s")
        time.sleep(random.uniform(0.005, 0.05))


def table_path(name):
    return f"/iceberg/v1/namespaces/w/tables/{name}"


def make_tables(servers, names):
    ask(servers, "POST", "/iceberg/v1/namespaces", {"namespace": ["w"]})
    schema = {"type": "struct", "schema-id": 0,
              "fields": [{"id": 1, "name": "id", "required": False, "type": "long"}]}
    for name in names:
        status, answer = ask(servers, "POST", "/iceberg/v1/namespaces/w/tables",
                             {"name": name, "schema": schema}, str(uuid.uuid4()))
        if status not in (200, 409):
            raise SystemExit(f"create {name}: {status} {answer}")


def snapshot(meta, number):
    parent = meta.get("current-snapshot-id", -1)
    s = {"snapshot-id": number, "sequence-number": meta["last-sequence-number"] + 1,
         "timestamp-ms": max(int(time.time() * 1000), meta["last-updated-ms"]),
         "manifest-list": f"{meta['location']}/metadata/snap-{number}.avro",
         "summary": {"operation": "append"}, "schema-id": meta["current-schema-id"]}
    if parent != -1:
        s["parent-snapshot-id"] = parent
    ref = {"type": "assert-ref-snapshot-id", "ref": "main", "snapshot-id": parent if parent != -1 else None}
    return {"requirements": [ref, {"type": "assert-table-uuid", "uuid": meta["table-uuid"]}],
            "updates": [{"action": "add-snapshot", "snapshot": s},
                        {"action": "set-snapshot-ref", "ref-name": "main", "type": "branch", "snapshot-id": number}]}


def write(args, servers, names, until, result):
    counts = result["counts"]
    while time.time() < until:
        name = random.choice(names)
        path = table_path(name)
        status, answer = ask(servers, "GET", path + "?snapshots=refs")
        if status != 200:
            result["wrong"].append(f"load {name}: {status} {answer}")
            return
        number = random.getrandbits(62) + 1
        status, answer = ask(servers, "POST", path, snapshot(answer["metadata"], number), str(uuid.uuid4()), counts)
        if status == 200:
            result["done"][name].append(number)
        elif status == 409:
            result["refused"][name].append(number)
        else:
            result["wrong"].append(f"commit: {status} {answer}")
            return


def check_table(check, name, done, refused, wrong):
    status, answer = ask([check], "GET", table_path(name))
    if status != 200:
        wrong.append(f"{name} cannot be read: {status} {answer}")
        return 0
    snapshots = answer["metadata"].get("snapshots", [])
    ids = [s["snapshot-id"] for s in snapshots]
    there = set(ids)
    if len(there) != len(ids):
        wrong.append(f"{name}: a snapshot is there twice")
    for lost in set(done) - there:
        wrong.append(f"{name}: snapshot {lost} was acknowledged and is lost")
    for ghost in there & set(refused):
        wrong.append(f"{name}: snapshot {ghost} was refused and is there")
    for stray in there - set(done):
        wrong.append(f"{name}: snapshot {stray} is there and nobody was told")
    for before, s in zip([None] + snapshots, snapshots):
        if s.get("parent-snapshot-id") != (before["snapshot-id"] if before else None):
            wrong.append(f"{name}: {s['snapshot-id']} does not follow the one before")
    return len(ids)


def count_log(check):
    """Commits of the catalog that updated each table."""
    n, ref = collections.Counter(), "main"
    while ref:
        status, answer = ask([check], "GET", f"/api/log?limit=1000&ref={ref}")
        if status != 200:
            raise SystemExit(f"log: {status} {answer}")
        for commit in answer:
            for op in commit["operations"]:
                if op["op"] == "update":
                    n[op["name"].split(".")[-1]] += 1
        ref = (answer[-1]["parents"] or [None])[0]
    return n


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--servers", required=True)
    p.add_argument("--check", required=True)
    p.add_argument("--seconds", type=float, default=5)
    p.add_argument("--writers", type=int, default=8)
    p.add_argument("--tables", type=int, default=3)
    args = p.parse_args()
    servers = args.servers.split(",")
    run = uuid.uuid4().hex[:8]  # a second run uses tables of its own
    names = [f"t{i}_{run}" for i in range(args.tables)]
    make_tables(servers, names)
    results = [{"done": collections.defaultdict(list), "refused": collections.defaultdict(list), "wrong": [],
                "counts": collections.Counter()} for _ in range(args.writers)]
    start = time.time()
    threads = [threading.Thread(target=write, args=(args, servers, names, start + args.seconds, r)) for r in results]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    took = time.time() - start
    wrong = [w for r in results for w in r["wrong"]]
    counts = sum((r["counts"] for r in results), collections.Counter())
    done = sum(len(v) for r in results for v in r["done"].values())
    refused = sum(len(v) for r in results for v in r["refused"].values())
    log = count_log(args.check)
    for name in names:
        n = check_table(args.check, name, [i for r in results for i in r["done"][name]],
                        [i for r in results for i in r["refused"][name]], wrong)
        if log[name] != n:
            wrong.append(f"{name}: {n} snapshots, but {log[name]} commits in the log")
    if done == 0:
        wrong.append("nothing was committed at all")
    print(f"commits {done} refused {refused} no-answer {counts['no answer']} 5xx {counts['5xx']} "
          f"unknown {counts['unknown']} seconds {took:.1f}")
    for w in wrong[:20]:
        print(w)
    sys.exit(1 if wrong else 0)


main()
