# SPDX-License-Identifier: Apache-2.0
"""Random histories of operations on a table, beside a model of plain rows.

    histories.py LIBRARY WORK [--steps N] [--seconds N] [--seed N] [--only OPERATION]

A history draws a format version, a partitioning and modes of deletes, then operations: rows come, go and change by SQL and by Arrow
streams, columns and partitionings evolve, files are compacted, snapshots expire and are rolled back to, branches are made and merged.
After each step SQL, the C API's scans and metadata alone (count, min, max) must agree with the model, random conditions must find
the rows that they find in the model (so metrics never prune a row that matches), PyIceberg now and then reads the same from the metadata
file, and time travel to any snapshot that is left gives the rows of its time. Operations that this build does not have are named in the end.
A failure prints the seed of its history. The last line is "N passed, N failed"."""

import argparse
import datetime
import decimal
import random
import re
import struct
import sys
import time
import traceback
from collections import Counter

import pyarrow as pa
from libfirn import Failed, Lake
from pyiceberg import expressions as E
from pyiceberg.table import StaticTable

FORM = argparse.ArgumentParser()
FORM.add_argument("library")
FORM.add_argument("work")
FORM.add_argument("--steps", type=int, default=25, help="of one history")
FORM.add_argument("--seconds", type=float, default=30, help="new histories begin that long")
FORM.add_argument("--histories", type=int, default=0, help="so many at most; 0: any number")
FORM.add_argument("--seed", type=int, default=1)
FORM.add_argument("--only", default="", help="an operation that each step is, when it can be")
ARGS = FORM.parse_args()

# ---- Values. Types are Iceberg's names.

SQL_TYPE = {"long": "BIGINT", "int": "INTEGER", "string": "VARCHAR", "double": "DOUBLE", "float": "FLOAT", "date": "DATE", "timestamp": "TIMESTAMP",
            "boolean": "BOOLEAN", "binary": "BLOB"}  # fmt: skip
ARROW = {"long": pa.int64(), "int": pa.int32(), "string": pa.string(), "double": pa.float64(), "float": pa.float32(), "date": pa.date32(),
         "timestamp": pa.timestamp("us"), "boolean": pa.bool_(), "binary": pa.binary()}  # fmt: skip
LONG_TEXT = "the first sixteen " * 3
POOL = {
    "long": [0, -1, 1, 7, 2**63 - 1, -(2**63), 1000],
    "int": [0, -1, 1, 7, 2**31 - 1, -(2**31), 34],
    "string": ["", "a", "ab", "b", "äö", LONG_TEXT, LONG_TEXT + "b", LONG_TEXT[:16], "it's", "\U0010ffff" * 17, "%", "z"],
    "double": [0.0, -0.0, 1.5, -1e300, float("nan"), float("inf"), float("-inf"), 0.1],
    "float": [0.0, -0.0, 1.5, -2.25, float("nan"), float("inf")],
    "date": [datetime.date(1970, 1, 1), datetime.date(1969, 12, 31), datetime.date(2024, 2, 29), datetime.date(1, 1, 1), datetime.date(9999, 12, 31)],
    "timestamp": [datetime.datetime(1970, 1, 1), datetime.datetime(1969, 12, 31, 23, 59, 59, 999999), datetime.datetime(2024, 2, 29, 12, 0, 0, 1)],
    "boolean": [True, False],
    "binary": [b"", b"\0", b"\0\xff", b"\xff" * 20, b"abc"],
    "decimal(9, 2)": [decimal.Decimal(x) for x in ("0.00", "-0.01", "9999999.99", "-9999999.99", "14.20")],
}
POOL["decimal(18, 2)"] = [*POOL["decimal(9, 2)"], decimal.Decimal("1234567890123456.78")]
WIDER = {"int": "long", "float": "double", "decimal(9, 2)": "decimal(18, 2)"}


def sql_type(t):
    return SQL_TYPE.get(t) or t.upper()


def arrow_type(t):
    return ARROW.get(t) or pa.decimal128(*map(int, re.findall(r"\d+", t)))


def literal(t, v):
    if v is None:
        return f"CAST(NULL AS {sql_type(t)})"
    if t == "binary":
        return f"unhex('{v.hex()}')"
    text = str(v).replace("'", "''")
    return f"CAST('{text}' AS {sql_type(t)})"


def shown(v):
    """A value in the one spelling that rows are compared in. NaN is NaN; -0.0 is 0.0, which DuckDB's Parquet writer makes of it where a
    dictionary has both."""
    return "0.0" if v == 0 and isinstance(v, float) else repr(v)


def sortable(t, v):
    """The order of SQL: NaN is above all numbers and equal to itself, -0.0 equals 0.0, texts by their bytes."""
    if t in ("double", "float"):
        return (1, 0.0) if v != v else (0, v)
    return v.encode() if t == "string" else v


# ---- Conditions: SQL text and what it says of a row, True, False or None.


def compare(t, op, a, b):
    if a is None or b is None:
        return None
    a, b = sortable(t, a), sortable(t, b)
    return {"=": a == b, "<>": a != b, "<": a < b, "<=": a <= b, ">": a > b, ">=": a >= b}[op]


def both(a, b):
    return False if a is False or b is False else None if a is None or b is None else True


def no(a):
    return None if a is None else not a


def atom(rng, state):
    cid, name, t = rng.choice(state.columns)
    at = name if rng.random() < 0.8 else f'"{name}"'
    pool = [v for v in (row.get(cid) for row in state.rows.values()) if v is not None]

    def value():
        return rng.choice(pool) if pool and rng.random() < 0.6 else rng.choice(POOL[t])

    kind = rng.random()
    if kind < 0.15:
        return (f"{at} IS NULL", lambda row: row.get(cid) is None) if rng.random() < 0.5 else (f"{at} IS NOT NULL", lambda row: row.get(cid) is not None)
    if kind < 0.3:
        some = [value() for _ in range(rng.randrange(1, 4))]

        def among(row):
            found = [compare(t, "=", row.get(cid), v) for v in some]
            return True if True in found else found[0] and None if None not in found else None

        def within(row):
            return None if row.get(cid) is None else any(compare(t, "=", row[cid], v) for v in some)

        listed = ", ".join(literal(t, v) for v in some)
        return (f"{at} IN ({listed})", within) if rng.random() < 0.7 else (f"{at} NOT IN ({listed})", lambda row: no(within(row)))
    if t == "string" and kind < 0.5:
        start = value()[: rng.randrange(20)]
        if not re.search(r"[%_\\]", start):
            return f"{at} LIKE '{start.replace(chr(39), chr(39) * 2)}%'", lambda row: None if row.get(cid) is None else row[cid].startswith(start)
    if t == "double" and kind < 0.4:
        return f"isnan({at})", lambda row: None if row.get(cid) is None else row[cid] != row[cid]
    if kind < 0.6:
        low, high = value(), value()
        return (f"{at} BETWEEN {literal(t, low)} AND {literal(t, high)}", lambda row: both(compare(t, ">=", row.get(cid), low), compare(t, "<=", row.get(cid), high)))
    op, v = rng.choice(["=", "<>", "<", "<=", ">", ">="]), value()
    return f"{at} {op} {literal(t, v)}", lambda row: compare(t, op, row.get(cid), v)


def condition(rng, state, depth=2):
    if depth == 0 or rng.random() < 0.5:
        return atom(rng, state)
    (a, left), (b, right) = condition(rng, state, depth - 1), condition(rng, state, depth - 1)
    kind = rng.randrange(3)
    if kind == 0:
        return f"({a} AND {b})", lambda row: both(left(row), right(row))
    if kind == 1:
        return f"({a} OR {b})", lambda row: no(both(no(left(row)), no(right(row))))
    return f"(NOT ({a}))", lambda row: no(left(row))


# ---- The model.

NOT_BUILT = re.compile(r"\d+: .*(not supported|no procedure|unknown procedure)")


class State:
    """A ref's table: columns are (our id, name, type), rows {k: {our id: value}}; column 0 is the key."""

    def __init__(self, columns, rows, snapshots):
        self.columns, self.rows, self.snapshots = columns, rows, snapshots

    def copy(self):
        return State(list(self.columns), dict(self.rows), dict(self.snapshots))

    def table(self, columns=None):
        """Sorted rows as they are compared."""
        return sorted([shown(row.get(cid)) for cid, _, _ in columns or self.columns] for row in self.rows.values())


class NotHere(Exception):
    """The operation cannot be done now."""


class Wrong(AssertionError):
    pass


class History:
    def __init__(self, lake, number, seed, skipped):
        self.lake, self.rng, self.skipped = lake, random.Random(seed), skipped
        self.name = f"h.t{number}"
        self.version = self.rng.choice([1, 2, 2, 3, 3])
        self.next_key = self.next_cid = self.next_name = 0
        self.ref = "main"
        self.done, self.log = Counter(), []
        types = ["long", "int", "string", "double", "float", "date", "timestamp", "boolean", "binary", "decimal(9, 2)"]
        columns = [self.column("long", "k")] + [self.column(t) for t in self.rng.sample(types, self.rng.randrange(3, 8))]
        self.refs = {"main": State(columns, {}, {})}
        self.sorted = set()
        by = [self.partition(c) for c in self.rng.sample(columns, self.rng.choice([0, 1, 1, 2]))]
        mode = ", ".join(f"'write.{verb}.mode' = '{self.rng.choice(['copy-on-write', 'merge-on-read'])}'" for verb in ("delete", "update", "merge"))
        more = self.rng.choice(["", ", 'write.metadata.metrics.default' = 'none'", ", 'write.metadata.metrics.default' = 'counts'", ", 'write.metadata.metrics.default' = 'full'",
                                ", 'write.metadata.metrics.default' = 'truncate(3)'", ", 'commit.manifest.min-count-to-merge' = '2'"])  # fmt: skip
        partitions = f"PARTITIONED BY ({', '.join(by)})" if by else ""
        self.sql(f"CREATE TABLE {self.name} ({', '.join(f'{n} {sql_type(t)}' for _, n, t in columns)}) {partitions} WITH ('format-version' = '{self.version}', {mode}{more})")

    @property
    def state(self):
        return self.refs[self.ref]

    def column(self, t, name=None):
        self.next_cid += 1
        self.next_name += name is None
        return (0 if name == "k" else self.next_cid, name or f"c{self.next_name}", t)

    def partition(self, column):
        _, name, t = column
        choices = [name] if t not in ("double", "float") else []
        if t not in ("boolean", "double", "float"):
            choices += [f"bucket(3, {name})"]
        if t in ("long", "int", "string", "binary") or t.startswith("decimal"):
            choices += [f"truncate(2, {name})"]
        if t in ("date", "timestamp"):
            choices += [f"{by}({name})" for by in ("year", "month", "day")]
        if t == "timestamp":
            choices += [f"hour({name})"]
        if not choices:
            return f"bucket(3, k)"
        return self.rng.choice(choices)

    def sql(self, text, ref=None):
        self.log.append(text if (ref or self.ref) == "main" else f"[{ref or self.ref}] {text}")
        return self.lake.sql(text, ref or self.ref)

    # -- Rows.

    def draw(self, t):
        return None if self.rng.random() < 0.2 else self.rng.choice(POOL[t])

    def fresh(self, n):
        rows = []
        for _ in range(n):
            row = {cid: self.draw(t) for cid, _, t in self.state.columns}
            row[0] = self.next_key
            self.next_key += 1
            rows.append(row)
        return rows

    def add(self, rows):
        self.state.rows.update({row[0]: row for row in rows})

    def arrow(self, rows):
        columns = self.state.columns
        return pa.table({n: pa.array([row.get(cid) for row in rows], arrow_type(t)) for cid, n, t in columns})

    def values(self, rows, columns=None):
        return ", ".join("(" + ", ".join(literal(t, row.get(cid)) for cid, _, t in columns or self.state.columns) + ")" for row in rows)

    def names(self):
        return ", ".join(n for _, n, _ in self.state.columns)

    def matching(self, says):
        return [k for k, row in self.state.rows.items() if says(row) is True]

    def few(self, says):
        return len(self.matching(says)) <= max(8, len(self.state.rows) // 2)

    def some_condition(self):
        """One that leaves rows, mostly."""
        for _ in range(5):
            text, says = condition(self.rng, self.state)
            if self.few(says):
                break
        return text, says

    def op_insert(self):
        rows = self.fresh(self.rng.choice([1, 3, 10]))
        self.sql(f"INSERT INTO {self.name} ({self.names()}) VALUES {self.values(rows)}")
        self.add(rows)

    def op_append(self):
        rows = self.fresh(self.rng.choice([1, 5, 30]))
        self.log.append(f"append {rows}")
        self.lake.write("firn_append", self.name, self.arrow(rows), branch=self.ref)
        self.add(rows)

    def op_overwrite(self):
        text, says = self.some_condition()
        rows = self.fresh(3)
        self.log.append(f"overwrite WHERE {text} with {rows}")
        self.lake.write("firn_overwrite", self.name, self.arrow(rows), text.encode(), branch=self.ref)
        for k in self.matching(says):
            del self.state.rows[k]
        self.add(rows)

    def op_delete(self):
        text, says = self.some_condition()
        gone = self.matching(says)
        self.sql(f"DELETE FROM {self.name} WHERE {text}")
        for k in gone:
            del self.state.rows[k]

    def op_update(self):
        text, says = self.some_condition()
        columns = [c for c in self.state.columns if c[0] != 0]
        columns = self.rng.sample(columns, min(len(columns), self.rng.randrange(1, 3)))
        if not columns:
            raise NotHere
        fresh = {cid: self.draw(t) for cid, _, t in columns}
        hit = self.matching(says)
        self.sql(f"UPDATE {self.name} SET {', '.join(f'{n} = {literal(t, fresh[cid])}' for cid, n, t in columns)} WHERE {text}")
        for k in hit:
            self.state.rows[k] = self.state.rows[k] | fresh

    def op_merge(self):
        rows = self.fresh(4)
        old = self.rng.sample(sorted(self.state.rows), min(4, len(self.state.rows)))
        rows = rows[:2] + [row | {0: k} for row, k in zip(rows[2:] * 2, old)]
        gone = set(old[:2])
        listed = ", ".join(f"({', '.join(literal(t, row.get(cid)) for cid, _, t in self.state.columns)}, {row[0] in gone})" for row in rows)
        names = [n for _, n, _ in self.state.columns]
        sets = ", ".join(f"{n} = s.{n}" for n in names if n != "k")
        update = f"WHEN MATCHED THEN UPDATE SET {sets} " if sets else ""
        self.sql(f"MERGE INTO {self.name} t USING (SELECT * FROM (VALUES {listed}) AS v({', '.join(names)}, gone)) s ON t.k = s.k WHEN MATCHED AND s.gone THEN DELETE {update}"
                 f"WHEN NOT MATCHED AND NOT s.gone THEN INSERT ({', '.join(names)}) VALUES ({', '.join(f's.{n}' for n in names)})")  # fmt: skip
        self.add(rows)
        for k in gone:
            del self.state.rows[k]

    def op_replace_where(self):
        text, says = self.some_condition()
        rows = self.fresh(3)
        gone = self.matching(says)
        self.sql(f"INSERT INTO {self.name} ({self.names()}) REPLACE WHERE {text} VALUES {self.values(rows)}")
        for k in gone:
            del self.state.rows[k]
        self.add(rows)

    # -- Files and snapshots.

    def op_compact(self):
        text, _ = condition(self.rng, self.state, 0)
        options = self.rng.choice(["", ", options => map('rewrite-all', 'true')", ", options => map('min-input-files', '2', 'delete-file-threshold', '1')",
                                   f", options => map('rewrite-all', 'true'), where => '{text.replace(chr(39), chr(39) * 2)}'"])  # fmt: skip
        self.sql(f"CALL system.rewrite_data_files(table => '{self.name}'{options})")

    def op_sort(self):
        _, name, t = self.rng.choice(self.state.columns)
        order = self.rng.choice([f"{name} DESC NULLS LAST", name, f"zorder({name}, k)"])
        self.sql(f"CALL system.rewrite_data_files(table => '{self.name}', strategy => 'sort', sort_order => '{order}', options => map('rewrite-all', 'true'))")

    def op_rewrite_manifests(self):
        self.sql(f"CALL system.rewrite_manifests('{self.name}')")

    def op_rewrite_deletes(self):
        self.sql(f"CALL system.rewrite_position_delete_files(table => '{self.name}', options => map('rewrite-all', 'true'))")

    def op_expire(self):
        keep = self.rng.randrange(1, 6)
        self.sql(f"CALL system.expire_snapshots(table => '{self.name}', older_than => TIMESTAMP '2999-01-01 00:00:00', retain_last => {keep})")
        left = set(self.live())
        gone = [s for s in self.state.snapshots if s not in left]
        self.state.snapshots = {s: v for s, v in self.state.snapshots.items() if s in left}
        if len(left) < keep and gone:
            raise Wrong(f"{keep} snapshots were to stay, {len(left)} are left")
        for s in gone[:1]:
            try:
                self.lake.sql(f"SELECT * FROM {self.name} FOR VERSION AS OF {s}", self.ref)
            except Failed:
                continue
            raise Wrong(f"snapshot {s} has expired and can be read")

    def live(self):
        return [r["snapshot_id"] for r in self.lake.sql(f"SELECT snapshot_id FROM {self.name}.snapshots", self.ref).to_pylist()]

    def op_analyze(self):
        self.sql(f"ANALYZE {self.name}")

    def go_back(self, call):
        if len(self.state.snapshots) < 2:
            raise NotHere
        to = self.rng.choice(list(self.state.snapshots))
        self.sql(call.format(table=self.name, to=to))
        self.state.rows = dict(self.state.snapshots[to].rows)

    def op_rollback(self):
        # Only to an ancestor: after a rollback the others are none.
        now = self.lake.metadata(self.name, self.ref)[1]
        ancestors = {r["snapshot_id"] for r in self.lake.sql(f"SELECT snapshot_id FROM {self.name}.history WHERE is_current_ancestor", self.ref).to_pylist()}
        choices = [s for s in self.state.snapshots if s in ancestors and s != now]
        if not choices:
            raise NotHere
        to = self.rng.choice(choices)
        self.sql(f"CALL system.rollback_to_snapshot('{self.name}', {to})")
        self.state.rows = dict(self.state.snapshots[to].rows)

    def op_set_current(self):
        self.go_back("CALL system.set_current_snapshot('{table}', {to})")

    def op_tag_of_table(self):
        """The table's own tag keeps its snapshot, and is read by its name."""
        if not self.state.snapshots:
            raise NotHere
        to = self.rng.choice(list(self.state.snapshots))
        tag = f"g{len(self.log)}"
        self.sql(f"ALTER TABLE {self.name} CREATE TAG {tag} AS OF VERSION {to}")
        self.compare_at(self.state.snapshots[to], f"'{tag}'")

    def op_branch_of_table(self):
        """Rows go to a branch of the table's own; nobody else sees them until the table is moved there."""
        if not self.state.snapshots:
            raise NotHere
        b = f"own{len(self.log)}"
        self.sql(f"ALTER TABLE {self.name} CREATE BRANCH {b}")
        rows = self.fresh(3)
        self.sql(f"INSERT INTO {self.name}.branch_{b} ({self.names()}) VALUES {self.values(rows)}")
        text, says = self.some_condition()
        self.sql(f"DELETE FROM {self.name}.branch_{b} WHERE {text}")
        there = State(self.state.columns, {k: row for k, row in [*self.state.rows.items(), *((r[0], r) for r in rows)] if says(row) is not True}, {})
        got = self.lake.sql(f"SELECT {self.names()} FROM {self.name}.branch_{b}", self.ref)
        self.compare("the table's branch", self.plain(got, self.state.columns), there.table())
        got = self.lake.sql(f"SELECT {self.names()} FROM {self.name}", self.ref)
        self.compare("the table beside its branch", self.plain(got, self.state.columns), self.state.table())
        if self.rng.random() < 0.6:
            self.sql(f"CALL system.fast_forward('{self.name}', 'main', '{b}')")
            self.state.rows = there.rows
        self.sql(f"ALTER TABLE {self.name} DROP BRANCH {b}")

    # -- Definitions.

    def either(self, text, *changes):
        """By SQL, or by the C API."""
        if self.rng.random() < 0.5 and text[:5] not in self.skipped:
            try:
                return self.sql(f"ALTER TABLE {self.name} {text}")
            except Failed as e:
                if not NOT_BUILT.match(str(e)):
                    raise
                self.log.pop()
                self.skipped[text[:5]] += 1
        self.alter(*changes)

    def alter(self, *changes):
        self.log.append(f"[{self.ref}] alter {changes}")
        self.lake.alter(self.name, *changes, ref=self.ref)

    def op_add_column(self):
        if len(self.state.columns) > 9:
            raise NotHere
        c = self.column(self.rng.choice(list(POOL)))
        self.either(f"ADD COLUMN {c[1]} {sql_type(c[2])}", (1, c[1], c[2], None))
        self.state.columns.append(c)

    def victim(self):
        """A column that no partitioning or order names."""
        used = self.lake.sql(f"SELECT * FROM {self.name}.partitions LIMIT 0", self.ref).schema
        text = " ".join(f.name for f in used.field("partition").type) if "partition" in used.names else ""
        choices = [c for c in self.state.columns if c[0] != 0 and c[0] not in self.sorted and not re.search(rf"\b{c[1]}(\b|_)", text)]
        if not choices:
            raise NotHere
        return self.rng.choice(choices)

    def op_drop_column(self):
        if len(self.state.columns) < 3:
            raise NotHere
        c = self.victim()
        self.either(f"DROP COLUMN {c[1]}", (2, c[1], None, None))
        self.state.columns.remove(c)
        if self.rng.random() < 0.5:  # the name comes back with another type, and no values
            again = (self.column("string")[0], c[1], self.rng.choice(list(POOL)))
            self.alter((1, again[1], again[2], None))
            self.state.columns.append(again)

    def op_rename_column(self):
        c = self.victim()
        self.next_name += 1
        to = f"c{self.next_name}"
        self.either(f"RENAME COLUMN {c[1]} TO {to}", (3, c[1], None, to))
        self.state.columns = [(o[0], to, o[2]) if o == c else o for o in self.state.columns]

    def op_widen_column(self):
        choices = [c for c in self.state.columns if c[2] in WIDER]
        if not choices:
            raise NotHere
        c = self.rng.choice(choices)
        self.either(f"ALTER COLUMN {c[1]} TYPE {sql_type(WIDER[c[2]])}", (4, c[1], WIDER[c[2]], None))
        self.state.columns = [(o[0], o[1], WIDER[o[2]]) if o == c else o for o in self.state.columns]

    def op_modes(self):
        self.alter(*((5, f"write.{verb}.mode", None, self.rng.choice(["copy-on-write", "merge-on-read"])) for verb in ("delete", "update", "merge")))

    def op_respec(self):
        c = self.rng.choice(self.state.columns)
        try:
            self.sql(f"ALTER TABLE {self.name} ADD PARTITION FIELD {self.partition(c)}")
        except Failed as e:
            if any(word in str(e) for word in ("already", "redundant", "exists", "same")):
                raise NotHere from None
            raise

    def op_order(self):
        cid, name, _ = self.rng.choice(self.state.columns)
        self.sql(f"ALTER TABLE {self.name} WRITE ORDERED BY {name} DESC")
        self.sorted.add(cid)

    def op_upgrade(self):
        if self.version == 3:
            raise NotHere
        self.version += 1
        try:
            self.sql(f"ALTER TABLE {self.name} SET TBLPROPERTIES ('format-version' = '{self.version}')")
        except Failed:
            self.version -= 1
            raise

    # -- Branches of the catalog.

    def op_branch(self):
        if len(self.refs) == 1:
            name = f"b{self.next_key}_{self.name[3:]}"
            self.log.append(f"branch {name}")
            self.lake.create_ref(1, name, "main")
            self.refs[name] = self.refs["main"].copy()
            self.base = len(self.log)
            self.at_branch = self.lake.metadata(self.name)
        self.ref = self.rng.choice(list(self.refs))

    def op_merge_branch(self):
        names = [r for r in self.refs if r != "main"]
        if not names:
            raise NotHere
        self.ref = "main"
        if self.lake.metadata(self.name) == self.at_branch:
            self.log.append(f"merge {names[0]}")
            self.lake.merge(names[0], "main")
            self.refs["main"] = self.refs[names[0]]
        else:
            self.log.append(f"drop {names[0]}")
        self.lake.delete_ref(names[0])
        del self.refs[names[0]]

    # -- What must hold.

    def compare(self, what, got, wanted):
        if got != wanted:
            lost = [r for r in wanted if r not in got][:2]
            extra = [r for r in got if r not in wanted][:2]
            raise Wrong(f"{what}: {len(got)} rows, wanted {len(wanted)}; lost {lost}, too many {extra}")

    def plain(self, table, columns):
        lists = [[shown(v) for v in table.column(n).to_pylist()] for _, n, _ in columns]
        return sorted(list(row) for row in zip(*lists))

    def compare_at(self, state, at):
        got = self.lake.sql(f"SELECT * FROM {self.name} FOR VERSION AS OF {at}", self.ref)
        self.compare(f"at {at}, columns", got.column_names, [n for _, n, _ in state.columns])
        self.compare(f"at {at}", self.plain(got, state.columns), state.table())

    def check(self):
        state = self.state
        wanted = state.table()
        got = self.lake.sql(f"SELECT {self.names()} FROM {self.name}", self.ref)
        self.compare("SQL", self.plain(got, state.columns), wanted)
        self.compare("the C API", self.plain(self.lake.scan(table=self.name, ref=self.ref), state.columns), wanted)
        self.check_summary()
        for _ in range(3):
            self.check_condition()
        snapshot = self.lake.metadata(self.name, self.ref)[1]
        if snapshot != -1 and snapshot not in state.snapshots:
            state.snapshots[snapshot] = State(self.columns_of_snapshot(), dict(state.rows), {})
        for s in self.rng.sample(list(state.snapshots), min(2, len(state.snapshots))):
            self.compare_at(state.snapshots[s], s)
            past = state.snapshots[s]
            self.compare(f"the C API at {s}", self.plain(self.lake.scan(table=self.name, ref=self.ref, snapshot_id=s), past.columns), past.table())
        if self.rng.random() < 0.2:
            self.check_pyiceberg()
            self.done["read by PyIceberg"] += 1

    def columns_of_snapshot(self):
        return list(self.state.columns)

    def check_summary(self):
        """count, min and max, which come from metadata alone where they can."""
        columns = [c for c in self.state.columns if c[2] != "boolean"]
        asked = ", ".join(f"min({n}), max({n})" for _, n, _ in columns)
        got = list(self.lake.sql(f"SELECT count(*), {asked} FROM {self.name}", self.ref).to_pylist()[0].values()) if len(columns) else []
        got = list(zip(*[iter(got[1:])] * 2)) if got else got
        for (cid, n, t), (low, high) in zip(columns, got):
            values = [row[cid] for row in self.state.rows.values() if row.get(cid) is not None]
            for what, v, pick in ("min", low, min), ("max", high, max):
                best = pick(values, key=lambda x: sortable(t, x)) if values else None
                if (v is None) != (best is None) or (v is not None and sortable(t, v) != sortable(t, best)):
                    raise Wrong(f"{what}({n}) is {v!r}, wanted {best!r}")
        count = self.lake.sql(f"SELECT count(*) FROM {self.name}", self.ref).to_pylist()[0]
        if list(count.values()) != [len(self.state.rows)]:
            raise Wrong(f"count(*) is {count}, wanted {len(self.state.rows)}")

    def check_condition(self):
        text, says = condition(self.rng, self.state)
        wanted = sorted(self.matching(says))
        got = sorted(self.lake.sql(f"SELECT k FROM {self.name} WHERE {text}", self.ref).column("k").to_pylist())
        if got != wanted:
            raise Wrong(f"WHERE {text}: {got}, wanted {wanted}")
        got = sorted(self.lake.scan(table=self.name, ref=self.ref, filter=text).column("k").to_pylist())
        if got != wanted:
            raise Wrong(f"a scan with {text}: {got}, wanted {wanted}")

    def check_pyiceberg(self):
        file, _ = self.lake.metadata(self.name, self.ref)
        table = StaticTable.from_metadata(file)
        columns = [c for c in self.state.columns]
        try:
            got = table.scan(selected_fields=tuple(n for _, n, _ in columns)).to_arrow()
        except Exception as e:
            if "PUFFIN" in str(e).upper():
                self.skipped["PyIceberg reads deletion vectors"] += 1
                return
            raise
        self.compare("PyIceberg", self.plain(got, columns), self.state.table())
        cid, n, t = self.rng.choice([c for c in columns if c[2] in ("long", "int", "string", "date") or c[2].startswith("decimal")])
        values = [row[cid] for row in self.state.rows.values() if row.get(cid) is not None]
        if not values:
            return
        v = self.rng.choice(values)
        for op, kind in ("=", E.EqualTo), (">=", E.GreaterThanOrEqual), ("<", E.LessThan):
            given = v.isoformat() if t == "date" else v
            got = sorted(table.scan(row_filter=kind(n, given), selected_fields=("k",)).to_arrow().column("k").to_pylist())
            wanted = sorted(self.matching(lambda row: compare(t, op, row.get(cid), v)))
            if t == "string" and op != "=":
                continue  # it compares texts as Arrow does
            if got != wanted:
                raise Wrong(f"PyIceberg where {n} {op} {v!r}: {got}, wanted {wanted}")

    # -- One step after the other.

    WEIGHTS = {"insert": 6, "append": 6, "overwrite": 2, "delete": 4, "update": 4, "merge": 4, "compact": 2, "add_column": 2, "drop_column": 1, "rename_column": 1,
               "widen_column": 1, "branch": 2, "merge_branch": 1}  # fmt: skip

    def step(self):
        names = [n[3:] for n in dir(self) if n.startswith("op_") and n not in self.skipped]
        name = self.rng.choices(names, [self.WEIGHTS.get(n, 1) for n in names])[0]
        if ARGS.only and self.state.rows and self.rng.random() < 0.5:
            name = ARGS.only
        if len(self.state.rows) > 150 and name in ("append", "insert"):
            name = "delete"
        before = len(self.log)
        try:
            getattr(self, "op_" + name)()
        except NotHere:
            return
        except Failed as e:
            if not NOT_BUILT.match(str(e)):
                raise
            del self.log[before:]
            self.skipped[f"op_{name}"] += 1
            return
        self.done[name] += 1
        self.check()


def main():
    lake = Lake(ARGS.work + "/histories")
    lake.sql("CREATE SCHEMA h")
    skipped, done = Counter(), Counter()
    passed = failed = 0
    began = time.time()
    while time.time() - began < ARGS.seconds and (not ARGS.histories or passed + failed < ARGS.histories):
        seed = ARGS.seed + passed + failed
        history = None
        try:
            history = History(lake, seed, seed, skipped)
            for _ in range(ARGS.steps):
                history.step()
            for ref in list(history.refs):
                history.ref = ref
                history.check()
                for snapshot in history.state.snapshots:
                    history.compare_at(history.state.snapshots[snapshot], snapshot)
            history.check_pyiceberg()
            passed += 1
            done += history.done
        except Exception as error:
            failed += 1
            at = " > ".join(f"{f.name}:{f.lineno}" for f in traceback.extract_tb(error.__traceback__)[-3:])
            print(f"FAILED history {seed} (--seed {seed} --histories 1), format {history and history.version}: {type(error).__name__} {at}: {str(error)[:1200]}")
            for line in (history.log if history else [])[-6:]:
                print(f"    {line[:700]}")
            sys.stdout.flush()
    print(f"steps: {dict(done.most_common())}")
    if skipped:
        print(f"left out: {dict(skipped)}")
    for needed in ("insert", "append", "overwrite", "delete", "update", "merge", "compact", "expire", "add_column", "drop_column", "branch"):
        if passed > 10 and not done[needed] and not ARGS.only:
            failed += 1
            print(f"FAILED {needed} was never done")
    print(f"{passed} passed, {failed} failed")
    sys.exit(failed > 0)


main()
