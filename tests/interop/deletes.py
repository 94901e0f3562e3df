# SPDX-License-Identifier: Apache-2.0
"""Row-level deletes of Firn read by PyIceberg, or by Spark and the other way round: deletes.py URL FIRN [--spark].

The last line is "N passed, N failed"."""

import json
import subprocess
import sys
import traceback

URL, FIRN = sys.argv[1:3]
WITH_SPARK = sys.argv[3:] == ["--spark"]
MERGE_ON_READ = {f"write.{kind}.mode": "merge-on-read" for kind in ("delete", "update", "merge")}
SHAPES = [
    (version, mode, partition)
    for version in (2, 3)
    for mode in ("copy-on-write", "merge-on-read")
    for partition in ("", "p", "bucket(4, id)")
]


def firn(text):
    """The rows of a statement as Firn gives them."""
    command = [FIRN, "sql", "--server", URL, "-c", text, "--format", "json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, f"{text}: {done.stderr}"
    return [tuple(row.values()) for row in json.loads(done.stdout)] if done.stdout.startswith("[") else []


def name_of(version, mode, partition):
    return f"d.v{version}_{mode.split('-')[0]}_{partition[:6].strip('(') or 'flat'}"


def make(version, mode, partition):
    """A table with deletes, updates and merges by Firn; some files lose rows twice."""
    name = name_of(version, mode, partition)
    properties = {"format-version": str(version)} | {key: mode for key in MERGE_ON_READ}
    listed = ", ".join(f"'{key}' = '{value}'" for key, value in properties.items())
    by = f"PARTITIONED BY ({partition})" if partition else ""
    firn(f"CREATE TABLE {name} (id BIGINT, name VARCHAR, p INTEGER) {by} WITH ({listed})")
    firn(f"INSERT INTO {name} SELECT i, 'n' || i, CASE WHEN i % 10 = 0 THEN NULL ELSE i % 3 END FROM range(2000) r(i)")
    firn(f"INSERT INTO {name} SELECT i, 'n' || i, i % 3 FROM range(2000, 2500) r(i)")
    firn(f"DELETE FROM {name} WHERE id % 7 = 0")
    firn(f"UPDATE {name} SET name = 'u' || id, p = 5 WHERE id % 11 = 0 AND p = 1")
    firn(f"DELETE FROM {name} WHERE id BETWEEN 1000 AND 1100 OR p IS NULL AND id < 500")
    firn(
        f"MERGE INTO {name} AS t USING (SELECT i AS id, 'm' || i AS name FROM range(2400, 2600) r(i)) AS s ON t.id = s.id "
        "WHEN MATCHED AND s.id % 2 = 0 THEN DELETE WHEN MATCHED THEN UPDATE SET name = s.name "
        "WHEN NOT MATCHED THEN INSERT (id, name, p) VALUES (s.id, s.name, 9)"
    )
    return name


def compare(ours, theirs):
    ours, theirs = sorted(ours, key=str), sorted(theirs, key=str)
    assert ours == theirs, f"{len(ours)} rows of Firn, {len(theirs)} of the other; {set(ours) ^ set(theirs)}"[:600]
    assert len(ours) > 1000


def check_pyiceberg(shape):
    from pyiceberg.catalog import load_catalog

    name = make(*shape)
    table = load_catalog("firn", type="rest", uri=f"{URL}/iceberg").load_table(name)
    rows = table.scan().to_arrow().to_pylist()
    compare(firn(f"SELECT id, name, p FROM {name}"), [(row["id"], row["name"], row["p"]) for row in rows])


def check_spark(shape):
    from spark import session

    spark = session(URL)  # the same each time
    version, _, _ = shape
    name = make(*shape)
    columns = "id, name, p" + (", _row_id, _last_updated_sequence_number" if version == 3 else "")

    def same():
        theirs = [tuple(row) for row in spark.sql(f"SELECT {columns} FROM firn.{name}").collect()]
        compare(firn(f"SELECT {columns} FROM {name}"), theirs)

    same()
    spark.sql(f"DELETE FROM firn.{name} WHERE id % 5 = 1")
    same()
    firn(f"DELETE FROM {name} WHERE id % 5 = 2 AND id < 800")
    spark.sql(f"UPDATE firn.{name} SET name = 'spark' WHERE id % 13 = 3")
    same()
    firn(f"UPDATE {name} SET name = 'firn' WHERE id % 13 = 4")
    spark.sql(
        f"MERGE INTO firn.{name} t USING (SELECT id + 5000 AS id, id AS old FROM range(10, 40)) s ON t.id = s.old "
        "WHEN MATCHED THEN UPDATE SET p = 77 WHEN NOT MATCHED THEN INSERT (id, name, p) VALUES (s.id, 'new', 1)"
    )
    same()
    firn(f"DELETE FROM {name} WHERE name = 'spark' AND id > 900")
    same()
    spark.sql(f"CALL firn.system.rewrite_data_files(table => '{name}', options => map('rewrite-all', 'true'))")
    same()


def main():
    firn("CREATE SCHEMA d")
    passed = failed = 0
    for shape in SHAPES:
        try:
            (check_spark if WITH_SPARK else check_pyiceberg)(shape)
            passed += 1
            print(f"ok {name_of(*shape)}", flush=True)
        except Exception:
            failed += 1
            print(f"FAILED {name_of(*shape)}\n{traceback.format_exc()}", flush=True)
    print(f"{passed} passed, {failed} failed")
    sys.exit(failed > 0)


main()
