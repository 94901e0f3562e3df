# SPDX-License-Identifier: Apache-2.0
"""Types of format version 3 and Avro data files between Firn and Spark: v3_types.py URL FIRN.

The last line is "N passed, N failed"."""

import json
import subprocess
import sys
import traceback
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from spark import session

URL, FIRN = sys.argv[1:3]
PLAIN = (
    "b boolean, i int, l bigint, f float, d double, n decimal(9,2), w decimal(38,10), da date, ts timestamp_ntz, tz timestamp, "
    "s string, x binary, li array<int>, st struct<a: int, b: array<string>>, m map<string, double>, k map<int, string>"
)
VALUES = (
    "true, -5, 1099511627776, CAST(1.5 AS float), CAST(2.25 AS double), -12.34, "
    "CAST(-1234567890123456789012345678.0123456789 AS decimal(38,10)), DATE '1969-12-31', "
)


def firn(text):
    """The rows of a statement as Firn gives them."""
    command = [FIRN, "sql", "--server", URL, "-c", text, "--format", "json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, f"{text}: {done.stderr}"
    return [tuple(row.values()) for row in json.loads(done.stdout)] if done.stdout.startswith("[") else []


# What both sides can say of a row in the same words.
FIRN_TEXT = (
    "concat_ws('|', b, i, l, f, d, n, w, da, ts, epoch_us(tz), s, hex(x), li[1], len(li), st.a, st.b[2], m['p'], k[2])"
)
SPARK_TEXT = (
    "concat_ws('|', b, i, l, f, d, n, w, da, ts, unix_micros(tz), s, hex(x), li[0], size(li), st.a, st.b[1], m['p'], k[2])"
)
ROW = (
    "true|-5|1099511627776|1.5|2.25|-12.34|-1234567890123456789012345678.0123456789|1969-12-31|1999-12-31 23:59:59.000001|"
    "1577836800000001|hé|00FF|1|3|7|y|1.5|zwei"
)


def avro_of_spark(spark):
    spark.sql(f"CREATE TABLE firn.t.spark_avro ({PLAIN}) USING iceberg TBLPROPERTIES ('write.format.default'='avro')")
    spark.sql(
        f"INSERT INTO firn.t.spark_avro VALUES ({VALUES} TIMESTAMP_NTZ '1999-12-31 23:59:59.000001', "
        "TIMESTAMP '2020-01-01 00:00:00.000001', 'hé', X'00FF', array(1, NULL, 3), named_struct('a', 7, 'b', array('x', 'y')), "
        "map('p', CAST(1.5 AS double), 'q', NULL), map(2, 'zwei'))"
    )
    spark.sql("INSERT INTO firn.t.spark_avro (i) SELECT /*+ COALESCE(1) */ CAST(id AS int) FROM range(6, 9)")
    assert firn("SELECT DISTINCT file_format FROM t.spark_avro.files") == [("AVRO",)]
    assert firn(f"SELECT {FIRN_TEXT} FROM t.spark_avro WHERE b") == [(ROW,)]
    assert firn("SELECT count(*) FROM t.spark_avro WHERE li IS NULL AND i = 6") == [(1,)]
    spark.sql("ALTER TABLE firn.t.spark_avro SET TBLPROPERTIES ('write.delete.mode'='merge-on-read')")
    spark.sql("DELETE FROM firn.t.spark_avro WHERE i = 6")
    assert firn("SELECT DISTINCT file_format FROM t.spark_avro.delete_files") == [("AVRO",)]
    assert firn("SELECT count(*), sum(i) FROM t.spark_avro") == [(3, 10)]
    firn("DELETE FROM t.spark_avro WHERE i = 7")
    assert [tuple(row) for row in spark.sql("SELECT count(*), sum(i) FROM firn.t.spark_avro").collect()] == [(2, 3)]


def avro_of_firn(spark):
    spark.sql(f"CREATE TABLE firn.t.firn_avro ({PLAIN}) USING iceberg TBLPROPERTIES ('write.format.default'='avro')")
    firn(
        f"INSERT INTO t.firn_avro VALUES ({VALUES} TIMESTAMP '1999-12-31 23:59:59.000001', "
        "TIMESTAMPTZ '2020-01-01 00:00:00.000001+00', 'hé', '\\x00\\xFF'::BLOB, [1, NULL, 3], {'a': 7, 'b': ['x', 'y']}, "
        "MAP {'p': 1.5, 'q': NULL}, MAP {2: 'zwei'})"
    )
    firn("INSERT INTO t.firn_avro (i) VALUES (6)")
    assert firn("SELECT DISTINCT file_format FROM t.firn_avro.files") == [("AVRO",)]
    rows = [tuple(row) for row in spark.sql(f"SELECT {SPARK_TEXT} FROM firn.t.firn_avro WHERE b").collect()]
    assert rows == [(ROW,)], rows
    assert spark.sql("SELECT * FROM firn.t.firn_avro WHERE i = 6 AND li IS NULL AND st IS NULL").count() == 1


def variants_of_spark(spark):
    spark.sql("CREATE TABLE firn.t.spark_variant (id int, v variant) USING iceberg TBLPROPERTIES ('format-version'='3')")
    spark.sql("""INSERT INTO firn.t.spark_variant VALUES (1, parse_json('{"a": [1, 2.5, "x"]}')), (2, NULL)""")
    assert firn("SELECT id, v::VARCHAR FROM t.spark_variant ORDER BY id") == [(1, "{'a': [1, 2.5, x]}"), (2, None)]


def variants_of_firn(spark):
    spark.sql("CREATE TABLE firn.t.firn_variant (id int, v variant) USING iceberg TBLPROPERTIES ('format-version'='3')")
    firn("INSERT INTO t.firn_variant VALUES (1, {'a': [1, 2], 'b': 'x'}::VARIANT), (2, NULL), (3, 42::VARIANT)")
    rows = [tuple(row) for row in spark.sql("SELECT id, to_json(v) FROM firn.t.firn_variant ORDER BY id").collect()]
    assert rows == [(1, '{"a":[1,2],"b":"x"}'), (2, None), (3, "42")], rows


def nested_variants_of_firn(spark):
    spark.sql("CREATE TABLE firn.t.nested (id int, s struct<v: variant, l: array<variant>>) USING iceberg TBLPROPERTIES ('format-version'='3')")
    firn("INSERT INTO t.nested VALUES (1, {'v': {'a': 1}::VARIANT, 'l': [2::VARIANT, 'x'::VARIANT]}), (2, NULL), (3, {'v': NULL, 'l': []})")
    found = "SELECT id, to_json(s.v), to_json(get(s.l, 1)), size(s.l) FROM firn.t.nested ORDER BY id"
    rows = [tuple(row) for row in spark.sql(found).collect()]
    assert [row[:3] for row in rows] == [(1, '{"a":1}', '"x"'), (2, None, None), (3, None, None)], rows


def fixed_of_firn(spark):
    firn("CREATE TABLE t.firn_fixed (id INTEGER) WITH ('format-version' = '3')")
    firn("ALTER TABLE t.firn_fixed ADD COLUMN f fixed(3)")
    firn("INSERT INTO t.firn_fixed SELECT i, ('a' || lpad((i % 50)::VARCHAR, 2, '0'))::BLOB FROM range(1000) r(i)")
    found = "SELECT count(*), count(DISTINCT f), max(CAST(f AS string)) FROM firn.t.firn_fixed"
    rows = [tuple(row) for row in spark.sql(found).collect()]
    assert rows == [(1000, 50, "a49")], rows


def reason():
    """What matters of an exception out of the Java machine."""
    lines = traceback.format_exc().splitlines()
    return "\n".join([line for line in lines if not line.lstrip().startswith(("at ", "..."))][-12:])[:2000]


CASES = [avro_of_spark, avro_of_firn, variants_of_spark, variants_of_firn, nested_variants_of_firn, fixed_of_firn]


def main():
    passed = failed = 0
    firn("CREATE SCHEMA t")
    spark = session(URL)
    spark.sparkContext.setLogLevel("OFF")
    for case in CASES:
        try:
            case(spark)
            passed += 1
            print(f"ok {case.__name__}")
        except Exception:
            failed += 1
            print(f"FAILED {case.__name__}: {reason()}")
    print(f"{passed} passed, {failed} failed")
    return failed > 0


if __name__ == "__main__":
    sys.exit(main())
