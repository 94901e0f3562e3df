#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# PyIceberg, unmodified, against the Iceberg REST catalog of `firn serve`.  FIRN is the program (build/release/firn),
# VENV the Python environment (build/venv, made from requirements.txt when missing).  Ends with "N passed, N failed";
# without PyPI it is skipped.  --rates measures instead; --spark runs Spark with Iceberg's runtime (500 MB from PyPI and Maven
# into build/spark, Java 17) instead; --duckdb DuckDB's iceberg extension (from PyPI into build/duckdb-venv).
set -u
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
firn=${FIRN:-$root/build/release/firn}
venv=${VENV:-$root/build/venv}

if ! "$venv/bin/python" -c 'import pyiceberg, pyiceberg_core, pyarrow' 2>/dev/null; then
    echo "installing PyIceberg into $venv"
    mkdir -p "$(dirname "$venv")"
    if ! { python3 -m venv "$venv" && "$venv/bin/pip" install -q -r "$here/requirements.txt"; }; then
        echo "SKIPPED: PyIceberg cannot be installed (no PyPI?)"
        echo "0 passed, 0 failed, 1 skipped"
        exit 0
    fi
fi

spark=${SPARK:-$root/build/spark}
jar=$spark/iceberg-spark-runtime-4.1_2.13-1.12.0.jar
if [ "${1:-}" = --spark ] && ! { "$spark/venv/bin/python" -c 'import pyspark' 2>/dev/null && [ -f "$jar" ]; }; then
    echo "installing Spark into $spark"
    mkdir -p "$spark"
    if ! { python3 -m venv "$spark/venv" && "$spark/venv/bin/pip" install -q pyspark==4.1.4 &&
        mvn -q dependency:copy -Dartifact=org.apache.iceberg:iceberg-spark-runtime-4.1_2.13:1.12.0 \
            -DoutputDirectory="$spark"; }; then
        echo "SKIPPED: Spark cannot be installed (no PyPI or Maven?)"
        echo "0 passed, 0 failed, 1 skipped"
        exit 0
    fi
fi

duck=${DUCKDB:-$root/build/duckdb-venv}
if [ "${1:-}" = --duckdb ] && ! "$duck/bin/python" -c 'import duckdb_extension_iceberg' 2>/dev/null; then
    echo "installing DuckDB into $duck"
    if ! { python3 -m venv "$duck" && "$duck/bin/pip" install -q duckdb==1.5.5 duckdb-extension-{httpfs,avro,iceberg}==1.5.5; }; then
        echo "SKIPPED: DuckDB cannot be installed (no PyPI?)"
        echo "0 passed, 0 failed, 1 skipped"
        exit 0
    fi
fi

data=$(mktemp -d "${TMPDIR:-/tmp}/firn-rest-XXXXXX")
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

if [ "${1:-}" = --spark ]; then
    SPARK_LOCAL_IP=127.0.0.1 "$spark/venv/bin/python" "$here/rest_spark.py" "$url" "$firn" "$jar"
elif [ "${1:-}" = --duckdb ]; then
    "$duck/bin/python" "$here/rest_duckdb.py" "$url" "$firn"
else
    "$venv/bin/python" "$here/rest.py" "$url" "$firn" "$@"
fi
status=$?
if [ "${1:-}" = --rates ] && command -v wrk >/dev/null; then
    for clients in 1 8 32; do
        echo "loadTable, ten snapshots, $clients clients: $(wrk -t1 -c$clients -d4 --latency "$url/iceberg/v1/namespaces/t/tables/ten" |
            awk '/50%/ { p50 = $2 } /99%/ { p99 = $2 } /Requests\/sec/ { print $2 "/s, p50 " p50 ", p99 " p99 }')"
    done
fi
kill "$server" 2>/dev/null
wait "$server" || { echo "the server ended with status $?:"; tail -50 "$data.log"; status=1; }
exit $status
