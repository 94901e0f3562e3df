# SPDX-License-Identifier: Apache-2.0
"""Named lies: a table's file, what is wrong with it, and the words that must answer. A case with None for words may also be answered with rows."""

import gzip
import json
import os
import re
import struct
import zlib

from formats import Avro, Parquet, Puffin, blob, varint, zigzag

CASES = []


def case(name, kind, words, table="three", text=None):
    def add(change):
        CASES.append((name, kind, words, table, text, change))
        return change

    return add


# ---- Metadata.


def metadata(name, words, change, **more):
    @case(f"metadata: {name}", "metadata", words, **more)
    def _(data):
        document = json.loads(data)
        out = change(document)
        return out if isinstance(out, bytes) else json.dumps(document if out is None or not isinstance(out, dict) else out).encode()


def fields(d):
    return next(s for s in d["schemas"] if s["schema-id"] == d["current-schema-id"])["fields"]


def setter(key, value):
    def change(d):
        d[key] = value

    return change


metadata("a version that is not known", "format.version", setter("format-version", 4))
metadata("a version beyond all numbers", "format.version", setter("format-version", 2**70))
metadata("a version that is text", "format.version", setter("format-version", "3"))
metadata("no document", "metadata.json", lambda d: b"")
metadata("a list", "metadata.json", lambda d: b"[]")
metadata("half a document", "metadata.json", lambda d: json.dumps(d).encode()[:-700])
metadata("lists in lists", "deep|depth|nest", lambda d: b'{"a":' * 100000)
metadata("a number without an end", "metadata.json", lambda d: b'{"format-version":' + b"9" * 1000000 + b"}")
metadata("a key twice", "metadata.json", lambda d: json.dumps(d).encode()[:-1] + b', "format-version": 2}')
metadata("bytes that are no text", "metadata.json", lambda d: json.dumps(d).encode().replace(b"text", b"\xff\xfe") .replace(b'"st"', b'"\xc3\x28"'))
metadata("no location", "location", lambda d: d.pop("location") and None)
metadata("a location that is a number", "location", setter("location", 7))
metadata("no schemas", "schema", lambda d: d.pop("schemas") and None)
metadata("a current schema that is not there", "schema", setter("current-schema-id", 99))
metadata("a type that is not known", "type", lambda d: fields(d)[1].update(type="complex128"))
metadata("a decimal of no digits", "decimal|type", lambda d: fields(d)[1].update(type="decimal(99, 2)"))
metadata("a fixed of 2^40 bytes", "fixed|type", lambda d: fields(d)[1].update(type=f"fixed[{2**40}]"))
metadata("types in types", "deep|depth|nest|type", lambda d: fields(d)[3].update(type=nested(600)))
metadata("one id for two columns", "id", lambda d: fields(d)[1].update(id=fields(d)[0]["id"]))
metadata("one name for two columns", "two fields", lambda d: fields(d)[1].update(name=fields(d)[0]["name"]))
metadata("a spec that is not there", "spec", setter("default-spec-id", 42))
metadata("a spec of a column that is not there", None, lambda d: d["partition-specs"][0]["fields"][0].update({"source-id": 77}))
metadata("a bucket of no buckets", "bucket|transform", lambda d: d["partition-specs"][0]["fields"][0].update(transform="bucket[0]"))
metadata("a current snapshot that is not there", "snapshot", setter("current-snapshot-id", 12345))
metadata("one snapshot twice", "snapshot", lambda d: d["snapshots"].append(d["snapshots"][0]))
metadata("a branch to no snapshot", "snapshot|branch|ref", lambda d: d["refs"].update(x={"snapshot-id": 5, "type": "branch"}))
metadata("a snapshot of a schema that is not there", None, lambda d: d["snapshots"][-1].update({"schema-id": 55}))
metadata("negative sequence numbers", None, setter("last-sequence-number", -7))
metadata("ids that have run out", None, setter("last-column-id", 2**31 - 1))
metadata("next-row-id that is negative", "row.id", setter("next-row-id", -1))
metadata("a manifest list that is not there", "snap-nothing.avro", lambda d: newest(d).update({"manifest-list": d["location"] + "/metadata/snap-nothing.avro"}))
metadata("a manifest list that is a folder", "metadata", lambda d: newest(d).update({"manifest-list": d["location"] + "/metadata"}))
metadata("a manifest list without an end", "/dev/zero", lambda d: newest(d).update({"manifest-list": "/dev/zero"}))
metadata("a manifest list of another scheme", "ftp", lambda d: newest(d).update({"manifest-list": "ftp://127.0.0.1/x.avro"}))
metadata("a manifest list that is a data file", "snap|avro|parquet", lambda d: newest(d).update({"manifest-list": d["location"] + "/nothing.parquet"}))
metadata("a million empty snapshots", None, lambda d: d["snapshots"].extend({"snapshot-id": i, "timestamp-ms": 1, "manifest-list": "x", "summary": {"operation": "append"}} for i in range(1, 20001)))
metadata("a required column without values", None, lambda d: fields(d).append({"id": 90, "name": "new", "required": True, "type": "long"}) or d.update({"last-column-id": 90}))
metadata("a default of another type", "default", lambda d: fields(d)[1].update({"initial-default": {"no": "text"}}))
metadata("an encryption key", None, lambda d: newest(d).update({"key-id": "k"}))


def nested(n):
    t = "long"
    for i in range(n):
        t = {"type": "list", "element-id": 1000 + i, "element-required": False, "element": t}
    return t


def newest(d):
    return next(s for s in d["snapshots"] if s["snapshot-id"] == d["current-snapshot-id"])


# ---- Avro: manifest lists and manifests.


def avro(kind, name, words, change, **more):
    @case(f"{kind}: {name}", kind, words, **more)
    def _(data):
        a = Avro(data)
        out = change(a)
        return out if isinstance(out, bytes) else a.bytes()


def record(key, value, of=None):
    """Sets a field of the last record; a value that may be null is a union."""

    def change(a):
        r = a.records[-1][of] if of else a.records[-1]
        if isinstance(r, tuple):
            r = r[2]
        r[key] = ("union", r[key][1], value) if isinstance(r[key], tuple) else value

    return change


for kind in "manifest list", "manifest":
    avro(kind, "nothing", "avro", lambda a: b"")
    avro(kind, "another magic", "avro", lambda a: b"Obj\2" + a.bytes()[4:])
    avro(kind, "no schema", "avro", lambda a: a.header.pop(b"avro.schema") and None)
    avro(kind, "a schema that is no JSON", "avro", lambda a: a.header.update({b"avro.schema": b"{"}))
    avro(kind, "a codec that is not known", "avro", lambda a: a.header.update({b"avro.codec": b"brotli"}))
    avro(kind, "a block of 2^62 records", "avro", lambda a: a.bytes(count=2**62))
    avro(kind, "a block of -1 records", "avro", lambda a: a.bytes(count=-1))
    avro(kind, "a block of 2^62 bytes", "avro", lambda a: a.bytes(size=2**62))
    avro(kind, "a block of -2^63 bytes", "avro", lambda a: a.bytes(size=-(2**63)))
    avro(kind, "another sync marker", "avro", lambda a: a.bytes()[:-16] + b"\0" * 16)
    avro(kind, "a block that unpacks to 1 GB", "avro", lambda a: a.bytes(body=bomb()))
    avro(kind, "a header of 2^62 keys", "avro", lambda a: b"Obj\1" + zigzag(2**62) + a.bytes()[5:])
    avro(kind, "a key of 2^62 bytes", "avro", lambda a: b"Obj\1" + zigzag(1) + zigzag(2**62) + b"x")


def bomb():
    """1 GB of nothing: 16 MB packed once, which is repeated."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    piece = packer.compress(b"\0" * (16 << 20)) + packer.flush(zlib.Z_FULL_FLUSH)
    return piece * 64 + packer.flush()


avro("manifest list", "a manifest that is not there", "nothing-m0.avro", record("manifest_path", b"/nothing-m0.avro"))
avro("manifest list", "a manifest without a name", "avro", record("manifest_path", b""))
avro("manifest list", "a manifest of data where deletes are said to be", "deletes", lambda a: record("manifest_path", a.records[0]["manifest_path"])(a))
avro("manifest list", "a manifest of 2^62 bytes", None, record("manifest_length", 2**62))
avro("manifest list", "a manifest of -1 bytes", None, record("manifest_length", -1))
avro("manifest list", "content that is not known", "avro", record("content", 7))
avro("manifest list", "a spec that is not there", "spec", record("partition_spec_id", 33))
avro("manifest list", "counts that lie", None, record("added_rows_count", 2**62))
avro("manifest", "a status that is not known", "avro", record("status", 9))
avro("manifest", "content that is not known", "avro", record("content", 5, "data_file"))
avro("manifest", "a file without a name", "avro|path", record("file_path", b"", "data_file"))
avro("manifest", "a file that is not there", "nothing.parquet", record("file_path", b"/nothing.parquet", "data_file"))
avro("manifest", "a file without an end", "/dev/zero", record("file_path", b"/dev/zero", "data_file"))
avro("manifest", "a format that is not known", "format|CSV", record("file_format", b"CSV", "data_file"))
avro("manifest", "an ORC file", "orc", record("file_format", b"ORC", "data_file"))
avro("manifest", "-5 rows", "avro", record("record_count", -5, "data_file"))
avro("manifest", "2^62 rows", None, record("record_count", 2**62, "data_file"))
avro("manifest", "a file of 3 bytes", None, record("file_size_in_bytes", 3, "data_file"))
avro("manifest", "a file of 2^62 bytes", None, record("file_size_in_bytes", 2**62, "data_file"))
avro("delete manifest", "a vector that is not there", "nothing.puffin", record("file_path", b"/nothing.puffin", "data_file"))
avro("delete manifest", "a vector beyond its file", "puffin|vector", record("content_offset", 10**6, "data_file"))
avro("delete manifest", "a vector before its file", "avro|puffin|offset", record("content_offset", -10, "data_file"))
avro("delete manifest", "a vector of 2^40 bytes", "avro|puffin|vector", record("content_size_in_bytes", 2**40, "data_file"))
avro("delete manifest", "a vector of no bytes", "avro|puffin|vector", record("content_size_in_bytes", 0, "data_file"))
avro("delete manifest", "a vector of fewer rows than it has", "rows|cardinality|positions|count", record("record_count", 1, "data_file"))
avro("delete manifest", "equality on no columns", None, lambda a: record("content", 2, "data_file")(a), table="two")


# ---- Deletion vectors.


def puffin(name, words, change):
    @case(f"puffin: {name}", "deletes", words)
    def _(data):
        p = Puffin(data)
        out = change(p)
        return out if isinstance(out, bytes) else p.bytes()


def vector(at, new, sealed=True):
    """Other bytes in every vector, at an offset from its bitmap's beginning."""

    def change(p):
        for n in range(len(p.footer["blobs"])):
            start, _ = p.vector(n)
            p.blobs = p.blobs[: start + at] + new + p.blobs[start + at + len(new) :]
            if sealed:
                p.seal(n)

    return change


puffin("nothing", "puffin", lambda p: b"")
puffin("half of it", "puffin", lambda p: p.bytes()[:60])
puffin("a wrong checksum", "checksum|crc", vector(8, b"\x55", sealed=False))
puffin("another magic", "magic|vector", vector(-4, b"\0\0\0\0"))
puffin("2^32 bitmaps", "puffin|vector|bitmap|roaring", vector(0, struct.pack("<Q", 2**32)))
puffin("2^63 bitmaps", "puffin|vector|bitmap|roaring", vector(0, struct.pack("<Q", 2**63)))
puffin("a key beyond all rows", "puffin|vector|bitmap|roaring|position", vector(8, struct.pack("<I", 2**31)))
puffin("a bitmap with another cookie", "puffin|vector|bitmap|roaring", vector(12, b"\xff\xff\xff\xff"))
puffin("65536 containers", "puffin|vector|bitmap|roaring", vector(12, struct.pack("<HH", 12347, 65535)))
puffin("a length of 2^32", "puffin|vector|length", vector(-8, b"\xff\xff\xff\xff"))


# ---- Parquet.


def parquet(name, words, change, **more):
    @case(f"parquet: {name}", "parquet", words, **more)
    def _(data):
        p = Parquet(data)
        out = change(p)
        return out if isinstance(out, bytes) else p.bytes()


def footer(at, value):
    def change(p):
        for f in p.footer:
            if f[0] == at:
                f[2] = value

    return change


def chunk(at, value):
    """A value in the metadata of every column chunk."""

    def change(p):
        for group in next(f[2] for f in p.footer if f[0] == 4)[1]:
            for c in next(f[2] for f in group if f[0] == 1)[1]:
                for m in next(f[2] for f in c if f[0] == 3):
                    if m[0] == at:
                        m[2] = value

    return change


def pages(new):
    """Other bytes where the first page of each chunk begins."""

    def change(p):
        for at in p.page_starts():
            p.pages = p.pages[:at] + new + p.pages[at + len(new) :]

    return change


parquet("nothing", "parquet", lambda p: b"")
parquet("half of it", "parquet", lambda p: p.bytes()[: len(p.bytes()) // 2])
parquet("without its end", "parquet", lambda p: p.bytes()[:-1])
parquet("text", "parquet", lambda p: b"this is text, and has been from the beginning" * 50)
parquet("a footer of 4 GB", "parquet", lambda p: p.bytes(size=2**32 - 1))
parquet("a footer of no bytes", "parquet", lambda p: p.bytes(size=0))
parquet("another version", None, footer(1, 2**31 - 1))
parquet("-1 rows", None, footer(3, -1))
parquet("2^62 rows", None, footer(3, 2**62))
parquet("no schema", "parquet", footer(2, (12, [])))
parquet("no row groups", None, footer(4, (12, [])))
parquet("2^62 values", "parquet|values|pages", chunk(5, 2**62))
parquet("chunks beyond the file", "parquet", chunk(9, 2**40))
parquet("chunks before the file", "parquet", chunk(9, -4))
parquet("chunks of 2^62 bytes", None, chunk(7, 2**62))
parquet("a codec that is not known", "parquet|codec|compress", chunk(4, 77))
parquet("pages of 2 GB unpacked", "parquet", pages(b"\x15\x00\x15" + zigzag(2**31 - 1)))
parquet("pages of -1 bytes", "parquet", pages(b"\x15\x00\x15\x01\x15\x01"))
parquet("pages that are noise", "parquet", pages(bytes(range(200, 232))))
parquet("a write of such a file", "parquet", lambda p: p.bytes()[:-1], text="CALL system.rewrite_data_files(table => 'h.{}', options => map('rewrite-all', 'true'))")
parquet("an update over such a file", "parquet", pages(bytes(range(200, 232))), text="UPDATE h.{} SET s = 'x'")


def run(chain):
    chain.make_tables()
    tables = {t: chain.files_of(t) for t in ("two", "three")}
    rows = {t: chain.sql(chain.READ.format(t)).out for t in tables}
    for name, kind, words, table, text, change in CASES:
        if chain.ARGS.only not in name:
            continue
        path = tables[table][kind][-1]
        good = chain.read(path)
        chain.write(path, change(good))
        done = chain.sql((text or chain.READ).format(table))
        chain.write(path, good)
        wrong = done.complaint()
        if not wrong and words and done.code != 1:
            wrong = f"it was not refused: {done.out.count(chr(10))} lines, {'as they were' if done.out == rows[table] else 'others'}"
        if not wrong and done.code == 1 and not re.search(words or ".", done.err, re.I):
            wrong = f'no "{words}" in: {done.err}'
        if not wrong and done.code == 1 and not chain.NAMED.search(done.err):
            wrong = f"the error names no file: {done.err}"
        if not wrong and text:
            after = chain.sql(chain.READ.format(table))
            if after.out != rows[table]:
                wrong = f"the table is another after it was refused: {after.err}"
            chain.restore()
        if wrong:
            chain.bad(f"{name} (--only '{name}')", wrong)
        else:
            chain.passed += 1
    places(chain, tables, rows)


def pack_much(path, metadata, piece):
    """Good metadata with 512 MB under a key that nobody knows."""
    with gzip.open(path, "wb", 3) as f:
        f.write(metadata.rstrip()[:-1] + b', "junk": [')
        for _ in range(512):
            f.write(piece)
        f.write(b"0]}")


def places(chain, tables, rows):
    """Files that are gone, swapped, folders, or packed to nothing."""
    files = tables["three"]
    for kind in chain.KINDS:
        path = files[kind][-1]
        for what in "missing", "a folder", "unreadable", "a pipe":
            name = f"{kind}: {what}"
            if chain.ARGS.only not in name:
                continue
            good = chain.read(path)
            os.remove(path)
            if what == "a folder":
                os.mkdir(path)
            elif what == "a pipe":
                os.mkfifo(path)
            elif what == "unreadable":
                os.symlink(os.path.basename(path), path)
            done = chain.sql(chain.READ.format("three"))
            if what == "a folder":
                os.rmdir(path)
            elif what != "missing":
                os.remove(path)
            chain.write(path, good)
            wrong = done.complaint() or (done.code == 0 and "it was not refused") or (os.path.basename(path) not in done.err and f"the file is not named: {done.err}")
            if wrong:
                chain.bad(f"{name} (--only '{name}')", wrong)
            else:
                chain.passed += 1
    for kind in "manifest", "parquet", "deletes":
        a, b = files[kind][0], tables["two"][kind][0]
        name = f"{kind}: that of another table"
        if chain.ARGS.only not in name:
            continue
        good = chain.read(a)
        chain.write(a, chain.read(b))
        done = chain.sql(chain.READ.format("three"))
        chain.write(a, good)
        wrong = done.complaint()
        if wrong:
            chain.bad(f"{name} (--only '{name}')", wrong)
        else:
            chain.passed += 1
    for what, piece in ("blanks", b" " * (1 << 20)), ("numbers", b"0," * (1 << 19)), ("objects", b'{"a":1},' * (1 << 17)):
        name = f"metadata: packed, 512 MB of {what}"
        if chain.ARGS.only not in name:
            continue
        path = os.path.join(os.path.dirname(files["metadata"][0]), "v1.gz.metadata.json")
        pack_much(path, chain.read(files["metadata"][0]), piece)
        done = chain.Outcome(["table", "plan", path])
        os.remove(path)
        wrong = done.complaint() or (done.code == 0 and "it was not refused") or ("metadata.json" not in done.err and f"the file is not named: {done.err}")
        if wrong:
            chain.bad(f"{name} (--only '{name}')", wrong)
        else:
            chain.passed += 1
    for key in "junk", "schemas", "snapshots", "refs", "properties":
        name = f"metadata: 20 MB of {key}"
        if chain.ARGS.only not in name:
            continue
        path = os.path.join(os.path.dirname(files["metadata"][0]), "v1.metadata.json")
        document = json.loads(chain.read(files["metadata"][0]))
        document.pop(key, None)
        much = b"[" + b"0," * (10 << 20) + b"0]"
        chain.write(path, json.dumps(document).encode()[:-1] + b', "' + key.encode() + b'": ' + much + b"}")
        done = chain.Outcome(["table", "plan", path])
        os.remove(path)
        wrong = done.complaint() or (key != "junk" and done.code == 0 and "it was not refused")
        if wrong:
            chain.bad(f"{name} (--only '{name}')", wrong)
        else:
            chain.passed += 1
    after = chain.sql(chain.READ.format("three"))
    if after.out != rows["three"]:
        chain.bad("the table is as it was", after.err)
