#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Firn and PyIceberg take turns on tables of every type, partitioning, format version, mode of deletes and step of evolution, and
# read the same rows after each step (engines/matrix.py).  --all takes every partitioning in every version.
. "$(dirname "$0")/lib.bash"
needs PyIceberg python_venv
serve "$data" || finish
checks build/venv/bin/python -W ignore tests/interop/engines/matrix.py pyiceberg "$url" "$@"
finish_served
