#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# matrix.py with Spark, or with Trino as trino.sh starts it: matrix.sh spark|trino [--all [--versions]] [--only WORD].  Ends with
# "N passed, N failed".
case ${1:-} in
    spark) ;;
    trino) exec bash "$(dirname "$0")/trino.sh" --matrix "${@:2}" ;;
    *)
        echo "matrix.sh spark|trino [--all [--versions]] [--only WORD]"
        exit 2
        ;;
esac
# shellcheck source=tests/interop/lib.bash
. "$(dirname "$0")/../lib.bash"
needs Spark spark_home
serve "$data" || finish
checks "$spark_python" tests/interop/engines/matrix.py spark "$url" "${@:2}"
finish_served
