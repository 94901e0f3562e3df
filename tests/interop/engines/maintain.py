#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Each of Spark's and Firn's maintenance procedures on tables that the other wrote: after each both read the same rows, and those are
what they were before.

    maintain.py URL --jar JAR [--only WORD] [--all]
"""
import argparse
import json
import os
import time
import urllib.request

FORM = argparse.ArgumentParser()
FORM.add_argument("url")
FORM.add_argument("--jar", required=True)
FORM.add_argument("--only", default="")
FORM.add_argument("--all", action="store_true", help="each partitioning in each version")
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


class Spark:
    name = "spark"

    def __init__(self):
        from pyspark.sql import SparkSession

        at = "spark.sql.catalog.firn"
        conf = {
            "spark.jars": ARGS.jar,
            "spark.sql.extensions": "org.apache.iceberg.spark.extensions.IcebergSparkSessionExtensions",
            "spark.sql.defaultCatalog": "firn",
            at: "org.apache.iceberg.spark.SparkCatalog",
            f"{at}.type": "rest",
            f"{at}.uri": f"{ARGS.url}/iceberg",
            f"{at}.cache-enabled": "false",
            "spark.driver.bindAddress": "127.0.0.1",
            "spark.driver.host": "127.0.0.1",
            "spark.ui.enabled": "false",
            "spark.ui.showConsoleProgress": "false",
            "spark.driver.memory": "2g",
            "spark.sql.shuffle.partitions": "1",
            "spark.sql.session.timeZone": "UTC",
        }
        builder = SparkSession.builder.master("local[1]").appName("firn")
        for key, value in conf.items():
            builder = builder.config(key, value)
        self.spark = builder.getOrCreate()
        self.spark.sparkContext.setLogLevel("ERROR")

    def run(self, text):
        return [list(row) for row in self.spark.sql(text).collect()]

    def create(self, table, version, partitioned):
        self.run(f"CREATE TABLE {table} (id BIGINT, name STRING, p INT) {'PARTITIONED BY (p)' if partitioned else ''} TBLPROPERTIES ("
                 f"'format-version' = '{version}', 'write.delete.mode' = 'merge-on-read', 'write.update.mode' = 'merge-on-read')")

    def call(self, text):
        return self.run(f"CALL firn.system.{text}")


def check(name, ok, more=""):
    global passed, failed
    if ok:
        passed += 1
    else:
        failed += 1
        print(f"FAILED {name} {more}"[:600], flush=True)


def rows_of(engine, table):
    return sorted([list(r) for r in engine.run(f"SELECT id, name, p FROM {table}")])


def fill(writer, table):
    for i in range(6):
        values = ", ".join(f"({i * 10 + k}, 'n{i * 10 + k}', {k % 2})" for k in range(10))
        writer.run(f"INSERT INTO {table} VALUES {values}")
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
    before = rows_of(firn, table)
    check(f"{table}: both read it", before == rows_of(spark, table))
    for text, holds in STEPS:
        name = f"{keeper.name}: {text.format(t=table)}"
        try:
            answer = keeper.call(text.format(t=table))
            check(name, holds is None or holds(answer[0]), str(answer))
        except Exception as e:  # one that fails must not hide the others
            check(name, False, str(e))
        check(f"{name}: Firn's rows", rows_of(firn, table) == before)
        check(f"{name}: Spark's rows", rows_of(spark, table) == before)
    orphans(keeper, firn, table)
    check(f"{table}: rows in the end", rows_of(spark, table) == before and rows_of(firn, table) == before)
    writer.run(f"DELETE FROM {table} WHERE id = 5")
    check(f"{table}: it is written to", len(rows_of(spark, table)) == len(before) - 1 == len(rows_of(firn, table)))


def main():
    firn, spark = Firn(), Spark()
    firn.run("CREATE SCHEMA s")
    for version, partitioned in ((2, True), (3, False)) if not ARGS.all else ((v, p) for v in (2, 3) for p in (False, True)):
        keep(firn, spark, firn, spark, version, partitioned)
        keep(spark, firn, firn, spark, version, partitioned)
    print(f"{passed} passed, {failed} failed")
    return failed != 0


raise SystemExit(main())
