#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# PyIceberg lets the server plan its scans: the same files and rows as when it plans itself.  With --spark, Spark's Iceberg
# runtime does, at once and by polling.
. "$(dirname "$0")/lib.bash"
program=(build/venv/bin/python tests/interop/scan_planning.py)
if [[ ${1:-} == --spark ]]; then
    needs Spark spark_home
    program=("$spark_python" tests/interop/scan_planning_spark.py)
else
    needs PyIceberg python_venv
fi
serve "$data" || finish
checks "${program[@]}" "$url"
finish_served
