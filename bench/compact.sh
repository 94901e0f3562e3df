#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Compaction of many small files beside DuckDB's own COPY of the same bytes into one file. The files have field ids, as a table's do; they
# become a table's by add_files before each turn, which is not timed.
bench=compact
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
files=${FIRN_BENCH_FILES:-10000}
repeats=${FIRN_BENCH_REPEATS:-3}
python=${FIRN_BENCH_DUCKDB:-$root/build/duckdb-venv/bin/python}
if ! "$python" -c 'import duckdb' 2>/dev/null; then
    note "no DuckDB for Python in $python: nothing to compare with"
    exit 0
fi
need firn
dir=$work/compact
rm -rf "$dir"
mkdir -p "$dir/files"
note "making $files files"
"$python" - "$dir/files" "$files" <<'PY'
import sys

import duckdb

db = duckdb.connect()
for i in range(int(sys.argv[2])):
    db.execute(f"""COPY (SELECT {i} * 1000 + k AS id, 'name ' || (k * 7919 % 1000) AS name, CAST(k * 0.5 + {i} AS DOUBLE) AS x,
                   DATE '2026-01-01' + CAST(k % 365 AS INTEGER) AS day FROM range(1000) r(k))
                   TO '{sys.argv[1]}/f{i:05}.parquet' (FORMAT parquet, COMPRESSION zstd, FIELD_IDS {{id: 1, name: 2, x: 3, day: 4}})""")
PY

copy() {
    "$python" - "$dir" <<'PY'
import sys
import time

import duckdb

db = duckdb.connect()
began = time.monotonic()
db.execute(f"COPY (SELECT * FROM read_parquet('{sys.argv[1]}/files/*.parquet')) TO '{sys.argv[1]}/copy.parquet' (FORMAT parquet, COMPRESSION zstd)")
print(time.monotonic() - began)
PY
}

compact() {
    rm -rf "$dir/data"
    "$firn" --data "$dir/data" sql -q -c "CREATE SCHEMA s; CREATE TABLE s.t (id BIGINT, name VARCHAR, x DOUBLE, day DATE);
        CALL system.add_files('s.t', 'parquet.\`$dir/files\`')" >"$work/compact.log"
    local began
    began=$(date +%s.%N)
    "$firn" --data "$dir/data" table compact s.t -q >>"$work/compact.log"
    awk -v a="$began" -v b="$(date +%s.%N)" 'BEGIN { print b - a }'
}

for _ in $(seq "$repeats"); do
    printf '%s\t%s\n' "$(copy)" "$(compact)" >>"$dir/turns"
done
head_line "compaction of $files files of 1,000 rows, medians of $repeats turns" "DuckDB COPY"
row "time" s "DuckDB COPY" "$(column 1 "$dir/turns")" "$(column 2 "$dir/turns")" lower "within 1.5 times" "firn <= rival * 1.5"
rm -rf "$dir"
