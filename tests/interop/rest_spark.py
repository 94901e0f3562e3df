# SPDX-License-Identifier: Apache-2.0
"""Spark with Iceberg's runtime against the REST catalog of a running server: rest_spark.py URL FIRN.

The last line is "N passed, N failed"."""

import json
import subprocess
import sys
import tempfile
import time
import traceback
import urllib.request

from spark import session

URL, FIRN = sys.argv[1:3]


def post(path, body):
    request = urllib.request.Request(URL + path, json.dumps(body).encode(), {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.loads(answer.read())


post("/api/refs", {"name": "spark/side", "from": "main"})
SPARK = session(URL, {"firn": {"cache-enabled": None}, "side": {"warehouse": "spark/side", "cache-enabled": None}})  # as they come


def run(text):
    return [tuple(row) for row in SPARK.sql(text).collect()]


def firn(text, branch="main"):
    """The rows of a query as Firn sees them."""
    command = [FIRN, "sql", "--server", URL, "--branch", branch, "-c", text, "--format", "json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    return [tuple(row.values()) for row in answer]


def same(table, columns="*", branch="main", catalog="firn"):
    spark = sorted(run(f"SELECT {columns} FROM {catalog}.{table}"), key=str)
    ours = sorted(firn(f"SELECT {columns} FROM {table}", branch), key=str)
    assert spark == ours, f"spark: {spark[:3]}\nfirn: {ours[:3]}"
    return len(ours)


def check_namespaces():
    run("CREATE NAMESPACE sp COMMENT 'of Spark' WITH PROPERTIES (k = 'v')")
    run("CREATE NAMESPACE sp.inner")
    assert ("sp",) in run("SHOW NAMESPACES") and ("sp.inner",) in run("SHOW NAMESPACES IN sp")
    assert any("of Spark" in str(row) for row in run("DESCRIBE NAMESPACE EXTENDED sp"))
    run("DROP NAMESPACE sp.inner")


def check_dml():
    """Copy-on-write in v1 and v2, merge-on-read with position deletes in v2 and with vectors in v3."""
    for name, version, mode in ("v1", 1, "copy-on-write"), ("v2", 2, "copy-on-write"), ("v2d", 2, "merge-on-read"), ("v3", 3, "merge-on-read"):
        table = f"sp.dml_{name}"
        modes = ", ".join(f"'write.{verb}.mode' = '{mode}'" for verb in ("delete", "update", "merge"))
        run(f"CREATE TABLE {table} (id BIGINT, s STRING, n INT) USING iceberg PARTITIONED BY (bucket(4, id)) TBLPROPERTIES ('format-version' = '{version}', {modes})")
        run(f"INSERT INTO {table} SELECT id, concat('s', id), CAST(id % 7 AS INT) FROM range(100)")
        assert same(table) == 100
        run(f"DELETE FROM {table} WHERE id % 10 = 3")
        assert same(table) == 90
        run(f"UPDATE {table} SET s = 'changed' WHERE id < 5")
        assert same(table) == 90
        run(f"MERGE INTO {table} t USING (SELECT id + 95 AS id FROM range(10)) u ON t.id = u.id WHEN MATCHED THEN UPDATE SET s = 'merged' WHEN NOT MATCHED THEN INSERT (id, s, n) VALUES (u.id, 'new', 0)")
        assert same(table) == 95
        assert run(f"SELECT count(*) FROM {table} WHERE s = 'merged'") == [(5,)]
        run(f"INSERT INTO {table} SELECT 1, 'one', 1")
        assert same(table) == 96


def check_tables_as_select():
    run("CREATE TABLE sp.ctas USING iceberg PARTITIONED BY (days(ts)) AS SELECT id, TIMESTAMP '2001-01-01 00:00:00' + make_interval(0, 0, 0, 0, id) AS ts FROM range(50)")
    assert same("sp.ctas", "id") == 50
    run("CREATE OR REPLACE TABLE sp.ctas USING iceberg AS SELECT id FROM range(5)")
    assert same("sp.ctas") == 5
    try:
        run("CREATE TABLE sp.ctas USING iceberg AS SELECT 1 AS id")
    except Exception as error:
        assert "exists" in str(error), error
    else:
        raise AssertionError("a table was made twice")


def check_evolution():
    run("CREATE TABLE sp.evo (id INT, s STRING, st STRUCT<x: INT>) USING iceberg")
    run("INSERT INTO sp.evo VALUES (1, 'a', named_struct('x', 1))")
    for change in (
        "ADD COLUMNS (d DOUBLE COMMENT 'new', st.y STRING)",
        "RENAME COLUMN s TO text",
        "ALTER COLUMN id TYPE BIGINT",
        "ALTER COLUMN d FIRST",
        "SET TBLPROPERTIES ('a' = 'b')",
        "UNSET TBLPROPERTIES ('a')",
        "ADD PARTITION FIELD bucket(4, id)",
        "WRITE ORDERED BY id",
    ):
        run(f"ALTER TABLE sp.evo {change}")
    run("INSERT INTO sp.evo SELECT 0.5, id, 'new', named_struct('x', 1, 'y', 'z') FROM range(10)")
    assert same("sp.evo", "id, d, text, st.x, st.y") == 11
    run("ALTER TABLE sp.evo DROP COLUMN d")
    assert same("sp.evo", "id, text") == 11


def check_refs_and_time_travel():
    run("CREATE TABLE sp.refs (id INT) USING iceberg")
    run("INSERT INTO sp.refs VALUES (1)")
    run("ALTER TABLE sp.refs CREATE TAG first")
    run("ALTER TABLE sp.refs CREATE BRANCH side")
    run("INSERT INTO sp.refs.branch_side VALUES (2), (3)")
    run("INSERT INTO sp.refs VALUES (4)")
    assert len(run("SELECT * FROM sp.refs VERSION AS OF 'first'")) == 1
    assert firn("SELECT count(*) FROM sp.refs FOR VERSION AS OF 'side'") == [(3,)]
    run("ALTER TABLE sp.refs DROP TAG first")
    assert same("sp.refs") == 2


def check_procedures():
    run("CREATE TABLE sp.proc (id INT) USING iceberg")
    for i in range(6):
        run(f"INSERT INTO sp.proc VALUES ({i})")
    assert run("CALL firn.system.rewrite_data_files(table => 'sp.proc', options => map('min-input-files', '2'))")[0][0] == 6
    assert run("CALL firn.system.rewrite_manifests('sp.proc')")
    run("CALL firn.system.expire_snapshots(table => 'sp.proc', older_than => TIMESTAMP '2100-01-01 00:00:00', retain_last => 1)")
    assert run("SELECT count(*) FROM sp.proc.snapshots") == [(1,)]
    assert same("sp.proc") == 6
    first = run("SELECT snapshot_id FROM sp.proc.snapshots")[0][0]
    run("INSERT INTO sp.proc VALUES (100)")
    run(f"CALL firn.system.rollback_to_snapshot('sp.proc', {first})")
    assert same("sp.proc") == 6


def check_names():
    run("CREATE TABLE sp.one (id INT) USING iceberg")
    assert any(row[1] == "one" for row in run("SHOW TABLES IN sp"))
    run("ALTER TABLE sp.one RENAME TO sp.two")
    assert run("SELECT count(*) FROM sp.two") == [(0,)]
    location = run("SELECT file FROM sp.two.metadata_log_entries ORDER BY timestamp DESC LIMIT 1")[0][0]
    run("DROP TABLE sp.two")
    run(f"CALL firn.system.register_table('sp.three', '{location}')")
    assert same("sp.three") == 0
    run("DROP TABLE sp.three PURGE")


def check_views():
    run("CREATE NAMESPACE sv")
    run("CREATE TABLE sv.t (id BIGINT, s STRING) USING iceberg")
    run("INSERT INTO sv.t VALUES (1, 'a'), (2, 'b'), (3, 'b')")
    run("CREATE VIEW sv.v (n COMMENT 'how many', s) COMMENT 'by s' TBLPROPERTIES ('k' = 'v') AS SELECT count(*), s FROM sv.t GROUP BY s")
    assert sorted(run("SELECT s, n FROM sv.v")) == [("a", 1), ("b", 2)]
    assert [row[1] for row in run("SHOW VIEWS IN sv")] == ["v"]
    assert [row[1] for row in run("SHOW TABLES IN sv")] == ["t"]
    run("CREATE OR REPLACE VIEW sv.v AS SELECT id FROM sv.t WHERE id > 1")
    assert sorted(run("SELECT * FROM sv.v")) == [(2,), (3,)]
    run("ALTER VIEW sv.v SET TBLPROPERTIES ('k2' = 'v2')")
    assert ("k2", "v2") in run("SHOW TBLPROPERTIES sv.v")
    run("ALTER VIEW sv.v UNSET TBLPROPERTIES ('k2')")
    run("CREATE OR REPLACE VIEW sv.v AS SELECT id FROM sv.t WHERE id = 3")
    assert run("SELECT * FROM sv.v") == firn("SELECT * FROM sv.v") == [(3,)]
    run("CREATE VIEW IF NOT EXISTS sv.v AS SELECT 1 AS one")
    for text, words in [
        ("CREATE VIEW sv.v AS SELECT 1 AS one", "already exists"),
        ("CREATE VIEW sv.t AS SELECT 1 AS one", "already exists"),
        ("CREATE TABLE sv.v (id INT) USING iceberg", "already exists"),
        ("SELECT * FROM sv.nothing", "cannot be found"),
    ]:
        try:
            run(text)
        except Exception as error:
            assert words in str(error), (text, str(error)[:300])
        else:
            raise AssertionError(text)
    run("ALTER VIEW sv.v RENAME TO sv.w")
    assert run("SELECT * FROM sv.w") == [(3,)]
    run("DROP VIEW sv.w")
    assert run("SHOW VIEWS IN sv") == []


def check_table_anywhere():
    """Without credentials a table may lie where Spark says."""
    with tempfile.TemporaryDirectory() as folder:
        run(f"CREATE TABLE sp.far (id INT) USING iceberg LOCATION 'file://{folder}/far' TBLPROPERTIES ('format-version' = '3')")
        run("INSERT INTO sp.far VALUES (1), (2)")
        run("DELETE FROM sp.far WHERE id = 1")
        assert same("sp.far") == 1
        run("DROP TABLE sp.far")


def check_branch_of_the_catalog():
    run("CREATE NAMESPACE side.spb")
    run("CREATE TABLE side.spb.t (id INT) USING iceberg")
    run("INSERT INTO side.spb.t VALUES (1), (2)")
    assert ("spb",) not in run("SHOW NAMESPACES")
    assert same("spb.t", branch="spark/side", catalog="side") == 2
    assert post("/api/merge", {"from": "spark/side", "into": "main"})["applied"]
    assert same("spb.t") == 2


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
