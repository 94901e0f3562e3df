#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Nessie's clients, unmodified, against `firn serve`: every command of the program nessie (pynessie, PyPI, build/venv-nessie).  --spark runs
# Spark through org.apache.iceberg.nessie.NessieCatalog instead (500 MB from PyPI and Maven into build/spark, Java 17).  FIRN is
# the program (build/release/firn).  Ends with "N passed, N failed"; without the registries it is skipped.
set -u
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
firn=${FIRN:-$root/build/release/firn}
venv=${VENV_NESSIE:-$root/build/venv-nessie}
spark=${SPARK:-$root/build/spark}
jar=$spark/iceberg-spark-runtime-4.1_2.13-1.12.0.jar

skip() {
    echo "SKIPPED: $1 cannot be installed (no PyPI or Maven?)"
    echo "0 passed, 0 failed, 1 skipped"
    exit 0
}

if [ "${1:-}" = --spark ]; then
    if ! { "$spark/venv/bin/python" -c 'import pyspark' 2>/dev/null && [ -f "$jar" ]; }; then
        echo "installing Spark into $spark"
        mkdir -p "$spark"
        { python3 -m venv "$spark/venv" && "$spark/venv/bin/pip" install -q pyspark==4.1.4 &&
            mvn -q dependency:copy -Dartifact=org.apache.iceberg:iceberg-spark-runtime-4.1_2.13:1.12.0 \
                -DoutputDirectory="$spark"; } || skip Spark
    fi
elif ! "$venv/bin/python" -c 'import pynessie' 2>/dev/null; then
    echo "installing pynessie into $venv"
    mkdir -p "$(dirname "$venv")"
    { python3 -m venv "$venv" &&
        "$venv/bin/pip" install -q --disable-pip-version-check --retries 1 --timeout 20 'pynessie==0.67.0' 'marshmallow<4'; } || skip pynessie
fi

data=$(mktemp -d "${TMPDIR:-/tmp}/firn-nessie-XXXXXX")
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
    SPARK_LOCAL_IP=127.0.0.1 "$spark/venv/bin/python" "$here/nessie_spark.py" "$url" "$firn" "$jar" "$data/warehouse"
else
    "$venv/bin/python" "$here/nessie.py" "$url" "$firn" "$venv/bin/nessie"
fi
status=$?
kill "$server" 2>/dev/null
wait "$server" || { echo "the server ended with status $?:"; tail -50 "$data.log"; status=1; }
exit $status
