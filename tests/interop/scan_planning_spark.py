# SPDX-License-Identifier: Apache-2.0
"""Spark's scans planned by the server and by Spark: scan_planning_spark.py URL.

Tables with position deletes (v2), deletion vectors (v3) and copies; at once, by plan tasks, and by polling."""

import re
import sys
import traceback
import urllib.request

from spark import session

URL = sys.argv[1]
passed = failed = 0


SPARK = session(URL, {mode: {"scan-planning-mode": mode} for mode in ("client", "server")})


def run(text):
    return [tuple(row) for row in SPARK.sql(text).collect()]


def requests(words):
    """Requests that the server has answered on routes whose metrics line has these words."""
    text = urllib.request.urlopen(URL + "/metrics", timeout=30).read().decode()
    lines = [line for line in text.splitlines() if words in line and "requests_total" in line]
    return sum(float(re.split(r"\s+", line)[-1]) for line in lines)


def check(name, test):
    global passed, failed
    try:
        test()
        passed += 1
    except Exception:
        failed += 1
        print("FAILED", name)
        print("   ", traceback.format_exc().strip()[-1500:].replace("\n", "\n    "))


def same(table, where, columns="*", of=""):
    found = [sorted(run(f"SELECT {columns} FROM {c}.{table} {of} WHERE {where.replace('{c}', c)}"), key=str) for c in ("client", "server")]
    assert found[0] == found[1], f"client: {len(found[0])} rows, server: {len(found[1])}"


FILTERS = [
    "true",
    "id = 7",
    "id > 25 AND id <= 41",
    "p = 'a'",
    "p IN ('a', 'c')",
    "p IS NULL",
    "p NOT LIKE 'a%'",
    "d >= DATE '2024-01-15'",
    "ts < TIMESTAMP '2024-01-10 00:00:00'",
    "amount = 3.50",
    "price > 10 OR price IS NULL",
    "NOT (id > 5 AND p = 'b')",
]

KINDS = {
    "copies": ("2", "copy-on-write", {}),
    "positions": ("2", "merge-on-read", {}),
    "vectors": ("3", "merge-on-read", {}),
    "pages": ("3", "merge-on-read", {"firn.scan-planning.page-files": "1"}),
    "polling": ("2", "merge-on-read", {"firn.scan-planning.async": "true"}),
}


def make(name, version, mode, more):
    properties = {"format-version": version, **{f"write.{k}.mode": mode for k in ("delete", "update", "merge")}, **more}
    listed = ", ".join(f"'{k}' = '{v}'" for k, v in properties.items())
    run(
        f"CREATE TABLE client.plan.{name} (id BIGINT, p STRING, d DATE, ts TIMESTAMP, price DOUBLE, amount DECIMAL(9, 2)) "
        f"USING iceberg PARTITIONED BY (p, months(d)) TBLPROPERTIES ({listed})"
    )
    for first in 0, 20, 40:
        run(
            f"INSERT INTO client.plan.{name} SELECT id, CASE id % 4 WHEN 0 THEN 'a' WHEN 1 THEN 'b' WHEN 2 THEN 'c' END, "
            f"DATE '2024-01-01' + INT(id), TIMESTAMP '2024-01-01' + id * INTERVAL 1 HOUR, id / 2, id * 0.5 "
            f"FROM RANGE({first}, {first + 20})"
        )
    run(f"DELETE FROM client.plan.{name} WHERE id % 10 = 4")
    run(f"UPDATE client.plan.{name} SET price = -1 WHERE id % 10 = 5")


def main():
    run("CREATE NAMESPACE client.plan")
    for kind, (version, mode, more) in KINDS.items():
        make(kind, version, mode, more)
        filters = FILTERS[:3] if kind == "polling" else FILTERS  # each poll waits for a second
        for where in filters:
            check(f"{kind}: {where}", lambda: same(f"plan.{kind}", where))
        over = "{c}.system.bucket(4, id) = 1 AND {c}.system.years(d) = 54"
        check(f"{kind}: transforms", lambda: same(f"plan.{kind}", over))
        check(f"{kind}: some columns", lambda: same(f"plan.{kind}", "id < 9", "p, price"))
        if kind != "polling":
            first = run(f"SELECT snapshot_id FROM client.plan.{kind}.snapshots ORDER BY committed_at LIMIT 1")[0][0]
            check(f"{kind}: an old snapshot", lambda: same(f"plan.{kind}", "id > 3", of=f"VERSION AS OF {first}"))

    def served():
        for words in "{table}/plan", "{table}/tasks", "{table}/plan/{plan-id}":
            assert requests(words) > 0, words

    check("the server was asked", served)


main()
print(f"{passed} passed, {failed} failed")
