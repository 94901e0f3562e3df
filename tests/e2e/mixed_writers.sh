#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Eight writers append to, delete from, update, merge into, overwrite, compact, expire and evolve one table at once through one
# server: nothing is lost, nothing is there twice, and every snapshot holds what the operations before it give when they are done one
# after the other.
# MIXED_SECONDS (20) says how long they write, over all tables.
# shellcheck source=tests/e2e/lib.bash
source "$(dirname "$0")/lib.bash"
seconds=${MIXED_SECONDS:-20}
for shape in "1 copy-on-write" "2 merge-on-read" "2 copy-on-write" "3 merge-on-read"; do
    read -r version mode <<<"$shape"
    serve "$work/v$version-$mode" || continue
    out=$(python3 tests/e2e/mixed_writers.py "$url" --seconds "$(awk "BEGIN { print $seconds / 4 }")" --version "$version" --mode "$mode" --seed "${MIXED_SEED:-$RANDOM}" 2>&1)
    rc=$?
    echo "${out%%$'\n'*}"
    equal "format $version, $mode: the history is whole" "$rc $([[ $rc == 0 ]] || echo "$out")" "0 "
    stop "$server_pid"
done
finish
