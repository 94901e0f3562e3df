# SPDX-License-Identifier: Apache-2.0
"""DuckDB's iceberg extension against the REST catalog of a running server: rest_duckdb.py URL FIRN.

The last line is "N passed, N failed"."""

import glob
import json
import subprocess
import sys
import time
import traceback

import duckdb

URL, FIRN = sys.argv[1:3]


def attach():
    con = duckdb.connect(config={"allow_unsigned_extensions": "true"})
    for name in "httpfs", "avro", "iceberg":
        pattern = f"{sys.prefix}/lib/python*/site-packages/duckdb_extension_{name}/extensions/*/{name}.duckdb_extension"
        con.execute(f"LOAD '{glob.glob(pattern)[0]}'")
    con.execute(f"ATTACH '' AS firn (TYPE iceberg, ENDPOINT '{URL}/iceberg', AUTHORIZATION_TYPE 'none')")
    return con


CON = attach()


def run(text):
    return CON.execute(text).fetchall()


def firn(text):
    """The rows of a query as Firn sees them."""
    done = subprocess.run([FIRN, "sql", "--server", URL, "-c", text, "--format", "json"], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return [tuple(row.values()) for row in json.loads(done.stdout)]


def same(table, columns):
    """Both sides see the same rows; gives their number."""
    query = f"SELECT {columns} FROM %s{table} ORDER BY ALL"
    theirs, ours = run(query % "firn."), firn(query % "")
    assert theirs == ours, f"duckdb: {theirs[:3]}\nfirn: {ours[:3]}"
    return len(ours)


def check_tables():
    run("CREATE SCHEMA firn.d")
    run("CREATE TABLE firn.d.t (id BIGINT, s VARCHAR, day DATE)")
    run("INSERT INTO firn.d.t SELECT i, 'x' || i, DATE '2001-01-01' + i::INT FROM range(10) r(i)")
    assert same("d.t", "id, s") == 10
    run("DELETE FROM firn.d.t WHERE id < 3")
    run("UPDATE firn.d.t SET s = 'y' WHERE id = 5")
    assert same("d.t", "id, s") == 7
    assert run("SELECT s FROM firn.d.t WHERE id = 5") == [("y",)]


def check_transactions():
    run("BEGIN")
    run("INSERT INTO firn.d.t VALUES (100, 'z', NULL)")
    run("INSERT INTO firn.d.t VALUES (101, 'z', NULL)")
    assert firn("SELECT count(*) AS n FROM d.t") == [(7,)]
    run("COMMIT")
    assert same("d.t", "id, s") == 9
    run("BEGIN")
    run("INSERT INTO firn.d.t VALUES (102, 'z', NULL)")
    run("ROLLBACK")
    assert same("d.t", "id, s") == 9


def check_format_version_3():
    run("CREATE TABLE firn.d.v3 WITH ('format-version' = 3) AS SELECT i AS id FROM range(50) r(i)")
    run("DELETE FROM firn.d.v3 WHERE id % 7 = 2")
    assert same("d.v3", "id") == 43


def check_evolution():
    run("ALTER TABLE firn.d.t ADD COLUMN n INTEGER")
    run("INSERT INTO firn.d.t VALUES (200, 'n', NULL, 7)")
    assert same("d.t", "id, n") == 10


def check_tables_of_firn():
    subprocess.run([FIRN, "sql", "--server", URL, "-c", "CREATE TABLE d.ours AS SELECT i AS id, 'o' || i AS s FROM range(0, 20) r(i)"], check=True, timeout=60)
    assert same("d.ours", "id, s") == 20
    run("INSERT INTO firn.d.ours VALUES (20, 'theirs')")
    assert same("d.ours", "id, s") == 21


def check_listing_and_dropping():
    assert {row[2] for row in run("SHOW ALL TABLES") if row[0] == "firn"} == {"t", "v3", "ours"}
    for table in "t", "v3", "ours":
        run(f"DROP TABLE firn.d.{table}")
    run("DROP SCHEMA firn.d")


def main():
    failed = passed = 0
    for name, check in [(k, v) for k, v in globals().items() if k.startswith("check_")]:
        begin = time.monotonic()
        try:
            check()
            passed += 1
            print(f"ok {name[6:]} ({time.monotonic() - begin:.1f} s)", flush=True)
        except Exception:
            failed += 1
            print(f"FAILED {name[6:]}", flush=True)
            traceback.print_exc(limit=-2)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
