#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# matrix.py with Spark (what tests/interop/rest.sh --spark installed), or with Trino as trino.sh starts it: matrix.sh spark|trino
# [ARGS...]; without arguments both, one after the other, over all partitionings and versions.  Each ends with "N passed, N failed".
set -u
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../../.." && pwd)

run_spark() {
    local spark=${SPARK:-$root/build/spark} jar
    jar=$spark/iceberg-spark-runtime-4.1_2.13-1.12.0.jar
    if [[ ! -f $jar ]] || ! "$spark/venv/bin/python" -c 'import pyspark' 2>/dev/null; then
        echo "SKIPPED: no Spark in $spark (tests/interop/rest.sh --spark installs it)"
        echo "0 passed, 0 failed, 1 skipped"
        return 0
    fi
    (
        # shellcheck source=tests/interop/lib.bash
        source "$here/../lib.bash"
        serve "$data" || finish
        SPARK_LOCAL_IP=127.0.0.1 "$spark/venv/bin/python" "$here/matrix.py" spark "$url" "$FIRN" --jar "$jar" "$@"
        rc=$?
        stop "$server_pid"
        exit $rc
    )
}

case ${1:-both} in
    spark) run_spark "${@:2}" ;;
    trino) bash "$here/trino.sh" --matrix "${@:2}" ;;
    both)
        run_spark --all
        one=$?
        bash "$here/trino.sh" --matrix --all
        exit $((one | $?))
        ;;
    *)
        echo "matrix.sh spark|trino [--all] [--only WORD]"
        exit 2
        ;;
esac
