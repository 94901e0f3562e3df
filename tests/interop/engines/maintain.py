#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Each of Spark's and Firn's maintenance procedures on tables that the other wrote, in formats 2 and 3, partitioned and not: after each
both read the same rows, and those are what they were before; so are those of a tag, and in format 3 the ids of the rows. Then the
procedures that move a table among its snapshots.

    maintain.py URL [--only WORD]
"""
import argparse
import json
import os
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import spark

FORM = argparse.ArgumentParser()
FORM.add_argument("url")
FORM.add_argument("--only", default="")
ARGS = FORM.parse_args()
passed = failed = 0


class Firn:
    name = "firn"

    def run(self, text):
        body = json.dumps({"sql": text}).encode()
        request = urllib.request.Request(f"{ARGS.url}/api/sql", body, {"Content-Type": "application/json"})
        try:
            with urllib.request.urlopen(request) as answer:
                return json.load(answer).get("rows", [])
        except urllib.error.HTTPError as e:
            raise RuntimeError(e.read().decode()) from None

    def create(self, table, version, partitioned):
        self.run(f"CREATE TABLE {table} (id BIGINT, name VARCHAR, p INTEGER) {'PARTITIONED BY (p)' if partitioned else ''} WITH ("
                 f"'format-version' = '{version}', 'write.delete.mode' = 'merge-on-read', 'write.update.mode' = 'merge-on-read')")

    def call(self, text):
        return self.run(f"CALL system.{text}")


    def stage(self, table, values):
        self.run(f"SET spark.wap.id = 'audit'; INSERT INTO {table} VALUES {values}; RESET spark.wap.id")


class Spark:
    name = "spark"

    def __init__(self):
        self.spark = spark.session(ARGS.url, cores=1)

    def run(self, text):
        return [list(row) for row in self.spark.sql(text).collect()]

    def create(self, table, version, partitioned):
        self.run(f"CREATE TABLE {table} (id BIGINT, name STRING, p INT) {'PARTITIONED BY (p)' if partitioned else ''} TBLPROPERTIES ("
                 f"'format-version' = '{version}', 'write.delete.mode' = 'merge-on-read', 'write.update.mode' = 'merge-on-read')")

    def call(self, text):
        return self.run(f"CALL firn.system.{text}")

    def stage(self, table, values):
        for text in "SET spark.wap.id = audit", f"INSERT INTO {table} VALUES {values}", "RESET spark.wap.id":
            self.run(text)


def check(name, ok, more=""):
    global passed, failed
    if ok:
        passed += 1
    else:
        failed += 1
        print(f"FAILED {name} {more}"[:600], flush=True)


def rows_of(engine, table, version=2):
    """The rows and their ids, and the rows of the tag."""
    columns = "id, name, p" + (", _row_id" if version == 3 else "")
    of_tag = f"SELECT id, name, p FROM {table} {'FOR ' * (engine.name == 'firn')}VERSION AS OF 'kept'"
    return [sorted(list(r) for r in engine.run(text)) for text in (f"SELECT {columns} FROM {table}", of_tag)]


def fill(writer, table):
    for i in range(6):
        values = ", ".join(f"({i * 10 + k}, 'n{i * 10 + k}', {k % 2})" for k in range(10))
        writer.run(f"INSERT INTO {table} VALUES {values}")
    writer.run(f"ALTER TABLE {table} CREATE TAG kept")
    for i in range(3):
        writer.run(f"DELETE FROM {table} WHERE id IN ({i}, {i + 10}, {i + 21})")
    writer.run(f"UPDATE {table} SET name = 'new' WHERE id = 37")


def folder_of(firn, table):
    space, name = table.split(".")
    files = firn.run(f'SELECT file_path FROM {space}."{name}$files" LIMIT 1')
    path = files[0][0]
    path = path[5:] if path.startswith("file:") else path
    return path[: path.rindex("/data/")]


# What is called, and what must hold of the answer's first row.
STEPS = [
    ("rewrite_position_delete_files(table => '{t}', options => map('rewrite-all', 'true'))", None),
    ("rewrite_manifests('{t}')", None),
    ("rewrite_data_files(table => '{t}', strategy => 'sort', sort_order => 'name DESC NULLS LAST, id', options => map('rewrite-all', 'true'))",
     lambda row: row[0] > 1),
    ("rewrite_data_files(table => '{t}', strategy => 'sort', sort_order => 'zorder(id, name)', options => map('rewrite-all', 'true', 'remove-dangling-deletes', 'true'))",
     lambda row: row[0] >= 1),
    ("compute_table_stats(table => '{t}')", lambda row: str(row[0]).endswith((".puffin", ".stats"))),
    ("compute_partition_stats(table => '{t}')", None),
    ("expire_snapshots(table => '{t}', older_than => TIMESTAMP '2100-01-01 00:00:00', retain_last => 1)", None),
]


def orphans(keeper, firn, table):
    stray = f"{folder_of(firn, table)}/data/stray.parquet"
    with open(stray, "w") as f:
        f.write("rows")
    old = time.time() - 10 * 86400
    os.utime(stray, (old, old))
    answer = keeper.call(f"remove_orphan_files(table => '{table}')")
    check(f"{keeper.name}: orphans of {table}", [a[0].removeprefix("file:").replace("//", "/") for a in answer] == [stray], str(answer))
    check(f"{keeper.name}: the orphan of {table} is gone", not os.path.exists(stray))


def keep(writer, keeper, firn, spark, version, partitioned):
    table = f"s.{writer.name}_{version}_{'parts' if partitioned else 'plain'}"
    if ARGS.only not in table:
        return
    writer.create(table, version, partitioned)
    fill(writer, table)
    before = rows_of(firn, table, version)
    check(f"{table}: both read it", before == rows_of(spark, table, version), str((before, rows_of(spark, table, version))))
    for text, holds in STEPS:
        if "partition_stats" in text and not partitioned:
            continue  # both refuse it
        name = f"{keeper.name}: {text.format(t=table)}"
        try:
            answer = keeper.call(text.format(t=table))
            check(name, holds is None or holds(answer[0]), str(answer))
        except Exception as e:  # one that fails must not hide the others
            check(name, False, str(e))
        for side in firn, spark:
            check(f"{name}: {side.name}'s rows", rows_of(side, table, version) == before)
    orphans(keeper, firn, table)
    check(f"{table}: rows in the end", rows_of(spark, table, version) == before == rows_of(firn, table, version))
    for side in writer, keeper:
        side.run(f"DELETE FROM {table} WHERE id = {before[0].pop(7)[0]}")
        check(f"{table}: {side.name} writes to it", rows_of(spark, table, version) == before == rows_of(firn, table, version))


def move(writer, mover, firn, spark):
    """Snapshots of one are made current, taken over and published by the other."""
    table = f"s.moved_by_{mover.name}"
    if ARGS.only not in table:
        return
    writer.create(table, 2, False)
    for i in range(4):
        writer.run(f"INSERT INTO {table} VALUES ({i}, 'n', 0)")
    made = firn.run(f"SELECT snapshot_id, strftime(committed_at, '%Y-%m-%d %H:%M:%S.%g') FROM {table}.snapshots ORDER BY committed_at")
    ids = [row[0] for row in made]

    def moved(text, wanted):
        try:
            answer = mover.call(text)
        except Exception as e:
            return check(f"{mover.name}: {text}", False, str(e))
        for side in firn, spark:
            check(f"{mover.name}: {text}: {side.name}'s rows", sorted(r[0] for r in side.run(f"SELECT id FROM {table}")) == wanted, str(answer))
        return answer

    moved(f"set_current_snapshot('{table}', {ids[1]})", [0, 1])
    moved(f"cherrypick_snapshot('{table}', {ids[2]})", [0, 1, 2])
    moved(f"cherrypick_snapshot('{table}', {ids[3]})", [0, 1, 2, 3])
    moved(f"rollback_to_snapshot('{table}', {ids[0]})", [0])
    moved(f"set_current_snapshot('{table}', {ids[3]})", [0, 1, 2, 3])
    moved(f"rollback_to_timestamp('{table}', TIMESTAMP '{made[3][1]}')", [0, 1, 2])
    ancestors = moved(f"ancestors_of('{table}')", [0, 1, 2])
    check(f"{mover.name}: ancestors", [row[0] for row in ancestors or []] == ids[2::-1], str(ancestors))
    writer.run(f"ALTER TABLE {table} CREATE BRANCH side")
    writer.run(f"INSERT INTO {table}.branch_side VALUES (9, 'n', 0)")
    moved(f"fast_forward('{table}', 'main', 'side')", [0, 1, 2, 9])
    writer.run(f"ALTER TABLE {table} SET TBLPROPERTIES ('write.wap.enabled' = 'true')")
    writer.stage(table, "(10, 'n', 0)")
    check(f"{mover.name}: what is staged is not there", len(spark.run(f"SELECT id FROM {table}")) == 4)
    moved(f"publish_changes('{table}', 'audit')", [0, 1, 2, 9, 10])


def main():
    firn, spark = Firn(), Spark()
    firn.run("CREATE SCHEMA s")
    for version, partitioned in ((v, p) for v in (2, 3) for p in (False, True)):
        keep(firn, spark, firn, spark, version, partitioned)
        keep(spark, firn, firn, spark, version, partitioned)
    move(firn, spark, firn, spark)
    move(spark, firn, firn, spark)
    print(f"{passed} passed, {failed} failed")
    return failed != 0


raise SystemExit(main())
