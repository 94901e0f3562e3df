#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Statistics of columns (theta sketches in Puffin files) with Spark, over the Iceberg REST catalog of `firn serve`: each reads what the
# other made (sketches.py).  Ends with "N passed, N failed".
# shellcheck source=tests/interop/lib.bash
. "$(dirname "$0")/../lib.bash"
needs Spark spark_home
serve "$data" || finish
checks "$spark_python" tests/interop/engines/sketches.py "$url" "$FIRN"
finish_served
