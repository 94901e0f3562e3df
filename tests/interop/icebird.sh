#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# icebird, a reader in JavaScript that shares no code with the others, reads the tables that Firn wrote.
. "$(dirname "$0")/lib.bash"
if ! node_modules; then
    skip "icebird" "it cannot be installed: $(tail -n 1 "$work/npm.log" 2>/dev/null | cut -c1-120)"
    finish
fi
make_tables
cp tests/interop/icebird_read.mjs build/node/
node build/node/icebird_read.mjs "$work" >"$work/read.log" 2>&1
grep -v '^[0-9]* passed, [0-9]* failed$' "$work/read.log"
read -r more_passed more_failed < <(grep -E '^[0-9]+ passed, [0-9]+ failed$' "$work/read.log" | awk '{ print $1, $3 }')
passed=$((passed + ${more_passed:-0})) failed=$((failed + ${more_failed:-1}))
finish
