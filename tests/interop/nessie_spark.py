# SPDX-License-Identifier: Apache-2.0
"""Spark through Iceberg's NessieCatalog on main and on a branch of a running server: nessie_spark.py URL FIRN WAREHOUSE.

The last line is "N passed, N failed"."""

import json
import logging
import subprocess
import sys
import traceback
import urllib.error
import urllib.request

from spark import session

URL, FIRN, WAREHOUSE = sys.argv[1:4]
API = URL + "/nessie/api/v2"


def call(method, path, body=None):
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(URL + path, data, {"Content-Type": "application/json"}, method=method)
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.loads(answer.read())


def nessie(ref):
    return {"type": None, "catalog-impl": "org.apache.iceberg.nessie.NessieCatalog", "uri": API, "ref": ref, "warehouse": WAREHOUSE}


SPARK = session(URL, {"firn": nessie("main"), "dev": nessie("dev"), "rest": {}})
logging.getLogger("SQLQueryContextLogger").setLevel(logging.CRITICAL + 1)
SPARK.sparkContext.setLogLevel("ERROR")


def run(text):
    return [tuple(row) for row in SPARK.sql(text).collect()]


def fails(text, words):
    try:
        run(text)
    except Exception as error:  # whatever Spark wraps it in
        assert words.lower() in str(error).lower(), str(error)[:400]
        return
    raise AssertionError(f"{text} did not fail")


def firn(text, branch="main"):
    command = [FIRN, "sql", "--server", URL, "--branch", branch, "-c", text, "--format", "json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return [tuple(row.values()) for row in json.loads(done.stdout)]


def namespaces():
    run("CREATE NAMESPACE a WITH PROPERTIES ('owned-by' = 'tests')")
    run("CREATE NAMESPACE a.inner")
    assert run("SHOW NAMESPACES") == [("a",)], run("SHOW NAMESPACES")
    assert run("SHOW NAMESPACES IN a") == [("a.inner",)], run("SHOW NAMESPACES IN a")
    run("ALTER NAMESPACE a SET PROPERTIES ('more' = 'yes')")
    assert "more" in str(run("DESCRIBE NAMESPACE EXTENDED a"))
    fails("CREATE NAMESPACE a", "already exists")
    run("DROP NAMESPACE a.inner")
    assert run("SHOW NAMESPACES IN a") == []


def tables_on_main():
    run("CREATE TABLE a.t (id bigint, name string) USING iceberg PARTITIONED BY (bucket(4, id))")
    run("INSERT INTO a.t VALUES (1, 'one'), (2, 'two')")
    run("INSERT INTO a.t VALUES (3, 'three')")
    assert run("SELECT * FROM a.t ORDER BY id") == [(1, "one"), (2, "two"), (3, "three")]
    assert firn("SELECT count(*), max(id) FROM a.t") == [(3, 3)]
    assert run("SELECT count(*) FROM rest.a.t") == [(3,)]
    assert run("SHOW TABLES IN a") == [("a", "t", False)]


def evolution_and_dml():
    run("ALTER TABLE a.t ADD COLUMN score double")
    run("UPDATE a.t SET score = 1.5 WHERE id = 1")
    run("DELETE FROM a.t WHERE id = 2")
    run("MERGE INTO a.t USING (SELECT 3 AS id, 'drei' AS name) s ON a.t.id = s.id WHEN MATCHED THEN UPDATE SET name = s.name")
    assert run("SELECT id, name, score FROM a.t ORDER BY id") == [(1, "one", 1.5), (3, "drei", None)]
    run("ALTER TABLE a.t SET TBLPROPERTIES ('k' = 'v')")
    assert firn("SELECT id, name FROM a.t ORDER BY id") == [(1, "one"), (3, "drei")]


def branch_apart():
    call("POST", "/nessie/api/v2/trees?name=dev&type=BRANCH", {"type": "BRANCH", "name": "main"})
    run("INSERT INTO dev.a.t VALUES (10, 'ten', 0.5)")
    run("CREATE TABLE dev.a.only_dev (x int) USING iceberg")
    run("INSERT INTO dev.a.only_dev VALUES (7)")
    assert run("SELECT count(*) FROM dev.a.t") == [(3,)]
    assert run("SELECT count(*) FROM a.t") == [(2,)]
    fails("SELECT * FROM a.only_dev", "not")
    assert firn("SELECT count(*) FROM a.t", "dev") == [(3,)]


def pinned():
    head = call("GET", "/nessie/api/v2/trees/main")["reference"]["hash"]
    run("INSERT INTO a.t VALUES (4, 'four', 0.25)")
    assert firn("SELECT count(*) FROM a.t", "main@" + head) == [(2,)]
    assert run(f"SELECT count(*) FROM a.`t@main#{head}`") == [(2,)]
    assert run("SELECT count(*) FROM a.t") == [(3,)]


def merge_appends():
    body = {"fromRefName": "dev", "fromHash": call("GET", "/nessie/api/v2/trees/dev")["reference"]["hash"]}
    done = call("POST", "/nessie/api/v2/trees/main/history/merge", body)
    assert done["wasApplied"] and done["wasSuccessful"], done
    assert run("SELECT id FROM a.t ORDER BY id") == [(1,), (3,), (4,), (10,)]
    assert run("SELECT x FROM a.only_dev") == [(7,)]
    run("INSERT INTO a.t VALUES (5, 'five', NULL)")
    assert run("SELECT count(*) FROM a.t") == [(5,)]


def rest_and_nessie_are_one():
    run("INSERT INTO rest.a.t VALUES (6, 'six', NULL)")
    run("INSERT INTO a.t VALUES (7, 'seven', NULL)")
    assert run("SELECT count(*) FROM rest.a.t") == [(7,)]


def rename_drop_and_purge():
    run("ALTER TABLE a.only_dev RENAME TO a.renamed")
    assert run("SELECT x FROM a.renamed") == [(7,)]
    fails("SELECT * FROM a.only_dev", "not")
    fails("DROP NAMESPACE a", "not empty")
    run("DROP TABLE a.renamed")
    assert run("SHOW TABLES IN a") == [("a", "t", False)]
    assert run("SELECT x FROM dev.a.only_dev") == [(7,)]


def replace_and_procedures():
    run("CREATE OR REPLACE TABLE a.r USING iceberg AS SELECT id, name FROM a.t")
    run("CREATE OR REPLACE TABLE a.r USING iceberg AS SELECT id FROM a.t WHERE id < 5")
    assert run("SELECT count(*) FROM a.r") == [(3,)]
    run("CALL firn.system.rewrite_data_files(table => 'a.t', options => map('rewrite-all', 'true'))")
    assert run("SELECT count(*) FROM a.t") == [(7,)]
    assert firn("SELECT count(*) FROM a.t") == [(7,)]


def views():
    run("CREATE VIEW a.v AS SELECT id FROM a.t WHERE id > 5")
    assert run("SELECT count(*) FROM a.v") == [(3,)]
    assert ("a", "v", False) in run("SHOW VIEWS IN a")
    run("CREATE OR REPLACE VIEW a.v AS SELECT id FROM a.t WHERE id > 6")
    assert run("SELECT count(*) FROM a.v") == [(2,)]
    run("DROP VIEW a.v")


CASES = [
    namespaces,
    tables_on_main,
    evolution_and_dml,
    branch_apart,
    pinned,
    merge_appends,
    rest_and_nessie_are_one,
    rename_drop_and_purge,
    replace_and_procedures,
    views,
]
passed = failed = 0
for case in CASES:
    try:
        case()
        passed += 1
        print(f"ok {case.__name__}", flush=True)
    except Exception:
        failed += 1
        print(f"FAILED {case.__name__}\n{traceback.format_exc()[-3000:]}", flush=True)
SPARK.stop()
print(f"{passed} passed, {failed} failed")
sys.exit(failed > 0)
