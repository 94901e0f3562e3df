#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Row-level deletes with other programs, over the Iceberg REST catalog of `firn serve`: rows that Firn deleted, updated and
# merged are read by PyIceberg.  With --spark, Spark reads them, deletes rows in turn, and Firn reads those (deletes.py).
. "$(dirname "$0")/lib.bash"
python=build/venv/bin/python
if [[ ${1:-} == --spark ]]; then
    needs Spark spark_home
    python=$spark_python
else
    needs PyIceberg python_venv
fi
serve "$data" || finish
checks "$python" tests/interop/deletes.py "$url" "$FIRN" "$@"
finish_served
