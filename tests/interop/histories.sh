#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Random histories of operations beside a model of plain rows; SQL, libfirn, metadata alone and PyIceberg agree after each step
# (histories.py). HISTORY_SECONDS (20) says how long new ones begin, HISTORY_SEED where the seeds start.
. "$(dirname "$0")/lib.bash"
needs PyIceberg python_venv
checks build/venv/bin/python -W ignore tests/interop/histories.py "${LIBFIRN:-$(dirname "$FIRN")/libfirn.so.0}" "$work" \
    --seconds "${HISTORY_SECONDS:-20}" --seed "${HISTORY_SEED:-1}" "$@"
finish
