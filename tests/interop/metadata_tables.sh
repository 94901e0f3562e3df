#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Firn's metadata tables and those of PyIceberg (table.inspect) say the same of the tables that Firn wrote.
. "$(dirname "$0")/lib.bash"
needs PyIceberg python_venv
make_tables
checks build/venv/bin/python tests/interop/metadata_tables.py "$FIRN" "$data" "$work"
finish
