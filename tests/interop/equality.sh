#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Equality deletes that a program wrote through libfirn, read by Spark over the REST catalog, and compacted by it (equality.py).
. "$(dirname "$0")/lib.bash"
needs "PyIceberg and pyarrow" python_venv
needs Spark spark_home
build/venv/bin/python tests/interop/equality.py "${LIBFIRN:-$(dirname "$FIRN")/libfirn.so.0}" make "$data" 2>"$work/stderr" || bad "tables are made" "$(tail -n 5 "$work/stderr")"
serve "$data" || finish
checks "$spark_python" tests/interop/equality.py - check "$url" "$FIRN"
finish_served
