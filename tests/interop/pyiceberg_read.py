# SPDX-License-Identifier: Apache-2.0
"""pyiceberg_read.py FIRN DATA WORK: compares what PyIceberg reads from WORK/tables with what Firn reads.

Ends with "N passed, N failed"."""

import base64
import datetime
import decimal
import json
import subprocess
import sys
import uuid

from pyiceberg.table import StaticTable

firn, data, work = sys.argv[1:4]
passed = failed = 0


def check(name, good, detail=""):
    global passed, failed
    if good:
        passed += 1
    else:
        failed += 1
        print(f"FAILED {name} {detail}"[:1500])


def sql(text):
    out = subprocess.run([firn, "--data", data, "sql", "--format", "json", "-c", text], capture_output=True, text=True)
    if out.returncode:
        raise RuntimeError(f"{text}: {out.stderr}")
    return json.loads(out.stdout, parse_float=decimal.Decimal)


def norm(value, type_text):
    """A value of either side in one form; the types are PyIceberg's."""
    if value is None:
        return None
    kind = str(type_text)
    if kind.startswith("decimal"):
        return decimal.Decimal(str(value)).normalize()
    if kind in ("float", "double"):
        return float(value)
    if kind == "timestamp":
        return value.isoformat() if isinstance(value, datetime.datetime) else datetime.datetime.fromisoformat(value).isoformat()
    if kind == "timestamptz":
        if not isinstance(value, datetime.datetime):
            value = datetime.datetime.fromisoformat(value.replace("Z", "+00:00"))
        return value.astimezone(datetime.timezone.utc).isoformat()
    if kind == "date":
        return value.isoformat() if isinstance(value, datetime.date) else value
    if kind == "time":
        return (value if isinstance(value, datetime.time) else datetime.time.fromisoformat(value)).isoformat()
    if kind == "uuid":
        return str(uuid.UUID(bytes=value) if isinstance(value, bytes) else uuid.UUID(str(value)))
    if kind in ("binary", "fixed"):
        return value if isinstance(value, bytes) else base64.b64decode(value)
    return value


def norm_any(value, t):
    name = type(t).__name__
    if name == "ListType" and type(t.element_type).__name__ == "StructType" and value is None:
        return []  # PyIceberg 0.12 reads a null list of structs so; see check_null_list
    if value is None:
        return None
    if name == "StructType":
        return {f.name: norm_any(value.get(f.name), f.field_type) for f in t.fields}
    if name == "ListType":
        return [norm_any(v, t.element_type) for v in value]
    if name == "MapType":
        if isinstance(value, dict):
            pairs = value.items()
        else:
            pairs = [(p["key"], p["value"]) if isinstance(p, dict) else p for p in value]
        return sorted(((norm_any(k, t.key_type), norm_any(v, t.value_type)) for k, v in pairs), key=repr)
    return norm(value, t)


def rows_of(records, schema):
    rows = [{f.name: norm_any(r[f.name], f.field_type) for f in schema.fields} for r in records]
    return sorted(rows, key=repr)


def compare(name, theirs, ours, schema):
    got, want = rows_of(theirs, schema), rows_of(ours, schema)
    if got == want:
        check(name, True)
        return
    different = [(g, w) for g, w in zip(got, want) if g != w][:1]
    check(name, False, f"{len(got)} rows against {len(want)}; {different}")


def read(table, **options):
    return table.scan(**options).to_arrow().to_pylist()


FILTERS = {
    "t.plain": ["id = 5", "s = 's1' AND id > 250", "n < -100", "d = '1969-12-31'", "ts < '1970-01-01T00:00:00'", "s IS NULL"],
    "t.by_identity": ["s = 's3'", "s IS NULL", "s != 's1'"],
    "t.by_bucket": ["id = 77", "id IN (1, 2, 299)", "id > 290"],
    "t.by_bucket_text": ["s = 's4'", "s IS NOT NULL"],
    "t.by_bucket_time": ["ts = '1969-12-25T22:00:00'"],
    "t.by_bucket_decimal": ["n = -125.00"],
    "t.by_truncate": ["id < 50", "id >= 251"],
    "t.by_truncate_text": ["s LIKE 's2%'"],
    "t.by_truncate_decimal": ["n > 200", "n < -100.50"],
    "t.by_year": ["ts >= '1970-01-01T00:00:00'"],
    "t.by_month": ["d >= '1970-01-01'", "d = '1969-12-31'"],
    "t.by_day": ["ts >= '1970-01-01T00:00:00' AND ts < '1970-01-02T00:00:00'", "ts < '1969-12-26T00:00:00'"],
    "t.by_hour": ["ts < '1969-12-26T00:00:00'"],
    "t.by_two": ["d = '1969-12-05' AND s = 's1'"],
    "t.appended": ["id < 0", "s IS NULL", "id = 25"],
    "t.big": ["id >= 199990", "k = 999 AND id < 5000"],
}


def check_partitions(name, table):
    """The values that the files' names and manifests hold are those that PyIceberg computes from the rows."""
    spec, schema = table.spec(), table.schema()
    if spec.is_unpartitioned():
        return
    for task in table.scan().plan_files():
        from pyiceberg.io.pyarrow import PyArrowFileIO
        import pyarrow.parquet as pq

        rows = pq.read_table(task.file.file_path.removeprefix("file://")).to_pylist()
        for i, field in enumerate(spec.fields):
            source = schema.find_field(field.source_id)
            transform = field.transform.transform(source.field_type)
            literal = {transform(partition_literal(r[source.name], source.field_type)) for r in rows}
            if literal != {task.file.partition[i]}:
                check(f"{name}: partition {field.name}", False, f"{task.file.partition[i]!r} holds {literal}")
                return
    check(f"{name}: partitions", True)


def check_null_list(table):
    """What norm_any lets pass, seen with Arrow: the file does hold a null."""
    import pyarrow.parquet as pq

    rows = [r for t in table.scan().plan_files() for r in pq.read_table(t.file.file_path).to_pylist()]
    check("t.nested: null list", [r["li"] for r in rows if r["id"] == 3] == [None], rows)


EPOCH = datetime.datetime(1970, 1, 1)


def partition_literal(value, field_type):
    """What PyIceberg's transforms take: days and microseconds as integers."""
    if isinstance(value, datetime.datetime):
        delta = value - EPOCH
        return (delta.days * 86400 + delta.seconds) * 1000000 + delta.microseconds
    if isinstance(value, datetime.date):
        return (value - EPOCH.date()).days
    return value


def check_table(name, location):
    table = StaticTable.from_metadata(location)
    ours = sql(f"SELECT * FROM {quoted(name)}")
    compare(f"{name}: rows", read(table), ours, table.schema())
    for text in FILTERS.get(name, []):
        theirs = read(table, row_filter=text)
        mine = sql(f"SELECT * FROM {quoted(name)} WHERE {text}")
        compare(f"{name}: {text}", theirs, mine, table.schema())
    check_partitions(name, table)
    if name == "t.nested":
        check_null_list(table)
    for snapshot in table.snapshots():
        schema = table.schemas()[snapshot.schema_id]
        theirs = table.scan(snapshot_id=snapshot.snapshot_id).to_arrow().to_pylist()
        mine = sql(f"SELECT * FROM {quoted(name)} FOR VERSION AS OF {snapshot.snapshot_id}")
        compare(f"{name}: snapshot {snapshot.snapshot_id}", theirs, mine, schema)
    total = sum(t.file.record_count for t in table.scan().plan_files())
    check(f"{name}: record counts", total == len(ours), f"{total} and {len(ours)}")


def quoted(name):
    return ".".join('"' + part.replace('"', '""') + '"' for part in name.split(".", 1))


with open(f"{work}/tables") as lines:
    for line in lines:
        # the location begins with a slash: names may hold blanks
        name, _, location = line.rstrip("\n").partition(" /")
        try:
            check_table(name, "/" + location)
        except Exception as e:
            check(name, False, f"{type(e).__name__}: {e}")
print(f"{passed} passed, {failed} failed")
