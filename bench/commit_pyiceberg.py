# SPDX-License-Identifier: Apache-2.0
"""commit_pyiceberg.py DIR append|properties N: what bench_commit.c does, by PyIceberg with an SQL catalog on SQLite.

Prints commits/s, and p50 and p99 of a commit in ms, tab-separated.
"""
import os
import sys
import time
import uuid

import pyarrow as pa
from pyiceberg.catalog.sql import SqlCatalog


def main() -> None:
    where, what, n = os.path.abspath(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    os.makedirs(where, exist_ok=True)
    catalog = SqlCatalog("bench", uri=f"sqlite:///{where}/catalog.db", warehouse=f"file://{where}/warehouse")
    catalog.create_namespace_if_not_exists("bench")
    schema = pa.schema([("id", pa.int64()), ("note", pa.string()), ("amount", pa.float64())])
    table = catalog.create_table(f"bench.t{uuid.uuid4().hex}", schema=schema)
    times = []
    start = time.perf_counter()
    for i in range(n):
        begin = time.perf_counter()
        if what == "append":
            table.append(pa.table([[i], [f"a row of commit {i}"], [i + 0.5]], schema=schema))
        else:
            with table.transaction() as change:
                change.set_properties({"bench.commit": str(i)})
        times.append((time.perf_counter() - begin) * 1000)
    seconds = time.perf_counter() - start
    times.sort()
    print(f"{n / seconds:.2f}\t{times[n // 2]:.2f}\t{times[n * 99 // 100]:.2f}")


main()
