#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Lies in the files of a real table (tests/fuzz/chain): named ones with the words that answer them, then HOSTILE_SECONDS (10) of ones of
# chance (the same each time, but with another HOSTILE_SEED). Each ends with an error that names a file or with rows, in no more than 10 s and 256 MB; a refused write changes nothing.
# shellcheck source=tests/e2e/lib.bash
source "$(dirname "$0")/lib.bash"
chain() { python3 tests/fuzz/chain/chain.py "$FIRN" "$work" "$@" >"$work/log" 2>&1 || true; }
count() {
    local more_passed='' more_failed=''
    grep -v '^[0-9]* passed, [0-9]* failed$' "$work/log"
    read -r more_passed more_failed < <(grep -E '^[0-9]+ passed, [0-9]+ failed$' "$work/log" | awk '{ print $1, $3 }')
    passed=$((passed + ${more_passed:-0})) failed=$((failed + ${more_failed:-1}))
}
chain cases
count
chain fuzz --seconds "${HOSTILE_SECONDS:-10}" --seed "${HOSTILE_SEED:-1}"
count
finish
