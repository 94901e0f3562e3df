#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The point-in-time join against DuckDB's ASOF JOIN and the plain scan: see bench_pit.c, which makes the data (20 M rows,
# about 1 GB), runs each measurement in a process of its own, takes turns and compares the answers.
bench=pit
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
repeats=${FIRN_BENCH_REPEATS:-3}
need bench_pit
# pit CODEC TEXT: lines "    what   2.50   goal >= 2.30   met" stand below "  100000 entity rows: Firn ...".
pit() {
    printf '\n%s: ' "$2"
    FIRN_BENCH_CODEC=$1 "$programs/bench_pit" "$work/pit-$1" "$repeats" | tee "$work/pit.txt"
    while IFS=$'\t' read -r what got text met; do
        goal "$1, $what" "$got" "$text" "$met"
    done < <(awk '/entity rows/ { size = $1 }
        / goal [<>]= / { match($0, / goal /); head = substr($0, 1, RSTART); tail = substr($0, RSTART + 6); n = split(tail, t, " ")
            m = split(head, h, " "); got = h[m]; what = h[1]; for (i = 2; i < m; i++) what = what " " h[i]
            if (what == "the same, CPU") what = "times the plain scan, CPU"
            printf "%s rows: %s\t%s\t%s %s\t%s\n", size, what, got, t[1], t[2], t[3] == "met" ? "true" : "false" }' "$work/pit.txt")
}
pit zstd "feature files as tables have them by default (zstd)"
pit snappy "the same files packed with snappy, which is read faster"
