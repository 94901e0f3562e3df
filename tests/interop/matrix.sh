#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Firn and PyIceberg take turns on tables of every type, partitioning, format version, mode of deletes and step of evolution, and
# read the same rows after each step (engines/matrix.py). --all takes every partitioning in every version. FIRN and VENV as in
# rest.sh. Ends with "N passed, N failed".
# shellcheck source=tests/interop/lib.bash
source "$(dirname "$0")/lib.bash"
python=${VENV:-build/venv}/bin/python
if ! "$python" -c 'import pyiceberg, pyiceberg_core, pyarrow' 2>/dev/null && ! python_venv; then
    skip "PyIceberg's matrix" "it cannot be installed (no PyPI?)"
    finish
fi
serve "$data" || finish
"$python" tests/interop/engines/matrix.py pyiceberg "$url" "$FIRN" "$@"
rc=$?
stop "$server_pid"
exit $rc
