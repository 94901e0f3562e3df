# SPDX-License-Identifier: Apache-2.0
"""Statistics of columns between Firn and Spark: sketches.py URL FIRN.

Sketches of Firn are read by the Java library; those that Spark makes of the same rows are compared with them byte for byte where
both are exact; Firn goes on from Spark's.  The last line is "N passed, N failed"."""

import json
import subprocess
import sys
import traceback
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import spark

URL, FIRN = sys.argv[1:3]


SPARK = spark.session(URL)
JVM = SPARK._jvm


def firn(text):
    command = [FIRN, "sql", "--server", URL, "-c", text, "--format", "json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, f"{text}: {done.stderr}"
    return [tuple(row.values()) for row in json.loads(done.stdout)] if done.stdout.startswith("[") else []


def analyze(name):
    command = [FIRN, "table", "analyze", name, "--server", URL, "--json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def sketches(name):
    """{field id: (ndv property, estimate of the Java library, bytes)} of the current snapshot's statistics, as Iceberg's Java reads them."""
    table = JVM.org.apache.iceberg.spark.Spark3Util.loadIcebergTable(SPARK._jsparkSession, f"firn.{name}")
    current = table.currentSnapshot().snapshotId()
    out = {}
    for file in table.statisticsFiles():
        if file.snapshotId() != current:
            continue
        where = table.io().newInputFile(file.path())
        assert where.getLength() == file.fileSizeInBytes()
        reader = (
            JVM.org.apache.iceberg.puffin.Puffin.read(where)
            .withFileSize(file.fileSizeInBytes())
            .withFooterSize(file.fileFooterSizeInBytes())
            .build()
        )
        pairs = reader.readAll(reader.fileMetadata().blobs()).iterator()
        while pairs.hasNext():
            pair = pairs.next()
            blob = pair.first()
            assert blob.type() == "apache-datasketches-theta-v1" and blob.snapshotId() == current
            data = bytes(JVM.org.apache.iceberg.util.ByteBuffers.toByteArray(pair.second()))
            memory = JVM.org.apache.datasketches.memory.Memory.wrap(data)
            sketch = JVM.org.apache.datasketches.theta.CompactSketch.wrap(memory)
            out[blob.inputFields()[0]] = (int(blob.properties()["ndv"]), sketch.getEstimate(), data)
        reader.close()
    return out


TYPES = (
    "i % 2 = 0 AS b, (i % 1000)::INTEGER AS i, i % 3000 AS l, (i % 7)::FLOAT AS f, (i % 11)::DOUBLE AS d, "
    "(i % 13)::DECIMAL(9,2) AS d4, (i % 17)::DECIMAL(38,3) AS d16, DATE '2001-01-01' + (i % 19)::INTEGER AS day, "
    "TIMESTAMP '2001-01-01' + INTERVAL (i % 23) HOUR AS ts, (TIMESTAMP '2001-01-01' + INTERVAL (i % 29) HOUR)::TIMESTAMPTZ AS tz, "
    "encode('x' || i % 31) AS bin, CASE WHEN i % 5 > 0 THEN 'Grüße ' || i % 37 ELSE '' END AS s"
)


def check_exact():
    """Below 4,096 values both give the same bytes, whatever the order of the rows."""
    firn("CREATE SCHEMA IF NOT EXISTS s")
    firn(f"CREATE TABLE s.exact AS SELECT {TYPES} FROM range(6000) r(i)")
    done = analyze("s.exact")
    ours = sketches("s.exact")
    assert len(ours) == 12, ours.keys()
    for column in done["columns"]:
        ndv, estimate, _ = ours[column["field_id"]]
        assert ndv == column["distinct_values"] == int(estimate), (column, ndv, estimate)
    SPARK.sql("CALL firn.system.compute_table_stats(table => 's.exact')").collect()
    theirs = sketches("s.exact")
    assert theirs.keys() == ours.keys()
    for field, (ndv, _, data) in ours.items():
        assert theirs[field][0] == ndv, (field, ndv, theirs[field][0])
        assert theirs[field][2] == data, f"bytes of field {field}: {theirs[field][2].hex()[:80]} and {data.hex()[:80]}"


def check_going_on():
    """After an append Firn reads the new rows only, on top of what Spark made."""
    firn("CREATE TABLE s.going AS SELECT i AS id, i % 50 AS k FROM range(3000) r(i)")
    SPARK.sql("CALL firn.system.compute_table_stats(table => 's.going')").collect()
    firn("INSERT INTO s.going SELECT i, i % 60 FROM range(3000, 3100) r(i)")
    done = analyze("s.going")
    assert done["incremental"] and done["rows_read"] == 100, done
    assert [c["distinct_values"] for c in done["columns"]] == [3100, 60], done
    assert {f: v[0] for f, v in sketches("s.going").items()} == {1: 3100, 2: 60}


def check_large():
    """Estimates above: both are near the truth, and the Java library agrees with what Firn says of its own."""
    firn("CREATE TABLE s.large AS SELECT i AS id FROM range(300000) r(i)")
    done = analyze("s.large")
    ndv, estimate, _ = sketches("s.large")[1]
    assert ndv == int(estimate) == done["columns"][0]["distinct_values"]
    assert abs(ndv - 300000) < 300000 * 0.07, ndv
    SPARK.sql("CALL firn.system.compute_table_stats(table => 's.large')").collect()
    assert abs(sketches("s.large")[1][0] - 300000) < 300000 * 0.07
    shown = firn("SHOW STATS FOR s.large")
    assert abs(shown[0][2] - 300000) < 300000 * 0.07, shown


def check_planning():
    """Spark's cost-based planner takes the counts from Firn's file."""
    SPARK.conf.set("spark.sql.cbo.enabled", "true")
    SPARK.conf.set("spark.sql.iceberg.report-column-stats", "true")
    firn("CREATE TABLE s.planned AS SELECT i AS id, i % 40 AS k FROM range(1000) r(i)")
    analyze("s.planned")
    plan = SPARK.sql("SELECT k FROM firn.s.planned")._jdf.queryExecution().optimizedPlan()
    stats = plan.stats().attributeStats()
    counts = [int(pair._2().distinctCount().get()) for pair in iterate(stats) if pair._2().distinctCount().isDefined()]
    assert 40 in counts, (counts, plan.stats().toString())


def iterate(scala_map):
    i = scala_map.iterator()
    while i.hasNext():
        yield i.next()


def partition_rows(name, version):
    """Rows of the current snapshot's file, and what Spark's metadata table makes of the manifests."""
    table = JVM.org.apache.iceberg.spark.Spark3Util.loadIcebergTable(SPARK._jsparkSession, f"firn.{name}")
    current = table.currentSnapshot().snapshotId()
    files = [f for f in table.partitionStatisticsFiles() if f.snapshotId() == current]
    assert len(files) == 1, files
    dvs = "+ dv_count" if version == 3 else ""
    read = SPARK.read.parquet(files[0].path()).selectExpr(
        "partition.p", "spec_id", "data_record_count", "data_file_count", "total_data_file_size_in_bytes",
        "position_delete_record_count", f"position_delete_file_count {dvs}",
        "equality_delete_record_count", "equality_delete_file_count",
    )
    ours = sorted((tuple(row) for row in read.collect() if row[3]), key=str)
    theirs = SPARK.sql(
        "SELECT partition.p, spec_id, record_count, file_count, total_data_file_size_in_bytes, position_delete_record_count, "
        f"position_delete_file_count, equality_delete_record_count, equality_delete_file_count FROM firn.{name}.partitions"
    )
    assert ours == sorted((tuple(row) for row in theirs.collect()), key=str), (ours, theirs.collect())
    return ours


def check_partitions():
    """Each goes on from the file of the other, in both formats of the file."""
    for version in 2, 3:
        name = f"s.parts{version}"
        firn(
            f"CREATE TABLE {name} (id BIGINT, p VARCHAR) PARTITIONED BY (p) "
            f"WITH ('format-version' = '{version}', 'write.delete.mode' = 'merge-on-read')"
        )
        firn(f"INSERT INTO {name} SELECT i, CASE WHEN i % 4 > 0 THEN 'p' || i % 4 END FROM range(100) r(i)")
        SPARK.sql(f"CALL firn.system.compute_partition_stats(table => '{name}')").collect()
        partition_rows(name, version)
        firn(f"DELETE FROM {name} WHERE id % 9 = 1")
        firn(f"INSERT INTO {name} SELECT i, 'new' FROM range(200, 210) r(i)")
        assert len(firn(f"CALL system.compute_partition_stats('{name}')")) == 1
        partition_rows(name, version)
        firn(f"DELETE FROM {name} WHERE p = 'p1'")
        SPARK.sql(f"INSERT INTO firn.{name} VALUES (500, 'spark')")
        SPARK.sql(f"CALL firn.system.compute_partition_stats(table => '{name}')").collect()
        assert len(partition_rows(name, version)) == 5


passed = failed = 0
for check in check_exact, check_going_on, check_large, check_planning, check_partitions:
    try:
        check()
        passed += 1
        print("ok", check.__name__)
    except Exception:
        failed += 1
        print("FAILED", check.__name__)
        traceback.print_exc()
print(f"{passed} passed, {failed} failed")
sys.exit(failed > 0)
