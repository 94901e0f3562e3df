#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Spark's maintenance procedures on tables that Firn wrote, and Firn's on tables that Spark wrote (maintain.py); Spark is what
# tests/interop/rest.sh --spark installed. Ends with "N passed, N failed".
set -u
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../../.." && pwd)
spark=${SPARK:-$root/build/spark}
jar=$spark/iceberg-spark-runtime-4.1_2.13-1.12.0.jar
if [[ ! -f $jar ]] || ! "$spark/venv/bin/python" -c 'import pyspark' 2>/dev/null; then
    echo "SKIPPED: no Spark in $spark (tests/interop/rest.sh --spark installs it)"
    echo "0 passed, 0 failed, 1 skipped"
    exit 0
fi
# shellcheck source=tests/interop/lib.bash
source "$here/../lib.bash"
serve "$data" || finish
SPARK_LOCAL_IP=127.0.0.1 "$spark/venv/bin/python" "$here/maintain.py" "$url" --jar "$jar" "$@"
rc=$?
stop "$server_pid"
exit $rc
