#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# libfirn in another program: Python loads it, pyarrow imports its streams, PyIceberg reads the same tables.
. "$(dirname "$0")/lib.bash"
if ! python_venv; then
    skip "libfirn and pyarrow" "PyIceberg cannot be installed: $(tail -n 1 "$work/venv.log" | cut -c1-120)"
    finish
fi
build/venv/bin/python tests/interop/capi.py "${LIBFIRN:-$(dirname "$FIRN")/libfirn.so.0}" "$work" >"$work/capi.log" 2>&1
grep -v '^[0-9]* passed, [0-9]* failed$' "$work/capi.log"
read -r more_passed more_failed < <(grep -E '^[0-9]+ passed, [0-9]+ failed$' "$work/capi.log" | awk '{ print $1, $3 }')
passed=$((passed + ${more_passed:-0})) failed=$((failed + ${more_failed:-1}))
finish
