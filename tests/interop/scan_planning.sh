#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# PyIceberg lets the server plan its scans: the same files and rows as when it plans itself.  With --spark, Spark's Iceberg
# runtime does (build/spark as rest.sh --spark makes it), at once and by polling.
. "$(dirname "$0")/lib.bash"
if ! python_venv; then
    skip "PyIceberg" "it cannot be installed: $(tail -n 1 "$work/venv.log" | cut -c1-120)"
    finish
fi
serve "$data" || finish
python=build/venv/bin/python script=tests/interop/scan_planning.py
jar=build/spark/iceberg-spark-runtime-4.1_2.13-1.12.0.jar
if [[ ${1:-} == --spark ]]; then
    if [[ ! -f $jar ]]; then
        skip "Spark" "tests/interop/rest.sh --spark installs it"
        finish
    fi
    python=build/spark/venv/bin/python script=tests/interop/scan_planning_spark.py
fi
SPARK_LOCAL_IP=127.0.0.1 "$python" "$script" "$url" "$jar" >"$work/log" 2>"$work/warnings"
grep -v '^[0-9]* passed, [0-9]* failed$' "$work/log" || true
read -r more_passed more_failed < <(grep -E '^[0-9]+ passed, [0-9]+ failed$' "$work/log" | awk '{ print $1, $3 }')
[[ -z ${more_failed:-} ]] && tail -n 5 "$work/warnings"
passed=$((passed + ${more_passed:-0})) failed=$((failed + ${more_failed:-1}))
stop "$server_pid"
finish
