# SPDX-License-Identifier: Apache-2.0
"""What a Trino user does on Firn's catalog, statement by statement; each row is a check.  Arguments: Trino's port, Firn's URL, the program."""
import json
import subprocess
import sys
import urllib.request

import trino

PORT, URL, FIRN = int(sys.argv[1]), sys.argv[2], sys.argv[3]
passed = failed = 0


def run(sql, catalog="lake", schema="t"):
    connection = trino.dbapi.connect(host="127.0.0.1", port=PORT, user="test", catalog=catalog, schema=schema)
    cursor = connection.cursor()
    cursor.execute(sql)
    return [list(row) for row in cursor.fetchall()]


def check(name, got, wanted):
    global passed, failed
    if got == wanted:
        passed += 1
    else:
        failed += 1
        print(f"FAILED {name}\n    got:    {got}\n    wanted: {wanted}")


def step(name, sql, wanted=None, **where):
    """Runs a statement; with `wanted` its rows must be these."""
    global passed, failed
    try:
        rows = run(sql, **where)
    except Exception as e:  # whatever Trino says is the finding
        failed += 1
        print(f"FAILED {name}\n    {sql}\n    {str(e)[:600]}")
        return None
    if wanted is None:
        passed += 1
    else:
        check(name, rows, wanted)
    return rows


def refused(name, sql, words, **where):
    global passed, failed
    try:
        run(sql, **where)
    except Exception as e:
        if words.lower() in str(e).lower():
            passed += 1
        else:
            failed += 1
            print(f"FAILED {name}\n    \"{words}\" is not in: {str(e)[:400]}")
        return
    failed += 1
    print(f"FAILED {name}: it was not refused")


def firn(method, path, body=None):
    request = urllib.request.Request(URL + path, method=method,
                                     data=json.dumps(body).encode() if body is not None else None,
                                     headers={"Content-Type": "application/json"})
    with urllib.request.urlopen(request) as answer:
        return json.loads(answer.read() or b"null")


def firn_rows(sql, branch="main"):
    return firn("POST", "/api/sql", {"sql": sql, "branch": branch}).get("rows")


step("schema", "CREATE SCHEMA lake.t", schema=None)
step("schemas", "SHOW SCHEMAS FROM lake LIKE 't'", [["t"]], schema=None)
refused("the schema is there", "CREATE SCHEMA lake.t", "already exists", schema=None)

for version in (1, 2):
    t = f"v{version}"
    step(f"{t} create", f"""CREATE TABLE {t} (id bigint, name varchar, price decimal(10,2), day date, at timestamp(6),
        seen timestamp(6) with time zone, ok boolean, x double, r real, i integer, u uuid, b varbinary,
        tags array(varchar), attrs map(varchar, integer), place row(lat double, lon double))
        WITH (format = 'PARQUET', format_version = {version}, partitioning = ARRAY['month(day)', 'bucket(id, 4)'])""")
    step(f"{t} insert", f"""INSERT INTO {t} VALUES
        (1, 'a', 1.50, DATE '2024-01-05', TIMESTAMP '2024-01-05 10:00:00.123456', TIMESTAMP '2024-01-05 10:00:00 UTC', true, 1.5e0, REAL '2.5', 7,
         UUID '12345678-1234-1234-1234-123456789012', X'00ff', ARRAY['p','q'], MAP(ARRAY['k'], ARRAY[1]), ROW(1.0e0, 2.0e0)),
        (2, NULL, NULL, DATE '2024-02-05', NULL, NULL, NULL, nan(), NULL, NULL, NULL, NULL, ARRAY[], NULL, NULL),
        (3, 'c', 3.00, NULL, NULL, NULL, false, -1e0, NULL, 9, NULL, NULL, NULL, NULL, ROW(NULL, 4.0e0))""")
    step(f"{t} read", f"SELECT id, name, CAST(price AS varchar), CAST(day AS varchar), tags, attrs, place.lon FROM {t} ORDER BY id",
         [[1, "a", "1.50", "2024-01-05", ["p", "q"], {"k": 1}, 2.0], [2, None, None, "2024-02-05", [], None, None], [3, "c", "3.00", None, None, None, 4.0]])
    step(f"{t} pruned", f"SELECT id FROM {t} WHERE day >= DATE '2024-02-01'", [[2]])
    check(f"{t} by Firn", firn_rows(f"SELECT id, name, price::VARCHAR, day::VARCHAR, place.lon FROM t.{t} ORDER BY id"),
          [[1, "a", "1.50", "2024-01-05", 2.0], [2, None, None, "2024-02-05", None], [3, "c", "3.00", None, 4.0]])
    step(f"{t} add column", f"ALTER TABLE {t} ADD COLUMN extra bigint")
    step(f"{t} rename column", f"ALTER TABLE {t} RENAME COLUMN name TO label")
    step(f"{t} drop column", f"ALTER TABLE {t} DROP COLUMN u")
    step(f"{t} widen", f"ALTER TABLE {t} ALTER COLUMN i SET DATA TYPE bigint")
    step(f"{t} after evolution", f"SELECT id, label, extra, i FROM {t} ORDER BY id", [[1, "a", None, 7], [2, None, None, None], [3, "c", None, 9]])
    step(f"{t} new partitioning", f"ALTER TABLE {t} SET PROPERTIES partitioning = ARRAY['truncate(label, 1)']")
    step(f"{t} insert later", f"INSERT INTO {t} (id, label, extra) VALUES (4, 'dd', 40)")
    step(f"{t} comment", f"COMMENT ON TABLE {t} IS 'what Trino made'")
    step(f"{t} count", f"SELECT count(*), max(extra) FROM {t}", [[4, 40]])
    check(f"{t} evolved, by Firn", firn_rows(f"SELECT id, label, extra FROM t.{t} ORDER BY id"), [[1, "a", None], [2, None, None], [3, "c", None], [4, "dd", 40]])

step("ctas", "CREATE TABLE nation WITH (partitioning = ARRAY['regionkey']) AS SELECT * FROM tpch.tiny.nation")
step("ctas rows", "SELECT count(*), sum(nationkey) FROM nation", [[25, 300]])
step("delete whole partitions", "DELETE FROM nation WHERE regionkey = 0")
step("delete rows", "DELETE FROM nation WHERE name LIKE 'A%'")
step("update", "UPDATE nation SET comment = 'seen' WHERE regionkey = 1")
step("merge", """MERGE INTO nation n USING (VALUES (1, 'ONE'), (99, 'NEW')) AS s(k, v) ON n.nationkey = s.k
     WHEN MATCHED THEN UPDATE SET name = s.v WHEN NOT MATCHED THEN INSERT VALUES (s.k, s.v, 9, 'merged')""")
rows = step("after delete, update, merge", "SELECT nationkey, name, comment = 'seen' FROM nation WHERE nationkey IN (1, 2, 3, 99) ORDER BY 1",
            [[1, "ONE", False], [2, "BRAZIL", True], [3, "CANADA", True], [99, "NEW", False]])
step("snapshots", 'SELECT operation FROM "nation$snapshots" ORDER BY committed_at', None)
snapshots = run('SELECT snapshot_id FROM "nation$snapshots" ORDER BY committed_at')
step("time travel", f"SELECT count(*) FROM nation FOR VERSION AS OF {snapshots[0][0]}", [[25]])
step("history", 'SELECT count(*) FROM "nation$history"', [[len(snapshots)]])
step("files", 'SELECT count(*) > 0 FROM "nation$files"', [[True]])
step("analyze", "ANALYZE nation")
step("optimize", "ALTER TABLE nation EXECUTE optimize")
step("optimize manifests", "ALTER TABLE nation EXECUTE optimize_manifests")
step("after optimize", "SELECT count(*) FROM nation", [[run("SELECT count(*) FROM nation")[0][0]]])
step("rollback", f"ALTER TABLE nation EXECUTE rollback_to_snapshot({snapshots[0][0]})")
step("after rollback", "SELECT count(*) FROM nation", [[25]])
check("after rollback, by Firn", firn_rows("SELECT count(*) FROM t.nation"), [[25]])
step("truncate", "TRUNCATE TABLE nation")
step("after truncate", "SELECT count(*) FROM nation", [[0]])
step("drop a partitioned table", "DROP TABLE nation")
step("a table to replace", "CREATE TABLE nation AS SELECT 'x' AS zero")
step("replace", "CREATE OR REPLACE TABLE nation AS SELECT 1 AS one")
step("after replace", "SELECT * FROM nation", [[1]])
step("rename", "ALTER TABLE nation RENAME TO countries")
refused("the old name", "SELECT * FROM nation", "does not exist")
step("new name", "SELECT * FROM countries", [[1]])

step("view", "CREATE VIEW ones AS SELECT one + 1 AS two FROM countries")
step("view rows", "SELECT * FROM ones", [[2]])
check("the view, by Firn", firn_rows("SELECT two FROM t.ones"), [[2]])
step("view replaced", "CREATE OR REPLACE VIEW ones AS SELECT one + 2 AS three FROM countries")
step("view rows again", "SELECT three FROM ones", [[3]])
step("views", "SELECT table_name FROM information_schema.views WHERE table_schema = 't'", [["ones"]])
step("view dropped", "DROP VIEW ones")
refused("a view that is gone", "SELECT * FROM ones", "does not exist")

firn("POST", "/api/refs", {"name": "dev", "kind": "branch", "from": "main"})
step("write on a branch", "INSERT INTO branch.t.countries VALUES (2)")
step("the branch", "SELECT count(*) FROM branch.t.countries", [[2]])
step("main is untouched", "SELECT count(*) FROM lake.t.countries", [[1]])
firn("POST", "/api/merge", {"from": "dev", "into": "main"})
step("after the merge", "SELECT count(*) FROM lake.t.countries", [[2]])

check("firn makes a table", firn("POST", "/api/sql", {"sql": "CREATE TABLE t.made AS SELECT i AS id, 'n' || i AS name, i * 1.5::DOUBLE AS x FROM range(1000) r(i)"}) is not None, True)
step("firn's table", "SELECT count(*), sum(id), max(name), sum(x) FROM made", [[1000, 499500, "n999", 749250.0]])
step("write to firn's table", "INSERT INTO made VALUES (1000, 'last', 0)")
check("both agree", firn_rows("SELECT count(*) FROM t.made"), [[1001]])



def distinct(table):
    """{column: distinct values} as Trino's planner has them; they are in no file but the one with the sketches."""
    return {row[0]: row[2] for row in run(f"SHOW STATS FOR {table}") if row[0]}


def distinct_by_firn(table):
    return {row[0]: row[2] for row in firn_rows(f"SHOW STATS FOR t.{table}") if row[0]}


def analyze(table):
    """What `firn table analyze` says."""
    done = subprocess.run([FIRN, "table", "analyze", f"t.{table}", "--server", URL, "--json"], capture_output=True, text=True, timeout=120)
    return json.loads(done.stdout) if done.returncode == 0 else {"error": done.stderr}


kinds = """i % 6000 * 1000 AS k, 'n' || i % 7 AS s, (i % 11)::DOUBLE AS d, (i % 13)::DECIMAL(9,2) AS small, (i % 17)::DECIMAL(38,3) AS big,
    DATE '2001-01-01' + (i % 19)::INTEGER AS day, TIMESTAMP '2001-01-01' + INTERVAL (i % 23) HOUR AS at,
    (TIMESTAMP '2001-01-01' + INTERVAL (i % 29) HOUR)::TIMESTAMPTZ AS seen, encode('x' || i % 31) AS bytes, i % 2 = 0 AS even"""
firn_rows(f"CREATE TABLE t.counted AS SELECT {kinds} FROM range(9000) r(i)")
check("nothing is counted yet", set(distinct("counted").values()), {None})
ours = {c["name"]: c["distinct_values"] for c in analyze("counted")["columns"]}
check("counts of Firn", {k: v for k, v in ours.items() if k != "k"},
      {"s": 7, "d": 11, "small": 13, "big": 17, "day": 19, "at": 23, "seen": 29, "bytes": 31, "even": 2})
check("an estimate of Firn", abs(ours["k"] - 6000) < 600, True)
check("Trino reads Firn's counts", distinct("counted"), ours)
step("Trino appends", "INSERT INTO counted (k, s) VALUES (1000000, 'new'), (NULL, NULL)")
step("and counts", "ANALYZE counted")
check("Firn reads Trino's counts", distinct_by_firn("counted"), distinct("counted"))
check("which Trino counted", distinct("counted")["s"], 8)
firn_rows("INSERT INTO t.counted (s) VALUES ('newer'), ('n1')")
went_on = analyze("counted")
check("Firn goes on from Trino's file", [went_on.get("incremental"), went_on.get("rows_read")], [True, 2])
check("both know it", [distinct("counted")["s"], distinct_by_firn("counted")["s"]], [9, 9])
step("Trino's table", "CREATE TABLE collected AS SELECT * FROM counted")
check("Trino counts while it writes", [distinct("collected")["s"], distinct_by_firn("collected")["s"]], [9, 9])

location = firn("GET", "/iceberg/v1/namespaces/t/tables/made")["metadata-location"]
step("unregister", "CALL lake.system.unregister_table('t', 'made')")
step("register again", f"CALL lake.system.register_table('t', 'made', '{location.rsplit('/metadata/', 1)[0]}')")
step("still there", "SELECT count(*) FROM made", [[1001]])

step("a schema, with a credential", "CREATE SCHEMA locked.a", schema=None)
step("a table, with a credential", "CREATE TABLE locked.a.t AS SELECT 1 AS x")
step("rows, with a credential", "SELECT * FROM locked.a.t", [[1]])
refused("a wrong secret", "SHOW SCHEMAS FROM wrong", "invalid_client", schema=None)
refused("no credential", "SHOW SCHEMAS FROM nobody", "needs credentials", schema=None)

for t in ("v1", "v2", "countries", "made", "counted", "collected"):
    step(f"drop {t}", f"DROP TABLE {t}")
step("drop schema", "DROP SCHEMA lake.t", schema=None)
print(f"{passed} passed, {failed} failed")
sys.exit(failed != 0)
