#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Queries through Firn against DuckDB on the bare Parquet files of the same table: inside one process (bench_scan.c: the
# engine's work and Firn's planning, no start-up), then as whole processes.  The goal is for scans; the other queries (a count, an
# hour, a row) read next to nothing, and show what planning costs: parsing, pruning, binding twice.
bench=scan
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
repeats=${FIRN_BENCH_REPEATS:-5}
rows=${FIRN_BENCH_ROWS:-20000000}
need firn bench_scan
dir=$work/scan
rm -rf "$dir"
mkdir -p "$dir"
note "making a table of $rows rows"
"$programs/bench_scan" make "$dir/data" "$rows"

# Three processes, since where memory lies differs from one to the next.
for _ in 1 2 3; do
    "$programs/bench_scan" turns "$dir/data" "$repeats" >>"$dir/turns"
done
head_line "scan of $rows rows in 8 files, in one process, medians of 3 x $repeats pairs" DuckDB
while IFS=$'\t' read -r name what _; do
    awk -F'\t' -v n="$name" '$1 == n' "$dir/turns" >"$dir/one"
    aim=()
    [[ $name == @(sum|group|columns|rows) ]] && aim=("within 5 %" "ratio >= 0.95")
    row "$what ($(tail -n 1 "$dir/one" | awk -F'\t' '{ print $7 " of " $8 }') files)" ms DuckDB "$(column 3 "$dir/one")" "$(column 4 "$dir/one")" lower \
        "${aim[@]}"
    row "  CPU" ms DuckDB "$(column 5 "$dir/one")" "$(column 6 "$dir/one")" lower
done < <(awk -F'\t' '!seen[$1]++' "$dir/turns")

wall() { "$programs/bench_start" run 1 "$@"; }
head_line "the same as whole processes, medians of $repeats" DuckDB
for name in count columns pruned; do
    sql=$("$programs/bench_scan" text $name)
    : >"$dir/duck" >"$dir/firn"
    for _ in $(seq "$repeats"); do
        wall "$programs/bench_scan" duck "$dir/data" $name >>"$dir/duck"
        wall "$firn" sql --data "$dir/data" -c "$sql" >>"$dir/firn"
    done
    row "process: $name" ms DuckDB "$(median <"$dir/duck")" "$(median <"$dir/firn")" lower
done
