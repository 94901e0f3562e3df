#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Eight writers append to, delete from, update, merge into and evolve one table through two servers on one PostgreSQL database: the
# history is that of one server (mixed_writers.py), and both read the same. SHARED_SECONDS (12) says how long they write.
if [[ -z ${FIRN_TEST_POSTGRES:-} ]]; then exec "$(dirname "$0")/../../tools/with-postgres" "$0" "$@"; fi
# shellcheck source=tests/e2e/lib.bash
source "$(dirname "$0")/lib.bash"
seconds=${SHARED_SECONDS:-12}
shared=(--catalog "$FIRN_TEST_POSTGRES" --warehouse "$work/warehouse")
mkdir "$work/one" "$work/two"
urls=() pids=()
for name in one two; do
    echo "artifacts: $work/artifacts" >"$work/$name/firn.yaml"
    serve "$work/$name" "${shared[@]}" || finish
    urls+=("$url") pids+=("$server_pid")
done
n=0
for shape in "2 merge-on-read" "3 merge-on-read" "2 copy-on-write"; do
    read -r version mode <<<"$shape"
    n=$((n + 1))
    out=$(python3 tests/e2e/mixed_writers.py "${urls[0]},${urls[1]}" --schema "w$n" --seconds "$(awk "BEGIN { print $seconds / 3 }")" --version "$version" --mode "$mode" --seed "${MIXED_SEED:-$RANDOM}" 2>&1)
    rc=$?
    echo "${out%%$'\n'*}"
    equal "format $version, $mode: the history is whole" "$rc $([[ $rc == 0 ]] || echo "$out")" "0 "
    # The one has answers of its own in memory, the other may not show what is old.
    for url in "${urls[@]}"; do
        curl -s -H 'Content-Type: application/json' -d "{\"sql\": \"SELECT k, w, op, n FROM w$n.t ORDER BY ALL\", \"max_rows\": 100000}" "$url/api/sql" |
            value "d['rows']" >"$work/rows-${url##*:}"
    done
    check "both read the same rows" cmp "$work"/rows-*
    check "and there are some" test "$(wc -c <"$work/rows-${url##*:}")" -gt 10
done
log1=$(curl -s "${urls[0]}/api/log?limit=1000")
log2=$(curl -s "${urls[1]}/api/log?limit=1000")
equal "both servers tell one history" "$log1" "$log2"
for pid in "${pids[@]}"; do stop "$pid"; done
finish
