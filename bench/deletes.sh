#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Reading tables of which rows were deleted against the same table without deletes (bench_deletes.c).  The goal is for
# deletion vectors; a row that is gone is read and thrown away, so half of the rows deleted is no half of the work.
bench=deletes
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
repeats=${FIRN_BENCH_REPEATS:-5}
rows=${FIRN_BENCH_ROWS:-10000000}
need firn bench_deletes
dir=$work/deletes
rm -rf "$dir"
mkdir -p "$dir"
note "making five tables of $rows rows"
"$programs/bench_deletes" make "$dir/data" "$rows"
"$programs/bench_deletes" turns "$dir/data" "$repeats" >"$dir/turns"
head_line "reading $rows rows in 8 files, medians of $repeats pairs" "no deletes"
while IFS=$'\t' read -r name plain ours plain_cpu cpu; do
    aim=()
    [[ $name == *vectors* ]] && aim=("within 1.3 times" "firn <= rival * 1.3")
    row "$name" ms "no deletes" "$plain" "$ours" lower "${aim[@]}"
    row "  CPU" ms "no deletes" "$plain_cpu" "$cpu" lower
done <"$dir/turns"
