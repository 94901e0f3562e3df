#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Firn's metadata tables and those of PyIceberg (table.inspect) say the same of the tables that Firn wrote.
. "$(dirname "$0")/lib.bash"
if ! python_venv; then
    skip "PyIceberg" "it cannot be installed: $(tail -n 1 "$work/venv.log" | cut -c1-120)"
    finish
fi
make_tables
build/venv/bin/python tests/interop/metadata_tables.py "$FIRN" "$data" "$work" >"$work/read.log" 2>&1
cat "$work/read.log" | grep -v '^[0-9]* passed, [0-9]* failed$'
read -r more_passed more_failed < <(grep -E '^[0-9]+ passed, [0-9]+ failed$' "$work/read.log" | awk '{ print $1, $3 }')
passed=$((passed + ${more_passed:-0})) failed=$((failed + ${more_failed:-1}))
finish
