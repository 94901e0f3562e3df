# SPDX-License-Identifier: Apache-2.0
"""capi.py LIBRARY WORK: libfirn through ctypes, its streams imported by pyarrow and pyarrow's exported to it, compared with what PyIceberg reads
of the same tables.  Ends with "N passed, N failed"."""

import datetime
import decimal
import sys
import threading
import uuid
from ctypes import byref, c_int32, c_int64, c_size_t

import pyarrow as pa
from libfirn import Failed, Lake, Write, call, ctypes_names, export, firn
from pyiceberg.table import StaticTable

work = sys.argv[2]
passed = failed = 0


def check(name, good, detail=""):
    global passed, failed
    if good:
        passed += 1
    else:
        failed += 1
        print(f"FAILED {name} {detail}"[:1500])


def plain(v):
    """One form for the values of both sides: PyIceberg gives uuids as such, Arrow has them as text."""
    if isinstance(v, uuid.UUID):
        return str(v)
    if isinstance(v, dict):
        return {k: plain(x) for k, x in v.items()}
    if isinstance(v, (list, tuple)):
        return [plain(x) for x in v]
    if isinstance(v, datetime.datetime) and v.tzinfo:
        return v.astimezone(datetime.timezone.utc)
    return v


def rows(table, key="k"):
    names = sorted(table.column_names)
    return sorted(([plain(r[n]) for n in names] for r in table.to_pylist()), key=lambda r: str(r[names.index(key)]))


def loose(v):
    """PyIceberg reads a null list inside of a struct as an empty one, where the file, as pyarrow reads it, has the null."""
    if isinstance(v, dict):
        return {k: [] if k == "b" and x is None else loose(x) for k, x in v.items()}
    return [loose(x) for x in v] if isinstance(v, list) else v


def same(name, lake, table, **more):
    """What the library and PyIceberg read of a table."""
    file, _ = lake.metadata(table)
    mine, theirs = rows(lake.scan(table=table, **more)), rows(StaticTable.from_metadata(file).scan(**{"row_filter": more["filter"]} if "filter" in more else {}).to_arrow())
    at = next((i for i, (a, b) in enumerate(zip(mine, theirs)) if loose(a) != loose(b)), None)
    check(name, loose(mine) == loose(theirs), f"{len(mine)} and {len(theirs)} rows, differ at {at}: {mine[at] if at is not None else ''} {theirs[at] if at is not None else ''}")
    return mine


TYPES = pa.schema([
    ("k", pa.int64()), ("b", pa.bool_()), ("i", pa.int32()), ("f", pa.float32()), ("d", pa.float64()), ("dec", pa.decimal128(38, 10)),
    ("small", pa.decimal128(9, 2)), ("day", pa.date32()), ("t", pa.time64("us")), ("ts", pa.timestamp("us")), ("tz", pa.timestamp("us", "UTC")),
    ("s", pa.string()), ("bin", pa.binary()), ("li", pa.list_(pa.int64())),
    ("st", pa.struct([("a", pa.int64()), ("b", pa.list_(pa.struct([("c", pa.string())])))])), ("m", pa.map_(pa.string(), pa.int64()))])


def sample(n, start=0):
    out = []
    for k in range(start, start + n):
        row = {f.name: None for f in TYPES}
        row["k"] = k
        if k % 5:
            row.update(b=k % 2 == 0, i=-k, f=k / 4, d=k / 3, dec=decimal.Decimal(k) * 10**20 / 4, small=decimal.Decimal(k) / 4,
                       day=datetime.date(1969, 12, 1) + datetime.timedelta(k), t=datetime.time(k % 24, 59, 58, k),
                       ts=datetime.datetime(1960, 1, 1) + datetime.timedelta(days=k, microseconds=k),
                       tz=datetime.datetime(2020, 1, 1, tzinfo=datetime.timezone.utc) + datetime.timedelta(seconds=k),
                       s="é" * (k % 40), bin=bytes([0, k % 256]) * (k % 9), li=[k, None] if k % 3 else [],
                       st={"a": None, "b": [{"c": str(k)}, None]} if k % 4 else {"a": k, "b": None}, m=[(str(k), k), ("n", None)])
        out.append(row)
    return pa.Table.from_pylist(out, schema=TYPES)


def types(lake):
    lake.create("ns.types", TYPES, "bucket(3, k)")
    same("empty tables", lake, "ns.types")
    data = sample(2500)
    done = lake.write("firn_append", "ns.types", data)
    check("rows are counted", done.rows == 2500 and len(done.commit) == 64)
    check("all types come back as they were", same("all types, nulls, nested", lake, "ns.types") == rows(data))
    same("a filter", lake, "ns.types", filter="k >= 100 and k < 200 and s is not null")
    check("a stream without rows", lake.write("firn_append", "ns.types", TYPES.empty_table()).snapshot_id == done.snapshot_id)
    lake.sql("CREATE TABLE ns.more AS SELECT i AS k, uuid() AS u FROM range(100) r(i)")
    same("uuids", lake, "ns.more")


def other_layouts(lake):
    """Arrow has many layouts for one type; all go into the same columns."""
    k = pa.array(range(2600), pa.int64())
    text = pa.array([None if i % 7 == 0 else f"text {i % 50} that is longer than twelve" for i in range(2600)])
    lake.create("ns.layouts", pa.schema([("k", pa.int64()), ("s", pa.string()), ("ts", pa.timestamp("us"))]))
    variants = {"dictionary": text.dictionary_encode(), "large": text.cast(pa.large_string()), "view": text.cast(pa.string_view())}
    for name, array in variants.items():
        stamps = pa.array(range(2600), pa.timestamp("ms" if name == "large" else "us"))
        table = pa.table({"k": k, "s": array, "ts": stamps})
        try:
            lake.write("firn_overwrite", "ns.layouts", table.slice(3, 2500), None)
            got = sorted((r["k"], r["s"]) for r in lake.scan(table="ns.layouts").to_pylist())
            want = [(i, text[i].as_py()) for i in range(3, 2503)]
            check(f"layout {name}, sliced", got == want, f"{got[:3]} {want[:3]}")
        except Failed as e:
            check(f"layout {name}", False, e)
    same("layouts", lake, "ns.layouts")


def changes(lake):
    lake.create("ns.changes", pa.schema([("k", pa.int64()), ("v", pa.string())]))
    model = {k: "a" for k in range(1000)}
    lake.write("firn_append", "ns.changes", pa.table({"k": list(model), "v": list(model.values())}))
    _, first = lake.metadata("ns.changes")
    lake.write("firn_overwrite", "ns.changes", pa.table({"k": [5000], "v": ["b"]}), b"k < 100")
    model = {k: v for k, v in model.items() if k >= 100} | {5000: "b"}
    check("overwrite", same("overwrite by filter", lake, "ns.changes") == [[k, v] for k, v in sorted(model.items(), key=lambda x: str(x[0]))])
    rows_in, keys = export(pa.table({"k": [200, 6000], "v": ["new", None]})), export(pa.table({"k": pa.array(range(150, 250))}))
    call("firn_row_delta", lake.handle, byref(Write(table=b"ns.changes")), byref(rows_in), b"k > 990", byref(keys), None)
    model = {k: v for k, v in model.items() if not 150 <= k < 250 and k <= 990} | {200: "new", 6000: None}
    check("row delta", same("row delta", lake, "ns.changes") == [[k, v] for k, v in sorted(model.items(), key=lambda x: str(x[0]))])
    check("an earlier snapshot", lake.scan(table="ns.changes", snapshot_id=first).num_rows == 1000)
    file, _ = lake.metadata("ns.changes")
    bare = Lake(file, "firn_open_metadata")
    check("a metadata file alone", rows(bare.scan(table="table.table")) == rows(lake.scan(table="ns.changes")))
    bare.close()


def merge_on_read(lake):
    lake.sql("CREATE TABLE ns.mor (k BIGINT, v TEXT) WITH ('format-version' = '2', 'write.merge.mode' = 'merge-on-read', 'write.delete.mode' = 'merge-on-read')")
    lake.write("firn_append", "ns.mor", pa.table({"k": range(3000), "v": [str(i) for i in range(3000)]}))
    keys = export(pa.table({"k": pa.array(range(0, 3000, 7))}))
    call("firn_row_delta", lake.handle, byref(Write(table=b"ns.mor")), None, None, byref(keys), None)
    lake.sql("DELETE FROM ns.mor WHERE k % 11 = 0")
    check("position deletes", len(same("position deletes", lake, "ns.mor")) == sum(1 for k in range(3000) if k % 7 and k % 11))


def planned(lake, table, **options):
    """The paths that a plan names, each with how many delete files."""
    return sorted((t["data-file"]["file-path"], len(t.get("delete-file-references", []))) for page in lake.plan(table=table, **options)
                  for t in page["file-scan-tasks"])


def maintained(lake):
    """One table through upserts, positions, evolution, plans, compaction, expiry and back to a snapshot; PyIceberg reads along."""
    lake.create("ns.life", pa.schema([("k", pa.int64()), ("v", pa.string())]))
    for at in range(0, 600, 100):
        lake.write("firn_append", "ns.life", pa.table({"k": range(at, at + 100), "v": ["old"] * 100}))
    _, old = lake.metadata("ns.life")
    done = lake.upsert("ns.life", pa.table({"k": range(590, 610), "v": ["new"] * 20}), "k")
    check("upsert", done.rows == 30 and sum(r[1] == "new" for r in same("after an upsert", lake, "ns.life")) == 20)
    places = lake.scan(table="ns.life", columns=(ctypes_names("_file", "_pos")), columns_n=2, filter="k >= 600")
    call("firn_row_delta", lake.handle, byref(Write(table=b"ns.life")), None, None, byref(export(places)), None)
    check("rows by position", len(same("after deletes by position", lake, "ns.life")) == 600)
    try:
        call("firn_row_delta", lake.handle, byref(Write(table=b"ns.life")), None, None, byref(export(places)), None)
        check("positions that are gone", False)
    except Failed as e:
        check("positions that are gone", str(e).startswith("4:"), e)
    ADD_COLUMN, ADD_PARTITION, SET_ORDER = 1, 12, 14
    lake.alter("ns.life", (ADD_COLUMN, "n", "int", None), (ADD_PARTITION, "truncate(100, k)", None, "part"), (SET_ORDER, "k DESC", None, None))
    lake.write("firn_append", "ns.life", pa.table({"k": [1000, 1100, 1101], "v": ["p"] * 3, "n": pa.array([1, 2, 3], pa.int32())}))
    same("an evolved table", lake, "ns.life")
    file, _ = lake.metadata("ns.life")
    for text in (None, "k < 150", "k >= 1000 and k < 1100", "v = 'nobody'"):
        scan = StaticTable.from_metadata(file).scan(**({"row_filter": text} if text else {}))
        theirs = sorted((t.file.file_path, len(t.delete_files)) for t in scan.plan_files())
        check(f"files for {text}", planned(lake, "ns.life", **({"filter": text} if text else {})) == theirs, theirs)
    did = lake.text("firn_compact", lake.handle, None, b"ns.life", None)
    check("compaction", did[0]["rewritten_data_files_count"] > 5 and len(same("a compacted table", lake, "ns.life")) == 603, did)
    lake.text("firn_rewrite_manifests", lake.handle, None, b"ns.life")
    lake.text("firn_analyze", lake.handle, None, b"ns.life")
    check("statistics", len(StaticTable.from_metadata(lake.metadata("ns.life")[0]).metadata.statistics) == 1)
    SET_CURRENT = 3
    _, new = lake.metadata("ns.life")
    check("an old snapshot is current", lake.move("ns.life", SET_CURRENT, snapshot_id=old) == old and len(same("an old snapshot", lake, "ns.life")) == 600)
    check("and the new one", lake.move("ns.life", SET_CURRENT, snapshot_id=new) == new)
    did = lake.text("firn_expire_snapshots", lake.handle, None, b"ns.life", c_int64(4102444800000), c_int32(1))
    check("expiry", len(StaticTable.from_metadata(lake.metadata("ns.life")[0]).metadata.snapshots) == 1 and len(same("after expiry", lake, "ns.life")) == 603, did)


def errors(lake):
    def broken():
        yield pa.record_batch({"k": [1], "v": ["x"]})
        raise ValueError("half way there")

    schema = pa.schema([("k", pa.int64()), ("v", pa.string())])
    before = lake.metadata("ns.changes")
    try:
        lake.write("firn_append", "ns.changes", pa.RecordBatchReader.from_batches(schema, broken()))
        check("a stream that fails", False)
    except Failed as e:
        check("a stream that fails", "half way there" in str(e), e)
    check("writes nothing", lake.metadata("ns.changes") == before)
    try:
        lake.write("firn_append", "ns.changes", pa.table({"k": ["no number"], "v": ["x"]}))
        check("a value that cannot be cast", False)
    except Failed as e:
        check("a value that cannot be cast", str(e).startswith("1:"), e)
    check("a failed cast writes nothing", lake.metadata("ns.changes") == before)
    try:
        lake.sql("SELECT CASE WHEN i = 50000 THEN error('here it ends') ELSE i END AS x FROM range(60000) r(i)")
        check("an error in the middle", False)
    except (pa.ArrowException, OSError, Failed) as e:
        check("an error in the middle", "here it ends" in str(e), e)


def early(lake):
    reader = lake.reader(table="ns.types")
    batch = reader.read_next_batch()
    del reader
    check("a batch outlives its stream", batch.num_rows > 0 and batch.column("k")[0].as_py() is not None)


def threads(lake):
    lake.create("ns.threads", pa.schema([("k", pa.int64())]))
    wrong = []

    def work_on(start):
        try:
            for i in range(5):
                lake.write("firn_append", "ns.threads", pa.table({"k": range(start + i * 100, start + i * 100 + 100)}))
                if lake.scan(table="ns.threads").num_rows % 100:
                    wrong.append("half an append is seen")
        except Exception as e:
            wrong.append(e)

    two = [threading.Thread(target=work_on, args=(n * 1000,)) for n in range(2)]
    for t in two:
        t.start()
    for t in two:
        t.join()
    check("two threads", not wrong, wrong)
    check("two threads lose nothing", len(same("two threads, as PyIceberg reads it", lake, "ns.threads")) == 1000)


def main():
    check("version", firn.firn_version().count(b".") == 2)
    lake = Lake(work + "/capi")
    call("firn_create_namespace", lake.handle, None, b"ns", None, c_size_t(0))
    for part in (types, other_layouts, changes, merge_on_read, maintained, errors, early, threads):
        try:
            part(lake)
        except Exception as e:
            check(part.__name__, False, repr(e))
    reader = lake.reader(table="ns.types")
    lake.close()
    check("a stream outlives the lake", reader.read_all().num_rows == 2500)
    print(f"{passed} passed, {failed} failed")


main()
