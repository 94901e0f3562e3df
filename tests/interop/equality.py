# SPDX-License-Identifier: Apache-2.0
"""Equality deletes of libfirn read by Spark: equality.py LIBFIRN make DATA writes the tables, equality.py - check URL FIRN compares what
Spark and Firn read, and lets Spark compact them. The last line is "N passed, N failed"."""

import json
import subprocess
import sys
import traceback

SHAPES = [(version, partition) for version in (2, 3) for partition in ("", "bucket(4, id)", "p")]
ROWS = 300


def name_of(version, partition):
    return f"e.v{version}_{partition[:6].strip('(') or 'flat'}"


def make(data):
    import pyarrow as pa
    from libfirn import Lake, Write, Written, byref, call, export

    lake = Lake(data)

    def delta(table, rows, keys):
        r, k, done = rows and export(pa.table(rows)), export(pa.table(keys)), Written()
        options = Write(table=table.encode(), deletes=1)
        call("firn_row_delta", lake.handle, byref(options), r and byref(r), None, byref(k), byref(done))
        return done.rows

    lake.sql("CREATE SCHEMA e")
    for version, partition in SHAPES:
        name = name_of(version, partition)
        by = f"PARTITIONED BY ({partition})" if partition else ""
        lake.sql(f"CREATE TABLE {name} (id BIGINT, name VARCHAR, p INTEGER) {by} WITH ('format-version' = '{version}')")
        lake.sql(f"INSERT INTO {name} SELECT i, CASE WHEN i % 50 = 0 THEN NULL ELSE 'n' || i % 20 END, i % 3 FROM range({ROWS}) r(i)")
        assert delta(name, None, {"id": list(range(0, ROWS, 7))}) == len(range(0, ROWS, 7))
        delta(name, {"id": [1000, 1], "name": ["new", "again"], "p": [1, 1]}, {"id": [1, 1000]})
        delta(name, None, {"p": pa.array([2], pa.int32()), "name": ["n5"]})
        delta(name, None, {"name": pa.array([None, "n6"], pa.string())})
        lake.sql(f"DELETE FROM {name} WHERE id % 11 = 3")
        lake.sql(f"INSERT INTO {name} VALUES (7, 'n6', 2)")
    lake.close()


def firn(url, program, text):
    done = subprocess.run([program, "sql", "--server", url, "-c", text, "--format", "json"], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, f"{text}: {done.stderr}"
    return [tuple(row.values()) for row in json.loads(done.stdout)]


def wanted():
    """The same worked out without either."""
    rows = [(i, None if i % 50 == 0 else f"n{i % 20}", i % 3) for i in range(ROWS) if i % 7 and i != 1]
    rows += [(1000, "new", 1), (1, "again", 1)]
    rows = [r for r in rows if not (r[2] == 2 and r[1] == "n5") and r[1] not in (None, "n6") and r[0] % 11 != 3]
    return sorted(rows + [(7, "n6", 2)], key=str)


def check(url, program):
    from spark import session

    spark = session(url)
    passed = failed = 0
    for shape in SHAPES:
        name = name_of(*shape)
        try:
            for step in ("written by Firn", "compacted by Spark"):
                theirs = sorted((tuple(r) for r in spark.sql(f"SELECT id, name, p FROM firn.{name}").collect()), key=str)
                ours = sorted(firn(url, program, f"SELECT id, name, p FROM {name}"), key=str)
                assert theirs == wanted(), f"{step}: Spark reads {set(theirs) ^ set(wanted())}"[:400]
                assert ours == wanted(), f"{step}: Firn reads {set(ours) ^ set(wanted())}"[:400]
                kinds = [r[0] for r in spark.sql(f"SELECT content FROM firn.{name}.delete_files").collect()]
                assert step != "written by Firn" or kinds.count(2) >= 4, kinds
                spark.sql(f"CALL firn.system.rewrite_data_files(table => '{name}', options => map('rewrite-all', 'true', "
                          "'remove-dangling-deletes', 'true'))")
            passed += 1
            print(f"ok {name}", flush=True)
        except Exception:
            failed += 1
            print(f"FAILED {name}\n{traceback.format_exc()}", flush=True)
    print(f"{passed} passed, {failed} failed")
    sys.exit(failed > 0)


make(sys.argv[3]) if sys.argv[2] == "make" else check(*sys.argv[3:])
