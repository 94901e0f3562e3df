# SPDX-License-Identifier: Apache-2.0
"""PyIceberg's scans planned by the server and by itself: scan_planning.py URL."""

import datetime
import decimal
import json
import sys
import time
import traceback
import urllib.error
import urllib.request

import pyarrow as pa
from pyiceberg.catalog.rest import RestCatalog
from pyiceberg.expressions import (
    AlwaysFalse,
    And,
    EqualTo,
    GreaterThan,
    GreaterThanOrEqual,
    In,
    IsNaN,
    IsNull,
    LessThan,
    Not,
    NotEqualTo,
    NotIn,
    NotNull,
    NotStartsWith,
    Or,
    StartsWith,
)
from pyiceberg.partitioning import PartitionField, PartitionSpec
from pyiceberg.schema import Schema
from pyiceberg.transforms import BucketTransform, DayTransform, IdentityTransform, TruncateTransform
from pyiceberg.types import (
    DateType,
    DecimalType,
    DoubleType,
    LongType,
    NestedField,
    StringType,
    TimestamptzType,
)

URL = sys.argv[1]
UTC = datetime.timezone.utc
CLIENT = RestCatalog("firn", uri=URL + "/iceberg", **{"scan-planning-mode": "client"})
SERVER = RestCatalog("firn", uri=URL + "/iceberg", **{"scan-planning-mode": "server"})
passed = failed = 0

SCHEMA = Schema(
    NestedField(1, "id", LongType()),
    NestedField(2, "name", StringType()),
    NestedField(3, "at", TimestamptzType()),
    NestedField(4, "price", DoubleType()),
    NestedField(5, "amount", DecimalType(9, 2)),
    NestedField(6, "day", DateType()),
)
SPECS = {
    "plain": PartitionSpec(),
    "by_bucket": PartitionSpec(PartitionField(1, 1000, BucketTransform(4), "b")),
    "by_day": PartitionSpec(PartitionField(3, 1000, DayTransform(), "d")),
    "by_name": PartitionSpec(PartitionField(2, 1000, TruncateTransform(2), "n")),
    "by_date": PartitionSpec(PartitionField(6, 1000, IdentityTransform(), "day")),
}
FILTERS = [
    EqualTo("id", 7),
    GreaterThan("id", 25),
    And(GreaterThanOrEqual("id", 3), LessThan("id", 12)),
    In("id", {1, 2, 33}),
    NotIn("id", {1, 2}),
    Or(EqualTo("name", "n3"), StartsWith("name", "n1")),
    NotStartsWith("name", "n"),
    NotEqualTo("name", "n1"),
    IsNull("name"),
    NotNull("name"),
    IsNaN("price"),
    GreaterThan("price", 12.5),
    EqualTo("amount", decimal.Decimal("3.50")),
    LessThan("amount", decimal.Decimal("4.00")),
    EqualTo("day", "2024-01-03"),
    GreaterThan("at", "2024-01-02T12:00:00+00:00"),
    Not(And(GreaterThan("id", 5), EqualTo("name", "n2"))),
    AlwaysFalse(),
]


def check(name, test):
    global passed, failed
    try:
        test()
        passed += 1
    except Exception:
        failed += 1
        print("FAILED", name)
        print("   ", traceback.format_exc().strip().replace("\n", "\n    "))


def rows(first, n, nulls):
    """Rows from `first`; a name is null now and then, where the partitions allow for it."""
    ids = list(range(first, first + n))
    return pa.table(
        {
            "id": pa.array(ids, pa.int64()),
            "name": pa.array([None if nulls and i % 7 == 0 else f"n{i % 5}x{i}" for i in ids], pa.string()),
            "at": pa.array(
                [datetime.datetime(2024, 1, 1, tzinfo=UTC) + datetime.timedelta(hours=3 * i) for i in ids],
                pa.timestamp("us", "UTC"),
            ),
            "price": pa.array([float("nan") if i % 11 == 0 else i / 2 for i in ids], pa.float64()),
            "amount": pa.array([decimal.Decimal(i) / 2 for i in ids], pa.decimal128(9, 2)),
            "day": pa.array([datetime.date(2024, 1, 1 + i // 10) for i in ids], pa.date32()),
        }
    )


def files(table, **scan):
    return sorted(t.file.file_path for t in table.scan(**scan).plan_files())


def read(table, **scan):
    return table.scan(**scan).to_arrow().sort_by("id").to_pylist()


def same(name, filter, **scan):
    """What the server leaves out must not matter, and it must not leave in more than PyIceberg does."""
    client, server = CLIENT.load_table(name), SERVER.load_table(name)
    # Compared as text, since NaN is not itself.
    assert str(read(client, row_filter=filter, **scan)) == str(read(server, row_filter=filter, **scan))
    if "price" in str(filter):
        return  # NaN is above all numbers for Firn, as for Spark, and none of them for PyIceberg
    extra = set(files(server, row_filter=filter, **scan)) - set(files(client, row_filter=filter, **scan))
    assert not extra, extra


def ask(method, path, body=None, **headers):
    """Status and answer of a request that PyIceberg does not make."""
    data = None if body is None else json.dumps(body).encode()
    headers = {"Content-Type": "application/json", **headers}
    request = urllib.request.Request(URL + "/iceberg/v1/namespaces/plan/tables/plain_5000" + path, data, headers, method=method)
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            text = answer.read()
            return answer.status, json.loads(text) if text else None
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read())


def polled():
    status, answer = ask("POST", "/plan", {"filter": {"type": "lt", "term": "id", "value": 15}}, Prefer="wait=5, respond-async")
    assert (status, answer["status"]) == (200, "submitted"), answer
    path = "/plan/" + answer["plan-id"]
    for _ in range(200):
        status, answer = ask("GET", path)
        if answer["status"] != "submitted":
            break
        time.sleep(0.05)
    assert answer["status"] == "completed" and answer["file-scan-tasks"], answer
    assert ask("DELETE", path) == (204, None)
    assert ask("GET", path) == (200, {"status": "cancelled"})
    status, answer = ask("GET", "/plan/none")
    assert (status, answer["error"]["type"]) == (404, "NoSuchPlanIdException"), answer


def main():
    CLIENT.create_namespace("plan")
    for kind, spec in SPECS.items():
        for page in ("5000", "1"):  # at once, and by plan tasks
            name = f"plan.{kind}_{page}"
            properties = {"format-version": "2", "firn.scan-planning.page-files": page}
            table = CLIENT.create_table(name, SCHEMA, partition_spec=spec, properties=properties)
            for first in (0, 10, 20, 30):
                table.append(rows(first, 10, nulls=kind != "by_name"))
            table.delete(In("id", {4, 14}))
            check(f"{name}: all", lambda: same(name, "true"))
            for filter in FILTERS:
                check(f"{name}: {filter}", lambda: same(name, filter))
            old = table.metadata.snapshots[1].snapshot_id
            check(f"{name}: an old snapshot", lambda: same(name, GreaterThan("id", 5), snapshot_id=old))
            check(f"{name}: some columns", lambda: same(name, LessThan("price", 3.0), selected_fields=("id", "price")))

    def server_is_asked():
        assert SERVER.supports_server_side_planning() and not CLIENT.supports_server_side_planning()

    check("the server is asked", server_is_asked)
    check("a plan is polled and cancelled", polled)


main()
print(f"{passed} passed, {failed} failed")
