#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# icebird, a reader in JavaScript that shares no code with the others, reads the tables that Firn wrote.
. "$(dirname "$0")/lib.bash"
needs icebird node_modules
make_tables
cp tests/interop/icebird_read.mjs build/node/
checks node build/node/icebird_read.mjs "$work"
finish
