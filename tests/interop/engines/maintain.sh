#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Spark's maintenance procedures on tables that Firn wrote, and Firn's on tables that Spark wrote (maintain.py).  Ends with
# "N passed, N failed".
# shellcheck source=tests/interop/lib.bash
. "$(dirname "$0")/../lib.bash"
needs Spark spark_home
serve "$data" || finish
checks "$spark_python" tests/interop/engines/maintain.py "$url" "$@"
finish_served
