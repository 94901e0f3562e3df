#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Types of format version 3 and Avro data files with Spark, over the Iceberg REST catalog of `firn serve`: each side writes, the other
# reads, rows compared (v3_types.py).  Ends with "N passed, N failed".
# shellcheck source=tests/interop/lib.bash
. "$(dirname "$0")/../lib.bash"
needs Spark spark_home
serve "$data" || finish
checks "$spark_python" tests/interop/engines/v3_types.py "$url" "$FIRN"
finish_served
