# SPDX-License-Identifier: Apache-2.0
"""Lies in the files of a real table, and what the program makes of them.

    chain.py FIRN WORK cases|fuzz [--seconds N] [--seed N] [--trials N] [--no-limits] [--only WORD]

`cases` are named lies with the words that must answer them. `fuzz` draws a file of the chain (metadata, manifest list, manifest, Puffin, Parquet)
and a lie: bits, cuts, other files in its place, or one value of its structure changed and all checksums made good again; then reads, plans
or writes. What must hold for each: the program ends by itself with 0 or 1; 1 comes with an error that names a file of the table; it takes no
more than 10 s of CPU and 256 MB (not asked with --no-limits, of sanitizers); of a deletion vector that is read, the rows are right or there is an error; a
write that was refused leaves the table as it was. The last line is "N passed, N failed"."""

import argparse
import json
import os
import random
import re
import shutil
import struct
import subprocess
import sys
import time

from formats import Avro, Parquet, Puffin, Reader, thrift_read, thrift_write

FORM = argparse.ArgumentParser()
FORM.add_argument("firn")
FORM.add_argument("work")
FORM.add_argument("what", choices=["cases", "fuzz"])
FORM.add_argument("--seconds", type=float, default=20)
FORM.add_argument("--trials", type=int, default=10**9)
FORM.add_argument("--seed", type=int, default=1)
FORM.add_argument("--no-limits", action="store_true")
FORM.add_argument("--only", default="")
ARGS = FORM.parse_args()
CPU_S, RSS_MB, HANG_S = 10, 256, 120
DATA = os.path.join(ARGS.work, "chain")

passed = failed = 0


def bad(name, *lines):
    global failed
    failed += 1
    print(f"FAILED {name}")
    for line in lines:
        print(f"    {line}"[:900])
    sys.stdout.flush()


# ---- The program.


class Outcome:
    def __init__(self, args, stdin=None):
        began = time.time()
        program = subprocess.Popen([ARGS.firn, "--data", DATA, *args], stdin=subprocess.PIPE if stdin else subprocess.DEVNULL,
                                   stdout=open(DATA + ".out", "wb"), stderr=open(DATA + ".err", "wb"))  # fmt: skip
        if stdin:
            program.stdin.write(stdin.encode())
            program.stdin.close()
        self.hung = False
        while True:
            pid, status, usage = os.wait4(program.pid, os.WNOHANG)
            if pid:
                break
            if time.time() - began > HANG_S:
                self.hung = True
                program.kill()
            time.sleep(0.003)
        program.returncode = 0
        self.code = os.waitstatus_to_exitcode(status)
        self.cpu, self.mb = usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024
        self.out = open(DATA + ".out", errors="replace").read()
        self.err = open(DATA + ".err", errors="replace").read()

    def complaint(self):
        """What is wrong with how it ended, whatever the file said."""
        if self.hung:
            return f"it did not end in {HANG_S} s"
        if self.code not in (0, 1):
            return f"it ended with {self.code}: {self.err[-1500:]}"
        if self.code == 1 and not self.err.strip():
            return "it failed and said nothing"
        if not ARGS.no_limits and self.cpu > CPU_S:
            return f"it took {self.cpu:.1f} s of CPU: {self.err[:200]}"
        if not ARGS.no_limits and self.mb > RSS_MB:
            return f"it took {self.mb:.0f} MB: {self.err[:200]}"
        return None


def sql(text):
    return Outcome(["sql", "--format", "csv", "-c", text])


# ---- The tables: of each version, with deletes, two files a partition, an evolved schema, nested values.


def make_tables():
    shutil.rmtree(DATA, ignore_errors=True)
    lines = ["CREATE SCHEMA h"]
    for name, version in ("two", 2), ("three", 3):
        lines += [
            f"CREATE TABLE h.{name} (id BIGINT, s VARCHAR, n DOUBLE, st STRUCT(a INTEGER, b VARCHAR[])) PARTITIONED BY (bucket(2, id)) "
            f"WITH ('format-version' = '{version}', 'write.delete.mode' = 'merge-on-read', 'write.update.mode' = 'merge-on-read')",
            f"INSERT INTO h.{name} SELECT i, 'text ' || i, i / 4, {{'a': i, 'b': [i::VARCHAR]}} FROM range(3000) r(i)",
            f"INSERT INTO h.{name} SELECT i, 'text ' || i, i / 4, NULL FROM range(3000, 3500) r(i)",
            f"DELETE FROM h.{name} WHERE id % 7 = 1",
        ]
    made = Outcome(["sql", "-q", "-f", "-"], ";\n".join(lines) + ";\n")
    if made.code:
        raise SystemExit(f"the tables cannot be made: {made.err}")
    shutil.rmtree(DATA + ".saved", ignore_errors=True)
    shutil.copytree(DATA, DATA + ".saved", symlinks=True)


def restore():
    shutil.rmtree(DATA)
    shutil.copytree(DATA + ".saved", DATA, symlinks=True)


READ = "SELECT id, s, n, st.a FROM h.{} ORDER BY id"
KINDS = ("metadata", "manifest list", "manifest", "delete manifest", "deletes", "parquet")


def files_of(table):
    """The files that a scan of the newest snapshot reads, by kind."""
    root = next(os.path.join(DATA, "warehouse", "h", d) for d in os.listdir(os.path.join(DATA, "warehouse", "h")) if d.startswith(table + "-"))
    names = sorted(os.listdir(os.path.join(root, "metadata")))
    metadata = os.path.join(root, "metadata", [n for n in names if n.endswith(".metadata.json")][-1])
    meta = json.load(open(metadata))
    newest = next(s for s in meta["snapshots"] if s["snapshot-id"] == meta["current-snapshot-id"])
    found = {kind: [] for kind in KINDS}
    found["metadata"], found["manifest list"] = [metadata], [newest["manifest-list"]]
    for m in Avro(open(newest["manifest-list"], "rb").read()).records:
        path = m["manifest_path"].decode()
        deletes = m["content"] == 1
        found["delete manifest" if deletes else "manifest"].append(path)
        for entry in Avro(open(path, "rb").read()).records:
            at = entry["data_file"]["file_path"].decode()
            kind = "deletes" if deletes else "parquet"
            if at not in found[kind]:
                found[kind].append(at)
    return found


def read(path):
    with open(path, "rb") as f:
        return f.read()


def write(path, data):
    with open(path, "wb") as f:
        f.write(data)


# ---- Lies about one value.

NUMBERS = (0, -1, 1, 2, 3, 255, 2**31 - 1, -(2**31), 2**31, 2**32, 2**63 - 1, -(2**63), 2**40, 2**62)


def leaves(value, path=()):
    """Paths to everything in lists, dicts and tuples that is no such thing."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, (list, tuple)) else None
    if items is None:
        yield path
        return
    for key, each in list(items):
        yield from leaves(each, (*path, key))


def put(value, path, new):
    """`value` with another leaf; tuples are made anew."""
    if not path:
        return new
    if isinstance(value, tuple):
        return tuple(put(each, path[1:], new) if i == path[0] else each for i, each in enumerate(value))
    value[path[0]] = put(value[path[0]], path[1:], new)
    return value


def get(value, path):
    for key in path:
        value = value[key]
    return value


def other_value(rng, v):
    if isinstance(v, bool):
        return not v
    if isinstance(v, int):
        return rng.choice([*NUMBERS, v + 1, v - 1, v * 2, rng.randrange(-(2**63), 2**63)])
    if isinstance(v, float):
        return rng.choice([0.0, -1.0, 1e308])
    if isinstance(v, bytes):
        cut = rng.randrange(len(v) + 1)
        return rng.choice([b"", v[:cut], v + v, b"\xff" * len(v), b"x" * 100000, bytes(rng.randrange(256) for _ in v), v[:cut] + b"\0" + v[cut:], v.replace(b"three", b"two")])
    if isinstance(v, str):
        return rng.choice(["", v[: len(v) // 2], v + v, "x" * 100000, "../../../../etc/passwd", "/dev/zero", "\0", "http://127.0.0.1:1/x", "int", "struct", str(rng.choice(NUMBERS)), "\U0010ffff"])
    return v


def lie_json(rng, document):
    paths = list(leaves(document))
    path = rng.choice(paths)
    while len(path) > 1 and rng.random() < 0.3:
        path = path[:-1]
    kind = rng.random()
    if kind < 0.2 and path:
        parent = get(document, path[:-1])
        if isinstance(parent, (dict, list)):
            del parent[path[-1]]
            return document, f"without {path}"
    if kind < 0.3 and path and isinstance(get(document, path[:-1]), list):
        parent = get(document, path[:-1])
        parent.insert(0, parent[path[-1]])
        return document, f"twice {path}"
    if kind < 0.55:
        new = rng.choice([None, [], {}, "", 0, -1, True, [[]], 2**70, 1e300, "long", [None] * 5])
    else:
        new = other_value(rng, get(document, path))
    return put(document, path, new), f"{path} = {str(new)[:60]}"


def lie_avro(rng, data):
    a = Avro(data)
    kind = rng.random()
    if kind < 0.1:
        count = rng.choice(NUMBERS)
        return a.bytes(count=count), f"a block of {count} records"
    if kind < 0.2:
        size = rng.choice(NUMBERS)
        return a.bytes(size=size), f"a block of {size} bytes"
    if kind < 0.3:
        a.schema, said = lie_json(rng, a.schema)
        a.header[b"avro.schema"] = json.dumps(a.schema).encode()
        return a.bytes(body=body_of(Avro(data).bytes())), f"schema {said}"
    if kind < 0.4:
        key = rng.choice(list(a.header))
        a.header[key] = other_value(rng, a.header[key])
        return a.bytes(), f"header {key}"
    if kind < 0.45:
        a.records.append(a.records[0])
        return a.bytes(), "a record twice"
    if kind < 0.5:
        a.records.pop()
        return a.bytes(), "a record less"
    i = rng.randrange(len(a.records))
    path = rng.choice([x for x in leaves(a.records[i]) if get(a.records[i], x) != "union"])
    old = get(a.records[i], path)
    a.records[i] = put(a.records[i], path, other_value(rng, old))
    return a.bytes(), f"record {i} {path} = {str(get(a.records[i], path))[:60]}, was {str(old)[:60]}"


def body_of(container):
    """The bytes of the only block."""
    r = Reader(container, 4)
    while count := r.zigzag():
        for _ in range(count):
            r.blob()
            r.blob()
    r.take(16)
    r.zigzag()
    return r.blob()


def lie_parquet(rng, data):
    p = Parquet(data)
    kind = rng.random()
    if kind < 0.1:
        size = rng.choice([n for n in NUMBERS if 0 <= n < 2**32])
        return p.bytes(size=size), f"a footer of {size} bytes"
    if kind < 0.4:
        # A page's header.
        at = rng.choice(list(p.page_starts()))
        r = Reader(p.pages, at)
        try:
            header = thrift_read(r)
            path = rng.choice([x for x in leaves(header) if x and x[-1] == 2])
            new = other_value(rng, get(header, path))
            said = thrift_write(12, put(header, path, new))
            return p.pages[:at] + said + p.pages[r.at :] + p.bytes()[len(p.pages) :], f"page at {at} {path} = {str(new)[:60]}"
        except (IndexError, KeyError, struct.error):
            pass
    path = rng.choice([x for x in leaves(p.footer) if x and x[-1] != 1])
    new = other_value(rng, get(p.footer, path))
    p.footer = put(p.footer, path, new)
    return p.bytes(), f"footer {path} = {str(new)[:60]}"


def lie_puffin(rng, data):
    p = Puffin(data)
    kind = rng.random()
    if kind < 0.4:
        p.footer, said = lie_json(rng, p.footer)
        return p.bytes(), f"footer {said}"
    if kind < 0.5:
        size, flags = rng.choice([n for n in NUMBERS if 0 <= n < 2**32]), rng.choice([0, 1, 2**31])
        return p.bytes(size=size, flags=flags), f"a footer of {size} bytes, flags {flags}"
    n = rng.randrange(len(p.footer["blobs"]))
    start, end = p.vector(n)
    at = rng.randrange(start, end)
    cut = rng.choice([1, 2, 4, 8])
    new = rng.choice([b"\xff" * cut, b"\0" * cut, bytes(rng.randrange(256) for _ in range(cut)), struct.pack("<Q", rng.choice(NUMBERS) & (2**64 - 1))[:cut]])
    p.blobs = p.blobs[:at] + new + p.blobs[at + cut :]
    p.seal(n)
    return p.bytes(), f"vector {n} byte {at - start} = {new.hex()}, with a good checksum"


def lie_bytes(rng, data, others):
    kind = rng.randrange(7)
    n = len(data)
    if kind == 0:
        at = rng.randrange(n)
        return data[:at] + bytes([data[at] ^ 1 << rng.randrange(8)]) + data[at + 1 :], f"a bit at {at}"
    if kind == 1:
        data = bytearray(data)
        for _ in range(rng.randrange(2, 20)):
            data[rng.randrange(n)] ^= 1 << rng.randrange(8)
        return bytes(data), "bits"
    if kind == 2:
        at = rng.randrange(n)
        return data[:at], f"cut at {at}"
    if kind == 3:
        return data + data[: rng.randrange(n)], "more at the end"
    if kind == 4:
        at, size = rng.randrange(n), rng.randrange(1, 64)
        return data[:at] + rng.choice([b"\0", b"\xff"]) * size + data[at + size :], f"a hole at {at}"
    if kind == 5:
        at, size = rng.randrange(n), rng.randrange(1, 64)
        return data[:at] + data[at + size :], f"{size} bytes less at {at}"
    other = rng.choice(others)
    return read(other), f"in its place {os.path.basename(other)}"


def lie(rng, kind, path, others):
    data = read(path)
    if rng.random() < 0.35:
        return lie_bytes(rng, data, others)
    try:
        return lie_about_value(rng, kind, path, data)
    except (TypeError, KeyError, IndexError, AttributeError, ValueError, RecursionError):  # a lie that cannot be written
        return lie_bytes(rng, data, others)


def lie_about_value(rng, kind, path, data):
    if kind == "metadata":
        document, said = lie_json(rng, json.loads(data))
        return json.dumps(document).encode(), said
    if kind in ("manifest list", "manifest", "delete manifest"):
        return lie_avro(rng, data)
    return lie_puffin(rng, data) if path.endswith(".puffin") else lie_parquet(rng, data)


# ---- What is done with such a table.

WRITES = ("INSERT INTO h.{} (id, s) VALUES (90001, 'new')", "DELETE FROM h.{} WHERE id % 5 = 0", "UPDATE h.{} SET s = 'x' WHERE id < 100",
          "CALL system.rewrite_data_files(table => 'h.{}', options => map('rewrite-all', 'true'))",
          "CALL system.expire_snapshots(table => 'h.{}', older_than => TIMESTAMP '2999-01-01 00:00:00')")  # fmt: skip
READS = (READ, "SELECT count(*), min(id), max(id) FROM h.{}", "SELECT count(*) FROM h.{} WHERE id > 100 AND s LIKE 'text 1%'", "SELECT * FROM h.{}.files", "SELECT * FROM h.{}.partitions")
# A file, a table, a place in the statement, or a field that the statement asks for and the lie has renamed.
NAMED = re.compile(r'\.(avro|parquet|puffin|json)\b|h\.(two|three)|line \d+|Could not find key "\w+" in struct')


def location(table):
    return Outcome(["table", "show", f"h.{table}", "--json"]).out


def trial(rng, n, tables, rows):
    global passed
    table = rng.choice(list(tables))
    kind = rng.choice(KINDS)
    path = rng.choice(tables[table][kind])
    others = [f for t in tables.values() for k in t.values() for f in k if f != path]
    good = read(path)
    said, data = None, None
    data, said = lie(rng, kind, path, others)
    name = f"trial {n} (--seed {ARGS.seed + n} --trials 1): {kind} {os.path.basename(path)}: {said}"
    writes = rng.random() < 0.3
    text = (rng.choice(WRITES) if writes else READ if rng.random() < 0.7 else rng.choice(READS)).format(table)
    write(path, data)
    done = sql(text)
    write(path, good)
    wrong = done.complaint()
    if not wrong and done.code == 1 and not NAMED.search(done.err):
        wrong = f"the error names no file: {done.err}"
    if not wrong and not writes and done.code == 0 and kind == "deletes" and path.endswith(".puffin") and text == READ.format(table) and done.out != rows[table]:
        wrong = f"{done.out.count(chr(10))} lines, wanted {rows[table].count(chr(10))}"
        if "good checksum" in said:
            wrong = None  # then it is what the vector says
    if not wrong and writes:
        after = sql(READ.format(table))
        if done.code == 1 and (after.code or after.out != rows[table]):
            wrong = f"it was refused ({done.err[:200]}) and the table is another: {after.err or after.out[:100]}"
        elif after.code not in (0, 1):
            wrong = f"the table that it left: {after.complaint()}"
        restore()
    if wrong:
        bad(name, text, wrong)
    else:
        passed += 1
    return done.code


def fuzz():
    make_tables()
    tables = {t: files_of(t) for t in ("two", "three")}
    rows = {t: sql(READ.format(t)).out for t in tables}
    assert all(r.count("\n") == 3001 for r in rows.values()), {t: r.count("\n") for t, r in rows.items()}
    began, n, answers = time.time(), 0, {}
    while time.time() - began < ARGS.seconds and n < ARGS.trials:
        code = trial(random.Random(ARGS.seed + n), n, tables, rows)
        answers[code] = answers.get(code, 0) + 1
        n += 1
    print(f"lies {n}: answered {answers.get(0, 0)}, refused {answers.get(1, 0)}")


if ARGS.what == "fuzz":
    fuzz()
else:
    import cases

    cases.run(sys.modules[__name__])
print(f"{passed} passed, {failed} failed")
sys.exit(failed > 0)
