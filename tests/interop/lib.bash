# SPDX-License-Identifier: Apache-2.0
# What the tests with other programs share on top of tests/e2e/lib.bash.
# shellcheck shell=bash
. "$(dirname "${BASH_SOURCE[0]}")/../e2e/lib.bash"

# python_venv: PyIceberg as requirements.txt pins it, in build/venv; made anew when that file has changed.
python_venv() {
    local wanted stamp=build/venv/requirements.sha256
    wanted=$(sha256sum <tests/interop/requirements.txt)
    [[ -x build/venv/bin/python && -f $stamp && $(<"$stamp") == "$wanted" ]] && return 0
    python3 -m venv build/venv >"$work/venv.log" 2>&1 &&
        build/venv/bin/pip install -q --disable-pip-version-check --retries 1 --timeout 20 -r tests/interop/requirements.txt \
            >>"$work/venv.log" 2>&1 && echo "$wanted" >"$stamp"
}

# node_modules: icebird as package-lock.json pins it, in build/node.
node_modules() {
    local wanted stamp=build/node/lock.sha256
    command -v npm >/dev/null || return 1
    wanted=$(sha256sum <tests/interop/package-lock.json)
    [[ -d build/node/node_modules && -f $stamp && $(<"$stamp") == "$wanted" ]] && return 0
    mkdir -p build/node
    cp tests/interop/package.json tests/interop/package-lock.json build/node/
    (cd build/node && npm ci --silent --no-audit --no-fund --fetch-retries 1 >"$work/npm.log" 2>&1) && echo "$wanted" >"$stamp"
}

# make_tables: tables of every shape in $data; leaves "name metadata-location" lines in $work/tables and each table's rows as
# Firn reads them in $work/NAME.json.
make_tables() {
    works "tables are made" sql -f tests/interop/tables.sql -q
    local name
    while read -r name; do
        "$FIRN" --data "$data" table show "$name" --json >"$work/show.json" 2>"$work/stderr" || bad "show $name" "$(<"$work/stderr")"
        echo "$name $(value "d['metadata_location']" <"$work/show.json")" >>"$work/tables"
        "$FIRN" --data "$data" sql --format json -c "SELECT * FROM \"${name%%.*}\".\"${name#*.}\"" >"$work/$name.json" 2>"$work/stderr" || bad "read $name" "$(<"$work/stderr")"
    done < <("$FIRN" --data "$data" table ls --json | python3 -c 'import json, sys
for t in json.load(sys.stdin): print(t["name"])')
}
