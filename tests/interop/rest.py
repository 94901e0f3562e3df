# SPDX-License-Identifier: Apache-2.0
"""PyIceberg against the Iceberg REST catalog of a running server: rest.py URL FIRN.

Rows that one side writes are read by the other: PyIceberg through /iceberg, Firn through `firn sql --server`.
The last line is "N passed, N failed"; with --rates it measures instead."""

import concurrent.futures
import datetime
import decimal
import gzip
import json
import logging
import os
import subprocess
import sys
import tempfile
import time
import traceback
import urllib.error
import urllib.request
import uuid

import pyarrow as pa
import pyarrow.parquet as pq
from pyiceberg.catalog.rest import RestCatalog
from pyiceberg.exceptions import (
    CommitFailedException,
    NamespaceAlreadyExistsError,
    NamespaceNotEmptyError,
    NoSuchNamespaceError,
    NoSuchTableError,
    NoSuchViewError,
    RESTError,
    TableAlreadyExistsError,
    ViewAlreadyExistsError,
)
from pyiceberg.expressions import EqualTo, GreaterThan, In
from pyiceberg.partitioning import PartitionField, PartitionSpec
from pyiceberg.schema import Schema
from pyiceberg.table.sorting import SortField, SortOrder
from pyiceberg.transforms import (
    BucketTransform,
    DayTransform,
    HourTransform,
    IdentityTransform,
    MonthTransform,
    TruncateTransform,
    YearTransform,
)
from pyiceberg.types import (
    BinaryType,
    BooleanType,
    DateType,
    DecimalType,
    DoubleType,
    FixedType,
    FloatType,
    IntegerType,
    ListType,
    LongType,
    MapType,
    NestedField,
    StringType,
    StructType,
    TimestampType,
    TimestamptzType,
    TimeType,
    UUIDType,
)
from pyiceberg.view.metadata import SQLViewRepresentation, ViewVersion

URL, FIRN = sys.argv[1], sys.argv[2]
UTC = datetime.timezone.utc


def catalog(**properties):
    return RestCatalog("firn", uri=URL + "/iceberg", **properties)


CATALOG = catalog()
logging.getLogger("pyiceberg").setLevel(logging.ERROR)  # each retry of a commit is a warning


# ---- Firn's side ----


def firn(*args):
    done = subprocess.run([FIRN, *args, "--server", URL], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


def sql(text, branch="main"):
    """The answer's rows, through a Parquet file, so that types survive."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "out.parquet")
        firn("sql", "--branch", branch, "-c", text, "--format", "parquet", "-o", path)
        return plain(pq.read_table(path))


def run(text, branch="main"):
    firn("sql", "--branch", branch, "-c", text)


def count(table, where="true", branch="main"):
    return sql(f"SELECT count(*) AS n FROM {table} WHERE {where}", branch)[0]["n"]


def plain_value(value):
    if isinstance(value, uuid.UUID):
        return str(value)
    if isinstance(value, datetime.datetime):
        return value.astimezone(UTC).isoformat() if value.tzinfo else value.isoformat()
    if isinstance(value, dict):
        return {k: plain_value(v) for k, v in value.items()}
    if isinstance(value, tuple):
        return tuple(plain_value(v) for v in value)
    if isinstance(value, list):
        return [plain_value(v) for v in value]
    return value


def plain(table):
    """Rows in a shape that does not depend on how a reader spells its types; ordered by the first column."""
    rows = [plain_value(row) for row in table.to_pylist()]
    return sorted(rows, key=lambda row: str(next(iter(row.values())))) if rows else rows


def scan(name, **options):
    return plain(CATALOG.load_table(name).scan(**options).to_arrow())


def same(name, branch="main"):
    """Both sides see the same rows; gives their number."""
    ours, theirs = sql(f"SELECT * FROM {name}", branch), scan(name)
    assert ours == theirs, f"firn: {ours[:3]}\npyiceberg: {theirs[:3]}"
    return len(ours)


def http(method, path, body=None, **headers):
    """Status, headers and JSON of one request."""
    data = json.dumps(body).encode() if body is not None else None
    request = urllib.request.Request(URL + path, data=data, method=method, headers={"Content-Type": "application/json", **headers})
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            text = answer.read()
            return answer.status, answer.headers, json.loads(text) if text else None
    except urllib.error.HTTPError as error:
        text = error.read()
        return error.code, error.headers, json.loads(text) if text else None


def fails(kind, call):
    try:
        call()
    except kind as error:
        return str(error)
    raise AssertionError(f"{kind.__name__} was not raised")


# ---- What is checked ----


def check_namespaces():
    CATALOG.create_namespace("ns", {"owner": "me"})
    CATALOG.create_namespace(("ns", "inner space"))
    CATALOG.create_namespace(("ns", "inner space", "leaf.dot"))
    assert ("ns",) in CATALOG.list_namespaces()
    assert CATALOG.list_namespaces("ns") == [("ns", "inner space")]
    assert CATALOG.list_namespaces(("ns", "inner space")) == [("ns", "inner space", "leaf.dot")]
    assert CATALOG.load_namespace_properties("ns").items() >= {"owner": "me"}.items()
    assert CATALOG.namespace_exists("ns") and not CATALOG.namespace_exists("moon")
    done = CATALOG.update_namespace_properties("ns", removals={"owner", "gone"}, updates={"a": "b"})
    assert done.removed == ["owner"] and done.updated == ["a"] and done.missing == ["gone"], done
    properties = CATALOG.load_namespace_properties("ns")
    assert properties["a"] == "b" and "owner" not in properties
    fails(NamespaceAlreadyExistsError, lambda: CATALOG.create_namespace("ns"))
    fails(NamespaceNotEmptyError, lambda: CATALOG.drop_namespace("ns"))
    fails(NoSuchNamespaceError, lambda: CATALOG.drop_namespace("moon"))
    fails(NoSuchNamespaceError, lambda: CATALOG.load_namespace_properties("moon"))
    for name in ("ns", "inner space", "leaf.dot"), ("ns", "inner space"), ("ns",):
        CATALOG.drop_namespace(name)
    assert ("ns",) not in CATALOG.list_namespaces()


EVERY_TYPE = Schema(
    NestedField(1, "id", LongType(), required=True),
    NestedField(2, "b", BooleanType()),
    NestedField(3, "i", IntegerType()),
    NestedField(4, "f", FloatType()),
    NestedField(5, "d", DoubleType()),
    NestedField(6, "dec", DecimalType(9, 2)),
    NestedField(7, "big", DecimalType(38, 10)),
    NestedField(8, "day", DateType()),
    NestedField(9, "clock", TimeType()),
    NestedField(10, "ts", TimestampType()),
    NestedField(11, "tz", TimestamptzType()),
    NestedField(12, "s", StringType()),
    NestedField(13, "u", UUIDType()),
    NestedField(14, "bin", BinaryType()),
    NestedField(15, "fix", FixedType(4)),
    NestedField(16, "l", ListType(17, StringType(), False)),
    NestedField(18, "m", MapType(19, StringType(), 20, LongType(), False)),
    NestedField(21, "st", StructType(NestedField(22, "x", LongType()), NestedField(23, "y", ListType(24, DoubleType(), False)))),
)


def every_row(i):
    return {
        "id": i,
        "b": i % 2 == 0,
        "i": -i,
        "f": i / 4,
        "d": i / 3,
        "dec": decimal.Decimal(i).scaleb(-2),
        "big": decimal.Decimal("12345678901234567890123456.7890123456"),
        "day": datetime.date(1969, 12, 30) + datetime.timedelta(days=i),
        "clock": datetime.time(1, 2, 3, i),
        "ts": datetime.datetime(1969, 12, 31, 23, 59, 59, i),
        "tz": datetime.datetime(2001, 2, 3, 4, 5, 6, i, tzinfo=UTC),
        "s": "ä€😀" * i,
        "u": uuid.UUID(int=i).bytes,
        "bin": bytes([0, i, 255]),
        "fix": b"fix" + bytes([i]),
        "l": ["a", None, ""] if i else [],
        "m": [("k", i), ("null", None)],
        "st": {"x": i, "y": [1.5, None]},
    }


def check_every_type():
    for version in "1", "2":
        name = f"t.types{version}"
        table = CATALOG.create_table(name, EVERY_TYPE, properties={"format-version": version})
        arrow = table.schema().as_arrow()
        rows = [every_row(i) for i in range(5)] + [{"id": 99}]
        table.append(pa.Table.from_pylist(rows, schema=arrow))
        assert same(name) == 6
        assert scan(name, row_filter=EqualTo("id", 3))[0]["s"] == "ä€😀" * 3


PARTITIONED = Schema(
    NestedField(1, "id", LongType()),
    NestedField(2, "s", StringType()),
    NestedField(3, "day", DateType()),
    NestedField(4, "ts", TimestampType()),
)

TRANSFORMS = {
    "identity_int": (1, IdentityTransform(), "id = 3"),
    "identity_text": (2, IdentityTransform(), "s = 'key 3'"),
    "identity_date": (3, IdentityTransform(), "day = DATE '2001-01-04'"),
    "bucket_int": (1, BucketTransform(4), "id = 3"),
    "bucket_text": (2, BucketTransform(4), "s = 'key 3'"),
    "truncate_int": (1, TruncateTransform(10), "id = 3"),
    "truncate_text": (2, TruncateTransform(5), "s = 'key 3'"),
    "year": (3, YearTransform(), "day = DATE '2001-01-04'"),
    "month": (3, MonthTransform(), "day = DATE '2001-01-04'"),
    "day": (4, DayTransform(), "ts = TIMESTAMP '2001-01-01 03:00:00'"),
    "hour": (4, HourTransform(), "ts = TIMESTAMP '2001-01-01 03:00:00'"),
}
INSERT = (
    "INSERT INTO {} SELECT i AS id, 'key ' || i AS s, DATE '2001-01-01' + i::INTEGER AS day, "
    "TIMESTAMP '2001-01-01 00:00:00' + to_hours(i) AS ts FROM range({}, {}) r(i)"
)


def partitioned_rows(first, last):
    day, ts = datetime.date(2001, 1, 1), datetime.datetime(2001, 1, 1)
    return pa.Table.from_pylist(
        [
            {"id": i, "s": f"key {i}", "day": day + datetime.timedelta(days=i), "ts": ts + datetime.timedelta(hours=i)}
            for i in range(first, last)
        ],
        schema=PARTITIONED.as_arrow(),
    )


def check_every_transform():
    """Half of the rows are written by either side, so that both compute the same partitions."""
    for name, (source, transform, where) in TRANSFORMS.items():
        table = f"t.part_{name}"
        spec = PartitionSpec(PartitionField(source, 1000, transform, "p"))
        made = CATALOG.create_table(table, PARTITIONED, partition_spec=spec)
        assert made.spec().fields[0].transform == transform
        run(INSERT.format(table, 0, 20))
        CATALOG.load_table(table).append(partitioned_rows(15, 40))
        assert same(table) == 45
        assert count(table, where) == 1
        assert len(scan(table, row_filter=EqualTo("id", 3))) == 1
        partitions = CATALOG.load_table(table).inspect.partitions().to_pylist()
        tuples = [tuple(p["partition"].values()) for p in partitions]
        assert len(tuples) == len(set(tuples)) and (len(tuples) > 1 or name == "year"), tuples
        assert sum(p["record_count"] for p in partitions) == 45


def check_sort_order():
    order = SortOrder(SortField(1, IdentityTransform()))
    table = CATALOG.create_table("t.sorted", PARTITIONED, sort_order=order)
    assert table.sort_order().fields[0].source_id == 1


def check_appends_and_reads():
    table = CATALOG.create_table("t.rows", PARTITIONED)
    for i in range(5):
        table.append(partitioned_rows(i * 10, i * 10 + 10))
    assert same("t.rows") == 50
    assert len(table.history()) == 5
    assert len(scan("t.rows", row_filter=GreaterThan("id", 44))) == 5
    assert scan("t.rows", selected_fields=("s",), row_filter=In("id", [7]))[0] == {"s": "key 7"}
    first = table.history()[0].snapshot_id
    assert len(scan("t.rows", snapshot_id=first)) == 10
    assert count(f"t.rows FOR VERSION AS OF {first}") == 10


def check_overwrite_and_delete():
    table = CATALOG.create_table("t.over", PARTITIONED)
    table.append(partitioned_rows(0, 30))
    table.delete(GreaterThan("id", 19))
    assert same("t.over") == 20
    table.overwrite(partitioned_rows(100, 105), overwrite_filter=GreaterThan("id", 9))
    assert same("t.over") == 15
    table.upsert(partitioned_rows(104, 107), join_cols=["id"])
    assert same("t.over") == 17
    table.overwrite(partitioned_rows(0, 1))
    assert same("t.over") == 1


def check_schema_evolution():
    table = CATALOG.create_table("t.evolved", PARTITIONED)
    table.append(partitioned_rows(0, 3))
    with table.update_schema() as update:
        update.add_column("extra", StructType(NestedField(1, "x", IntegerType())), doc="a struct")
        update.add_column("n", IntegerType())
        update.rename_column("s", "text")
        update.delete_column("day")
        update.move_first("ts")
    with table.update_schema() as update:
        update.add_column(("extra", "y"), StringType())
        update.update_column("n", LongType())
    names = [field.name for field in CATALOG.load_table("t.evolved").schema().fields]
    assert names == ["ts", "id", "text", "extra", "n"], names
    table.append(pa.Table.from_pylist([{"id": 9, "text": "new", "extra": {"x": 1, "y": "z"}, "n": 1 << 40}], schema=table.schema().as_arrow()))
    assert same("t.evolved") == 4
    assert count("t.evolved", "extra.y = 'z' AND n = 1099511627776") == 1
    with table.update_spec() as update:
        update.add_field("id", IdentityTransform(), "by_id")
    table.append(pa.Table.from_pylist([{"id": 10, "text": "part"}], schema=table.schema().as_arrow()))
    assert same("t.evolved") == 5
    assert len(CATALOG.load_table("t.evolved").specs()) == 2


def check_properties():
    table = CATALOG.create_table("t.props", PARTITIONED, properties={"a": "1"})
    with table.transaction() as change:
        change.set_properties(b="2")
        change.remove_properties("a")
    properties = CATALOG.load_table("t.props").properties
    assert properties["b"] == "2" and "a" not in properties


def check_transaction_of_one_table():
    table = CATALOG.create_table("t.tx", PARTITIONED)
    with table.transaction() as change:
        change.set_properties(done="yes")
        with change.update_schema() as update:
            update.add_column("late", StringType())
        change.append(pa.Table.from_pylist([{"id": 1, "late": "x"}], schema=Schema(*PARTITIONED.fields, NestedField(5, "late", StringType())).as_arrow()))
    assert same("t.tx") == 1
    assert CATALOG.load_table("t.tx").properties["done"] == "yes"


def check_staged_table():
    with CATALOG.create_table_transaction("t.staged", PARTITIONED, properties={"k": "v"}) as change:
        assert not CATALOG.table_exists("t.staged")
        change.append(partitioned_rows(0, 4))
    assert same("t.staged") == 4
    with_taken = CATALOG.create_table_transaction("t.staged2", PARTITIONED)
    CATALOG.create_table("t.staged2", PARTITIONED)
    fails((TableAlreadyExistsError, CommitFailedException), with_taken.commit_transaction)


def check_wide_table():
    """Its answer is large enough to be sent from the cache without a copy."""
    fields = [NestedField(i, f"a_column_with_a_rather_long_name_{i}", DoubleType()) for i in range(1, 1501)]
    made = CATALOG.create_table("t.wide", Schema(*fields))
    for _ in range(3):
        assert CATALOG.load_table("t.wide").metadata == made.metadata
    status, headers, answer = http("GET", "/iceberg/v1/namespaces/t/tables/wide")
    assert int(headers["Content-Length"]) > 1 << 16 and len(answer["metadata"]["schemas"][0]["fields"]) == 1500
    assert http("HEAD", "/iceberg/v1/namespaces/t/tables/wide")[0] == 204


def check_conflicts():
    """Two catalogs with the same table in hand: the slower one is refused or tries again, and no row is lost."""
    CATALOG.create_table("t.race", PARTITIONED)
    other = catalog()
    ours, theirs = CATALOG.load_table("t.race"), other.load_table("t.race")
    with ours.update_schema() as update:
        update.add_column("mine", StringType())
    change = theirs.update_schema().add_column("yours", StringType())
    assert "Requirement failed" in fails(CommitFailedException, change.commit)
    ours.append(pa.Table.from_pylist([{"id": 1}], schema=ours.schema().as_arrow()))
    theirs.refresh()
    stale = other.load_table("t.race")
    ours.append(pa.Table.from_pylist([{"id": 2}], schema=ours.schema().as_arrow()))
    stale.append(pa.Table.from_pylist([{"id": 3}], schema=stale.schema().as_arrow()))
    assert same("t.race") == 3
    uuid_of_other = str(uuid.uuid4())
    status, _, answer = http(
        "POST",
        "/iceberg/v1/namespaces/t/tables/race",
        {"requirements": [{"type": "assert-table-uuid", "uuid": uuid_of_other}], "updates": []},
    )
    assert status == 409 and answer["error"]["type"] == "CommitFailedException", answer


def check_concurrent_appends():
    CATALOG.create_table("t.shared", PARTITIONED, properties={"commit.retry.num-retries": "50", "commit.retry.min-wait-ms": "5", "commit.retry.max-wait-ms": "200"})

    def work(writer):
        own = catalog()
        for i in range(5):
            own.load_table("t.shared").append(partitioned_rows(writer * 100 + i, writer * 100 + i + 1))

    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(4)))
    assert same("t.shared") == 20
    assert count("t.shared", "id % 100 < 5") == len({row["id"] for row in scan("t.shared")}) == 20


def check_names():
    CATALOG.create_table("t.old", PARTITIONED).append(partitioned_rows(0, 2))
    assert ("t", "old") in CATALOG.list_tables("t")
    assert CATALOG.table_exists("t.old") and not CATALOG.table_exists("t.moon")
    fails(TableAlreadyExistsError, lambda: CATALOG.create_table("t.old", PARTITIONED))
    fails(NoSuchNamespaceError, lambda: CATALOG.create_table("moon.t", PARTITIONED))
    fails(NoSuchTableError, lambda: CATALOG.load_table("t.moon"))
    CATALOG.create_namespace("t2")
    CATALOG.rename_table("t.old", "t2.new name")
    assert not CATALOG.table_exists("t.old")
    assert count('t2."new name"') == 2
    fails(NoSuchTableError, lambda: CATALOG.rename_table("t.old", "t2.x"))
    CATALOG.create_table("t.old", PARTITIONED)
    fails(TableAlreadyExistsError, lambda: CATALOG.rename_table("t.old", "t2.new name"))
    fails(NoSuchTableError, lambda: CATALOG.drop_table("t.moon"))
    CATALOG.purge_table(("t2", "new name"))
    assert CATALOG.list_tables("t2") == []
    assert CATALOG.list_views("t2") == []
    CATALOG.drop_namespace("t2")


def check_register():
    table = CATALOG.create_table("t.reg", PARTITIONED)
    table.append(partitioned_rows(0, 3))
    location = table.metadata_location
    CATALOG.drop_table("t.reg")
    fails(NoSuchTableError, lambda: CATALOG.load_table("t.reg"))
    CATALOG.register_table("t.reg2", location)
    assert same("t.reg2") == 3
    fails(TableAlreadyExistsError, lambda: CATALOG.register_table("t.reg2", location))
    CATALOG.load_table("t.reg2").append(partitioned_rows(3, 5))
    CATALOG.register_table("t.reg2", location, overwrite=True)
    assert same("t.reg2") == 3


def check_snapshot_refs():
    table = CATALOG.create_table("t.refs", PARTITIONED)
    table.append(partitioned_rows(0, 2))
    first = table.current_snapshot().snapshot_id
    table.append(partitioned_rows(2, 5))
    table.manage_snapshots().create_tag(first, "v1").create_branch(first, "side").commit()
    table = CATALOG.load_table("t.refs")
    assert set(table.refs()) == {"main", "v1", "side"}
    table.append(partitioned_rows(10, 11), branch="side")
    assert count("t.refs FOR VERSION AS OF 'v1'") == 2
    assert count("t.refs FOR VERSION AS OF 'side'") == 3
    assert same("t.refs") == 5
    table.manage_snapshots().remove_tag("v1").remove_branch("side").commit()
    assert set(CATALOG.load_table("t.refs").refs()) == {"main"}
    trimmed = catalog(**{"snapshot-loading-mode": "refs"}).load_table("t.refs")
    assert len(trimmed.metadata.snapshots) == 1


def check_tables_of_firn():
    run("CREATE TABLE t.ours PARTITIONED BY (bucket(4, id), month(day)) AS SELECT i AS id, 'x' || i AS s, DATE '2001-01-01' + (i * 9)::INTEGER AS day FROM range(0, 50) r(i)")
    assert same("t.ours") == 50
    assert len(scan("t.ours", row_filter=EqualTo("id", 7))) == 1
    CATALOG.load_table("t.ours").delete(EqualTo("id", 7))
    assert same("t.ours") == 49


def check_branches():
    """A warehouse is a branch of the whole catalog; merged, its tables are there as one commit."""
    CATALOG.create_table("t.branched", PARTITIONED).append(partitioned_rows(0, 2))
    status, _, _ = http("POST", "/api/refs", {"name": "etl/night", "from": "main"})
    assert status == 201
    branch = catalog(warehouse="etl/night")
    branch.load_table("t.branched").append(partitioned_rows(2, 5))
    branch.create_table("t.fresh", PARTITIONED).append(partitioned_rows(0, 1))
    assert count("t.branched") == 2 and count("t.branched", branch="etl/night") == 5
    assert not CATALOG.table_exists("t.fresh")
    CATALOG.load_table("t.branched").append(partitioned_rows(9, 10))
    status, _, answer = http("POST", "/api/merge", {"from": "etl/night", "into": "main"})
    assert status == 200 and answer["applied"], answer
    assert same("t.branched") == 6 and same("t.fresh") == 1
    fails(RESTError, lambda: catalog(warehouse="moon"))


def check_many_tables_as_one():
    for name in "t.m1", "t.m2":
        CATALOG.create_table(name, PARTITIONED)

    def change(name, requirements):
        return {
            "identifier": {"namespace": ["t"], "name": name},
            "requirements": requirements,
            "updates": [{"action": "set-properties", "updates": {"batch": "1"}}],
        }

    bad = [{"type": "assert-current-schema-id", "current-schema-id": 9}]
    status, _, answer = http("POST", "/iceberg/v1/transactions/commit", {"table-changes": [change("m1", []), change("m2", bad)]})
    assert status == 409 and "current schema changed" in answer["error"]["message"], answer
    assert "batch" not in CATALOG.load_table("t.m1").properties
    status, _, _ = http("POST", "/iceberg/v1/transactions/commit", {"table-changes": [change("m1", []), change("m2", [])]})
    assert status == 204
    assert CATALOG.load_table("t.m2").properties["batch"] == "1"


def check_http():
    """What PyIceberg does not ask for: ETags, pages, HEAD, keys of repeated requests."""
    CATALOG.create_table("t.http", PARTITIONED)
    path = "/iceberg/v1/namespaces/t/tables/http"
    status, headers, _ = http("GET", path)
    assert status == 200 and headers["ETag"]
    status, again, body = http("GET", path, **{"If-None-Match": headers["ETag"]})
    assert status == 304 and body is None and again["ETag"] == headers["ETag"]
    status, refs, _ = http("GET", path + "?snapshots=refs")
    assert refs["ETag"] != headers["ETag"]
    assert http("HEAD", path)[0] == 204 and http("HEAD", path + "x")[0] == 404
    assert http("POST", path + "/metrics", {"report-type": "scan-report"})[0] == 204
    key, change = str(uuid.uuid4()), {"updates": [{"action": "set-properties", "updates": {"p": "1"}}]}
    assert http("POST", path, change, **{"Idempotency-Key": key})[0] == 200
    assert http("POST", path, {"updates": [{"action": "set-properties", "updates": {"p": "2"}}]})[0] == 200
    status, _, answer = http("POST", path, change, **{"Idempotency-Key": key})
    assert status == 200
    assert http("GET", path)[2]["metadata"]["properties"]["p"] == "2"
    _, _, page = http("GET", "/iceberg/v1/namespaces/t/tables?pageToken=&pageSize=3")
    seen, pages = page["identifiers"], 1
    while page["next-page-token"]:
        _, _, page = http("GET", "/iceberg/v1/namespaces/t/tables?pageSize=3&pageToken=" + page["next-page-token"])
        seen, pages = seen + page["identifiers"], pages + 1
    assert len({t["name"] for t in seen}) == len(seen) == len(CATALOG.list_tables("t")) and pages > 1
    assert http("GET", "/iceberg/v1/namespaces/t/functions")[2]["identifiers"] == []


def check_views():
    """Made, loaded, listed, replaced by another client, registered again, dropped; one name is a table or a view."""
    schema = Schema(NestedField(1, "id", LongType(), required=False))
    version = ViewVersion(
        version_id=1,
        schema_id=1,
        timestamp_ms=1000,
        summary={"engine-name": "pyiceberg"},
        representations=[SQLViewRepresentation(type="sql", sql="SELECT id FROM t.ours", dialect="spark")],
        default_namespace=["t"],
    )
    made = CATALOG.create_view("t.v", schema, version)
    assert CATALOG.view_exists("t.v") and ("t", "v") in CATALOG.list_views("t")
    assert ("t", "v") not in CATALOG.list_tables("t")
    loaded = CATALOG.load_view("t.v")
    assert loaded.current_version().representations[0].root.sql == "SELECT id FROM t.ours"
    fails(ViewAlreadyExistsError, lambda: CATALOG.create_view("t.v", schema, version))
    fails(TableAlreadyExistsError, lambda: CATALOG.create_table("t.v", schema))
    assert not CATALOG.table_exists("t.v")
    location = http("GET", "/iceberg/v1/namespaces/t/views/v")[2]["metadata-location"]
    CATALOG.drop_view("t.v")
    fails(NoSuchViewError, lambda: CATALOG.load_view("t.v"))
    CATALOG.register_view("t.again", location)
    assert CATALOG.load_view("t.again").metadata.view_uuid == made.metadata.view_uuid
    CATALOG.drop_view("t.again")


def check_table_anywhere():
    """Without credentials a table may lie anywhere."""
    with tempfile.TemporaryDirectory() as folder:
        schema = Schema(NestedField(1, "id", LongType(), required=False))
        table = CATALOG.create_table("t.far", schema, location=f"file://{folder}/far")
        table.append(pa.table({"id": [1, 2]}))
        assert same("t.far") == 2 and os.path.isdir(f"{folder}/far/metadata")
        CATALOG.drop_table("t.far")


def check_reference_in_the_path():
    """/iceberg/{ref} is a catalog of its own."""
    http("POST", "/api/refs", {"name": "by-path", "from": "main"})
    side = RestCatalog("firn", uri=URL + "/iceberg/by-path")
    side.create_namespace("only_there")
    assert ("only_there",) in side.list_namespaces() and ("only_there",) not in CATALOG.list_namespaces()


def check_gzip():
    """Packed answers and packed requests, plain ones for who does not take them."""
    path = "/iceberg/v1/namespaces/t/tables/http"
    plain = urllib.request.urlopen(URL + path).read()
    asked = urllib.request.Request(URL + path, headers={"Accept-Encoding": "gzip"})
    with urllib.request.urlopen(asked) as answer:
        assert answer.headers["Content-Encoding"] == "gzip" and answer.headers["Vary"] == "Accept-Encoding"
        assert gzip.decompress(answer.read()) == plain
    change = gzip.compress(json.dumps({"updates": [{"action": "set-properties", "updates": {"packed": "yes"}}]}).encode())

    def post(body, coding):
        request = urllib.request.Request(URL + path, data=body, headers={"Content-Type": "application/json", "Content-Encoding": coding})
        try:
            with urllib.request.urlopen(request) as answer:
                return answer.status
        except urllib.error.HTTPError as error:
            return error.code

    assert post(change, "gzip") == 200
    assert CATALOG.load_table("t.http").properties["packed"] == "yes"
    assert post(change[:-3], "gzip") == 400 and post(b"{}", "gzip") == 400
    assert post(b"{}", "br") == 415
    assert post(gzip.compress(b" " * (65 << 20)), "gzip") == 413


def check_bad_requests():
    for method, path, body in [
        ("POST", "/iceberg/v1/namespaces", {"namespace": []}),
        ("POST", "/iceberg/v1/namespaces", {"namespace": ["../up"]}),
        ("POST", "/iceberg/v1/namespaces/t/tables", {"name": "x"}),
        ("POST", "/iceberg/v1/namespaces/t/tables/http", {"updates": [{"action": "fly"}]}),
        ("GET", "/iceberg/v1/namespaces/t%00", None),
        ("GET", "/iceberg/v1/namespaces?pageSize=-1", None),
        ("POST", "/iceberg/v1/namespaces/t/register", {"name": "x", "metadata-location": "/nowhere/x.json"}),
    ]:
        status, _, answer = http(method, path, body)
        assert 400 <= status < 500 and answer["error"]["code"] == status, (method, path, status, answer)


# ---- Rates ----


def rates(seconds=8):
    """Appends of one row to a table of its own, and a table with ten snapshots for loads."""
    table = CATALOG.create_table("t.rate", PARTITIONED)
    begin, n = time.monotonic(), 0
    while time.monotonic() - begin < seconds:
        table.append(partitioned_rows(n, n + 1))
        n += 1
    print(f"appends {n / (time.monotonic() - begin):.1f}/s")
    begin, n = time.monotonic(), 0
    while time.monotonic() - begin < seconds / 2:
        with table.transaction() as change:
            change.set_properties(n=str(n))
        n += 1
    print(f"set-properties commits {n / (time.monotonic() - begin):.1f}/s")
    ten = CATALOG.create_table("t.ten", PARTITIONED)
    for i in range(10):
        ten.append(partitioned_rows(i, i + 1))
    begin, n = time.monotonic(), 0
    while time.monotonic() - begin < seconds / 2:
        CATALOG.load_table("t.ten")
        n += 1
    print(f"loads by PyIceberg {n / (time.monotonic() - begin):.1f}/s")


def main():
    CATALOG.create_namespace("t")
    if "--rates" in sys.argv:
        return rates()
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
            traceback.print_exc()
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
