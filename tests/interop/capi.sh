#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# libfirn in another program: Python loads it, pyarrow imports its streams, PyIceberg reads the same tables.
. "$(dirname "$0")/lib.bash"
needs "PyIceberg and pyarrow" python_venv
checks build/venv/bin/python tests/interop/capi.py "${LIBFIRN:-$(dirname "$FIRN")/libfirn.so.0}" "$work"
finish
