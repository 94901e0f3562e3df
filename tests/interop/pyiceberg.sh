#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# PyIceberg reads the tables that Firn wrote, from their metadata files alone: rows, filters, partitions, snapshots.
. "$(dirname "$0")/lib.bash"
needs PyIceberg python_venv
make_tables
checks build/venv/bin/python tests/interop/pyiceberg_read.py "$FIRN" "$data" "$work"
finish
