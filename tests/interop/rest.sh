#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# PyIceberg, unmodified, against the Iceberg REST catalog of `firn serve`.  --spark runs Spark with Iceberg's runtime instead
# (500 MB from PyPI and Maven, Java 17), --duckdb DuckDB's iceberg extension (from PyPI); --rates measures PyIceberg and loadTable.
. "$(dirname "$0")/lib.bash"
duckdb_venv() { venv build/duckdb-venv duckdb==1.5.5 duckdb-extension-{httpfs,avro,iceberg}==1.5.5; }
rates() {
    local clients
    command -v wrk >/dev/null || return 0
    for clients in 1 8 32; do
        echo "loadTable, ten snapshots, $clients clients: $(wrk -t1 -c"$clients" -d4 --latency "$url/iceberg/v1/namespaces/t/tables/ten" |
            awk '/50%/ { p50 = $2 } /99%/ { p99 = $2 } /Requests\/sec/ { print $2 "/s, p50 " p50 ", p99 " p99 }')"
    done
}

program=(build/venv/bin/python tests/interop/rest.py)
if [[ ${1:-} == --spark ]]; then
    needs Spark spark_home
    program=("$spark_python" tests/interop/rest_spark.py)
elif [[ ${1:-} == --duckdb ]]; then
    needs DuckDB duckdb_venv
    program=(build/duckdb-venv/bin/python tests/interop/rest_duckdb.py)
else
    needs PyIceberg python_venv
fi
serve "$data" || finish
checks "${program[@]}" "$url" "$FIRN" "$@"
[[ ${1:-} == --rates ]] && rates
finish_served
