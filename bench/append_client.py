# SPDX-License-Identifier: Apache-2.0
"""append_client.py pyiceberg DIR N | firn HOST:PORT N: what bench_append.c does, by PyIceberg with an SQL catalog on SQLite, or as INSERT
statements over one connection to a server.

Prints appends/s, p50 and p99 of one in ms, and appends/s of the last tenth, tab-separated.
"""
import http.client
import json
import os
import sys
import time
import uuid

ROWS = 10


def pyiceberg(where):
    import pyarrow as pa
    from pyiceberg.catalog.sql import SqlCatalog

    where = os.path.abspath(where)
    os.makedirs(where, exist_ok=True)
    catalog = SqlCatalog("bench", uri=f"sqlite:///{where}/catalog.db", warehouse=f"file://{where}/warehouse")
    catalog.create_namespace_if_not_exists("bench")
    schema = pa.schema([("id", pa.int64()), ("note", pa.string()), ("amount", pa.float64())])
    table = catalog.create_table(f"bench.t{uuid.uuid4().hex}", schema=schema)

    def append(ids):
        table.append(pa.table([list(ids), [f"a row of {i}" for i in ids], [i + 0.5 for i in ids]], schema=schema))

    return append


def firn(address):
    connection = http.client.HTTPConnection(address)

    def ask(sql):
        connection.request("POST", "/api/sql", json.dumps({"sql": sql}), {"Content-Type": "application/json"})
        answer = connection.getresponse()
        text = answer.read()
        assert answer.status == 200, text

    table = f"bench.t{uuid.uuid4().hex}"
    ask("CREATE SCHEMA IF NOT EXISTS bench")
    ask(f"CREATE TABLE {table} (id BIGINT, note VARCHAR, amount DOUBLE)")
    return lambda ids: ask(f"INSERT INTO {table} VALUES " + ", ".join(f"({i}, 'a row of {i}', {i}.5)" for i in ids))


def main():
    n = int(sys.argv[3])
    append = {"pyiceberg": pyiceberg, "firn": firn}[sys.argv[1]](sys.argv[2])
    times, start = [], time.perf_counter()
    for i in range(n):
        begin = time.perf_counter()
        append(range(i * ROWS, (i + 1) * ROWS))
        times.append((time.perf_counter() - begin) * 1000)
    seconds, last = time.perf_counter() - start, times[n - n // 10 :]
    times.sort()
    print(f"{n / seconds:.2f}\t{times[n // 2]:.2f}\t{times[n * 99 // 100]:.2f}\t{len(last) * 1000 / sum(last):.2f}")


main()
