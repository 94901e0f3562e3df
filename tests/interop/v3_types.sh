#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Types of format version 3 and Avro data files with Spark, over the Iceberg REST catalog of `firn serve`: each side writes, the other
# reads, rows compared.  Without Spark there is nothing to do.  FIRN and SPARK as in rest.sh, which installs what is missing with
# --spark.  Ends with "N passed, N failed".
set -u
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
firn=${FIRN:-$root/build/release/firn}
venv=${VENV:-$root/build/venv}
spark=${SPARK:-$root/build/spark}
jar=$spark/iceberg-spark-runtime-4.1_2.13-1.12.0.jar
python=$venv/bin/python
[ "${1:-}" = --spark ] && python=$spark/venv/bin/python

if [ "${1:-}" = --spark ] && { [ ! -f "$jar" ] || ! "$python" -c 'import pyspark' 2>/dev/null; }; then
    echo "SKIPPED: no Spark in $spark (tests/interop/rest.sh --spark installs it)"
    echo "0 passed, 0 failed, 1 skipped"
    exit 0
fi
if [ "${1:-}" != --spark ] && ! "$python" -c 'import pyiceberg, pyarrow' 2>/dev/null; then
    echo "SKIPPED: no PyIceberg in $venv (tests/interop/rest.sh installs it)"
    echo "0 passed, 0 failed, 1 skipped"
    exit 0
fi

data=$(mktemp -d "${TMPDIR:-/tmp}/firn-types-XXXXXX")
"$firn" serve --data "$data" --listen 127.0.0.1:0 >"$data.log" 2>&1 &
server=$!
stop() {
    kill "$server" 2>/dev/null
    wait "$server" 2>/dev/null
    rm -rf "$data" "$data.log"
}
trap stop EXIT

url=
for _ in $(seq 100); do
    url=$(grep -o 'http://127\.0\.0\.1:[0-9]*' "$data.log" | head -1)
    [ -n "$url" ] && break
    kill -0 "$server" 2>/dev/null || break
    sleep 0.1
done
if [ -z "$url" ]; then
    cat "$data.log"
    echo "0 passed, 1 failed"
    exit 1
fi
SPARK_LOCAL_IP=127.0.0.1 "$python" "$here/v3_types.py" "$url" "$firn" "$jar" "${1:-}"
