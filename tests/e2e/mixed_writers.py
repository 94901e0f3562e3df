#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Eight writers of mixed SQL on one table, and a checker of the history that they leave.

    mixed_writers.py URL[,URL...] [--seconds N] [--writers 8] [--version 2|3] [--mode merge-on-read|copy-on-write] [--seed N]

Each writer appends, deletes, updates, merges, overwrites its part, replaces rows by a condition, compacts the table, expires
snapshots and changes the table's columns through a running server; with several servers of one catalog they take turns. Every row
says who wrote it and with which operation (`w`, `op`), so a snapshot can be explained by the operations before it.
At the end, with the log of what was acknowledged with which snapshot, the snapshots are walked in the order of their commits:

  - each acknowledged operation has one snapshot, no snapshot is there that nobody was told of, each follows the one before;
  - the operations, done one after the other in that order by a model in this file, give exactly the rows that time travel to each
    snapshot gives (each is serializable: updates count, so one that is lost or done twice shows);
  - an operation that was refused with a conflict has no effect.

Prints a line of figures; exit status 1 and a line for each broken promise."""
import argparse
import json
import random
import sys
import threading
import time
import urllib.error
import urllib.request

KEYS = 12  # rows with few keys are what operations fight for


def call(url, path, body=None):
    request = urllib.request.Request(url + path, json.dumps(body).encode() if body is not None else None,
                                     {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=120) as answer:
            return answer.status, json.loads(answer.read() or b"null")
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read() or b"null")


SCHEMA = "w"  # --schema takes its place: of w.t in statements, too


def sql(url, text):
    return call(url, "/api/sql", {"sql": text.replace(" w.t", f" {SCHEMA}.t"), "max_rows": 1000000})


# ---- Operations: a statement, and what it does to rows {(k, w, op): n} in the model.
# A row's identity is (w, op, k): who appended it, with which operation, under which key. n counts the updates that it saw.


def append(rng, me, op):
    keys = [rng.randrange(KEYS) for _ in range(rng.randrange(1, 4))]
    keys = sorted(set(keys))
    values = ", ".join(f"({k}, {me}, {op}, 0)" for k in keys)

    def model(rows):
        rows.update({(k, me, op): 0 for k in keys})

    return f"INSERT INTO w.t (k, w, op, n) VALUES {values}", model


def delete(rng, me, op):
    k = rng.randrange(KEYS)

    def model(rows):
        for row in [row for row in rows if row[0] == k]:
            del rows[row]

    return f"DELETE FROM w.t WHERE k = {k}", model


def update(rng, me, op):
    k, by = rng.randrange(KEYS), rng.randrange(1, 1000)

    def model(rows):
        for row in rows:
            if row[0] == k:
                rows[row] += by

    return f"UPDATE w.t SET n = n + {by} WHERE k = {k}", model


def merge(rng, me, op):
    keys, by = sorted(rng.sample(range(KEYS), 2)), rng.randrange(1000, 100000)
    source = ", ".join(f"({k})" for k in keys)

    def model(rows):
        for k in keys:
            matched = [row for row in rows if row[0] == k]
            for row in matched:
                rows[row] += by
            if not matched:
                rows[(k, me, op)] = 1

    return (f"MERGE INTO w.t t USING (SELECT * FROM (VALUES {source}) v(k)) s ON t.k = s.k "
            f"WHEN MATCHED THEN UPDATE SET n = t.n + {by} WHEN NOT MATCHED THEN INSERT (k, w, op, n) VALUES (s.k, {me}, {op}, 1)"), model


def overwrite(rng, me, op):
    """This writer's rows, all put anew in one commit: those of one key go, the others are written again."""
    k = rng.randrange(KEYS)

    def model(rows):
        for row in [row for row in rows if row[1] == me]:
            if row[0] == k:
                del rows[row]
            else:
                rows[row] = -1

    return (f"MERGE INTO w.t t USING (SELECT DISTINCT k, w, op FROM w.t WHERE w = {me}) s ON t.k = s.k AND t.w = s.w AND t.op = s.op "
            f"WHEN MATCHED AND t.k = {k} THEN DELETE WHEN MATCHED THEN UPDATE SET n = -1"), model


def replace(rng, me, op):
    """Rows of one key give way to one row."""
    k = rng.randrange(KEYS)

    def model(rows):
        for row in [row for row in rows if row[0] == k]:
            del rows[row]
        rows[(k, me, op)] = 0

    return f"INSERT INTO w.t (k, w, op, n) REPLACE WHERE k = {k} SELECT {k}, {me}, {op}, 0", model


OPERATIONS = [append] * 5 + [delete, update, update, update, merge, merge, overwrite, replace]


def compact(url, log):
    """Rows stay what they are; its snapshot is one of the history."""
    status, answer = call(url, f"/api/tables/{SCHEMA}.t/compact", {"min_input_files": 2, "delete_files": 1})
    if status == 200 and answer["commits"]:
        log["done"].append((answer["snapshot_id"], 0, "compact", "compact", lambda rows: None))
    elif status == 409:
        log["refused"].append(("compact", str(answer)))
    elif status != 200:
        raise RuntimeError(f"compact: {status} {answer}")


def expire(url, log):
    """One snapshot of this writer's own, which is not the newest; what came before it is noted, for the checker."""
    mine = [d[0] for d in log["done"][:-10] if d[1] and d[0] not in log["expired"]]
    if not mine:
        return
    gone = mine[0]
    meta = call(url, f"/iceberg/v1/namespaces/{SCHEMA}/tables/t")[1]["metadata"]
    parent = next(s.get("parent-snapshot-id") for s in meta["snapshots"] if s["snapshot-id"] == gone)
    status, answer = call(url, f"/api/tables/{SCHEMA}.t/expire", {"snapshot_ids": [gone]})
    if status == 200:
        log["expired"][gone] = parent
    elif status != 409:
        raise RuntimeError(f"expire {gone}: {status} {answer}")


def add_column(url, name):
    """A schema change as client libraries do it; True when it was done."""
    at = f"/iceberg/v1/namespaces/{SCHEMA}/tables/t"
    status, answer = call(url, at)
    meta = answer["metadata"]
    schema = next(s for s in meta["schemas"] if s["schema-id"] == meta["current-schema-id"])
    schema["fields"].append({"id": meta["last-column-id"] + 1, "name": name, "required": False, "type": "long"})
    status, answer = call(url, at, {
        "requirements": [{"type": "assert-last-assigned-field-id", "last-assigned-field-id": meta["last-column-id"]},
                         {"type": "assert-current-schema-id", "current-schema-id": meta["current-schema-id"]}],
        "updates": [{"action": "add-schema", "schema": schema}, {"action": "set-current-schema", "schema-id": -1}]})
    if status not in (200, 409):
        raise RuntimeError(f"add {name}: {status} {answer}")
    return status == 200


def write(args, me, until, log):
    rng = random.Random(args.seed * 100 + me)
    url = args.urls[me % len(args.urls)]
    op = 0
    try:
        while time.time() < until:
            op += 1
            if rng.random() < 0.04:
                name = f"c_{me}_{op}"
                if add_column(url, name):
                    log["columns"].append(name)
                continue
            if rng.random() < 0.05:
                compact(url, log)
                continue
            if rng.random() < 0.04:
                expire(url, log)
                continue
            kind = rng.choice(OPERATIONS)
            text, model = kind(rng, me, op)
            status, answer = sql(url, text)
            if status == 200:
                log["done"].append((answer["snapshot_id"], answer.get("rows_written"), kind.__name__, text, model))
            elif status == 409:
                log["refused"].append((kind.__name__, str(answer)))
            else:
                log["wrong"].append(f"{text}: {status} {answer}")
                return
    except Exception as error:  # a writer that ends early must be seen
        log["wrong"].append(f"writer {me}: {error!r}")


def rows_at(url, snapshot):
    status, answer = sql(url, f"SELECT k, w, op, n FROM w.t FOR VERSION AS OF {snapshot}")
    if status != 200:
        raise SystemExit(f"snapshot {snapshot} cannot be read: {status} {answer}")
    return sorted(tuple(row) for row in answer["rows"])


def history(snapshots, expired, head):
    """Ids from the first to the head, those that were expired with them."""
    parents = {**expired, **{s["snapshot-id"]: s.get("parent-snapshot-id") for s in snapshots}}
    line = []
    while head is not None and head in parents:
        line.append(head)
        head = parents[head]
    return line[::-1]


def check(args, done, columns, expired):
    """Broken promises, as lines."""
    meta = call(args.url, f"/iceberg/v1/namespaces/{SCHEMA}/tables/t")[1]["metadata"]
    snapshots = meta.get("snapshots", [])
    ids = [s["snapshot-id"] for s in snapshots]
    wrong = []
    made = [d for d in done if d[0] is not None]
    by_id = {}
    for d in made:
        # One that changes no row makes no snapshot of its own, and says the one that it read.
        by_id.setdefault(d[0], []).append(d)
    for lost in by_id.keys() - set(ids) - expired.keys():
        wrong.append(f"snapshot {lost} was acknowledged and is lost: {by_id[lost][0][3]}")
    for stray in set(ids) - by_id.keys():
        wrong.append(f"snapshot {stray} is there and nobody was told")
    line = history(snapshots, expired, meta.get("current-snapshot-id"))
    for aside in (set(ids) | expired.keys()) - set(line):
        wrong.append(f"{aside} is not in the history of the newest")
    if [i for i in line if i not in expired] != [i for i in ids if i not in expired]:
        wrong.append("snapshots are not listed in the order of the history")
    ids = line
    model, checked = {}, 0
    every = max(1, len(ids) // args.travels)
    for i, snapshot in enumerate(ids):
        for _, _, kind, text, apply in by_id.get(snapshot, []):
            apply(model)
        if snapshot in expired or (i % every and i != len(ids) - 1):
            continue
        checked += 1
        got, wanted = rows_at(args.urls[checked % len(args.urls)], snapshot), sorted((*row, n) for row, n in model.items())
        if got != wanted:
            lost, extra = sorted(set(wanted) - set(got))[:3], sorted(set(got) - set(wanted))[:3]
            wrong.append(f"snapshot {i} ({snapshot}), after {[d[3] for d in by_id.get(snapshot, [])]}: {len(got)} rows, "
                         f"wanted {len(wanted)}; lost {lost}, too many {extra}")
            break
    names = {f["name"] for s in meta["schemas"] if s["schema-id"] == meta["current-schema-id"] for f in s["fields"]}
    for lost in set(columns) - names:
        wrong.append(f"column {lost} was acknowledged and is lost")
    for stray in names - set(columns) - {"k", "w", "op", "n"}:
        wrong.append(f"column {stray} was refused and is there")
    return wrong, len(ids), checked


def main():
    global SCHEMA
    p = argparse.ArgumentParser()
    p.add_argument("url")
    p.add_argument("--seconds", type=float, default=10)
    p.add_argument("--writers", type=int, default=8)
    p.add_argument("--version", default="2")
    p.add_argument("--mode", default="merge-on-read")
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--schema", default=SCHEMA)
    p.add_argument("--travels", type=int, default=60, help="how many snapshots are read again")
    args = p.parse_args()
    SCHEMA = args.schema
    args.urls = args.url.split(",")
    args.url = args.urls[0]
    sql(args.url, f"CREATE SCHEMA {SCHEMA}")
    modes = ", ".join(f"'write.{verb}.mode' = '{args.mode}'" for verb in ("delete", "update", "merge"))
    status, answer = sql(args.url, "CREATE TABLE w.t (k BIGINT, w BIGINT, op BIGINT, n BIGINT) PARTITIONED BY (bucket(3, k)) "
                         f"WITH ('format-version' = '{args.version}', {modes})")
    if status != 200:
        raise SystemExit(f"create: {status} {answer}")
    logs = [{"done": [], "refused": [], "columns": [], "expired": {}, "wrong": []} for _ in range(args.writers)]
    began = time.time()
    threads = [threading.Thread(target=write, args=(args, i, began + args.seconds, log)) for i, log in enumerate(logs)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    took = time.time() - began
    done = [d for log in logs for d in log["done"]]
    refused = [r for log in logs for r in log["refused"]]
    columns = [c for log in logs for c in log["columns"]]
    wrong = [w for log in logs for w in log["wrong"]]
    expired = {k: v for log in logs for k, v in log["expired"].items()}
    broken, snapshots, checked = check(args, done, columns, expired)
    wrong += broken
    kinds = {d[2] for d in done}
    if "append" not in kinds or not kinds & {"delete", "update", "merge", "overwrite"}:
        wrong.append(f"only {sorted(kinds)} were ever done")
    print(f"format {args.version} {args.mode}: operations {len(done)} snapshots {snapshots} refused {len(refused)} columns {len(columns)} "
          f"compactions {sum(d[2] == 'compact' for d in done)} expired {len(expired)} read again {checked} seconds {took:.1f}")
    for w in wrong[:20]:
        print(w)
    sys.exit(1 if wrong else 0)


main()
