# SPDX-License-Identifier: Apache-2.0
"""Plans a table with PyIceberg: plan_pyiceberg.py METADATA CASE.  Prints what bench_plan prints."""

import resource
import sys
import time

from pyiceberg.expressions import And, EqualTo, GreaterThanOrEqual, LessThan
from pyiceberg.table import StaticTable

FILTERS = {
    "full": "true",
    "partition": EqualTo("day", 50),
    "point": EqualTo("id", 12345678),
    "range": And(GreaterThanOrEqual("id", 10000000), LessThan("id", 30000000)),
}
table = StaticTable.from_metadata(sys.argv[1])
begin = time.perf_counter()
first, files, deletes = None, 0, 0
for task in table.scan(row_filter=FILTERS[sys.argv[2]]).plan_files():
    first = first or time.perf_counter() - begin
    files += 1
    deletes += len(task.delete_files)
seconds = time.perf_counter() - begin
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(f"{seconds:.4f}\t{first or seconds:.4f}\t{files}\t{deletes}\t{peak:.1f}")
