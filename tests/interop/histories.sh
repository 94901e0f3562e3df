#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Random histories of operations beside a model of plain rows; SQL, libfirn, metadata alone and PyIceberg agree after each step
# (histories.py). HISTORY_SECONDS (20) says how long new ones begin, HISTORY_SEED where the seeds start.
. "$(dirname "$0")/lib.bash"
if ! python_venv; then
    skip "histories" "PyIceberg cannot be installed: $(tail -n 1 "$work/venv.log" | cut -c1-120)"
    finish
fi
build/venv/bin/python -W ignore tests/interop/histories.py "${LIBFIRN:-$(dirname "$FIRN")/libfirn.so.0}" "$work" \
    --seconds "${HISTORY_SECONDS:-20}" --seed "${HISTORY_SEED:-1}" "$@" 2>&1 | tee "$work/log"
grep -qE '^[0-9]+ passed, 0 failed$' "$work/log"
