# SPDX-License-Identifier: Apache-2.0
# What the tests with other programs share on top of tests/e2e/lib.bash.  FIRN is the program (build/release/firn).  Each xxx_venv,
# xxx_home makes sure that a program is there, and fails where it cannot be fetched: a test is skipped then, and counted as skipped.
# shellcheck shell=bash
. "$(dirname "${BASH_SOURCE[0]}")/../e2e/lib.bash"
spark_python=build/spark/venv/bin/python
export SPARK_LOCAL_IP=127.0.0.1 SPARK_JAR=build/spark/iceberg-spark-runtime-4.1_2.13-1.12.0.jar # for spark.py

# venv DIR WORDS-FOR-PIP...: a Python environment with these packages; installed again when the words (or the file after -r) have changed.
venv() {
    local dir=$1 stamp=$1/requirements.sha256 wanted
    shift
    wanted=$({ echo "$@"; [[ $1 == -r ]] && cat "$2"; } | sha256sum)
    [[ -x $dir/bin/python && -f $stamp && $(<"$stamp") == "$wanted" ]] && return 0
    { [[ -x $dir/bin/python ]] || python3 -m venv "$dir"; } >"$work/install.log" 2>&1 &&
        "$dir/bin/pip" install -q --disable-pip-version-check --retries 1 --timeout 20 "$@" >>"$work/install.log" 2>&1 && echo "$wanted" >"$stamp"
}

# maven WORDS...: runs Maven, installing it and a Java where there are none.
maven() {
    { command -v mvn && command -v java || apt-get install -y -qq maven default-jdk-headless; } >>"$work/install.log" 2>&1 &&
        mvn -q -B "$@" >>"$work/install.log" 2>&1
}
# maven_file DIR GROUP:NAME:VERSION[:KIND]: fetches one file into DIR.
maven_file() { maven dependency:copy -Dartifact="$2" -DoutputDirectory="$1"; }

python_venv() { venv build/venv -r tests/interop/requirements.txt; }
# spark_home: Spark and Iceberg's runtime, 500 MB.
spark_home() { venv build/spark/venv pyspark==4.1.4 && { [[ -f $SPARK_JAR ]] || maven_file build/spark org.apache.iceberg:iceberg-spark-runtime-4.1_2.13:1.12.0; }; }

# node_modules: icebird as package-lock.json pins it, in build/node.
node_modules() {
    local wanted stamp=build/node/lock.sha256
    command -v npm >/dev/null || return 1
    wanted=$(sha256sum <tests/interop/package-lock.json)
    [[ -d build/node/node_modules && -f $stamp && $(<"$stamp") == "$wanted" ]] && return 0
    mkdir -p build/node
    cp tests/interop/package.json tests/interop/package-lock.json build/node/
    (cd build/node && npm ci --silent --no-audit --no-fund --fetch-retries 1 >"$work/install.log" 2>&1) && echo "$wanted" >"$stamp"
}

# needs NAME COMMAND...: ends the script, as skipped, where the command cannot make a program available.
needs() {
    local name=$1
    shift
    "$@" && return 0
    skip "$name" "it cannot be installed: $(tail -n 1 "$work/install.log" 2>/dev/null | cut -c1-120)"
    finish
}

# checks COMMAND...: runs a program of checks; shows what it says, and adds what its last line counts to our own.
checks() {
    local p=0 f=1 s=0 counted='^[0-9]+ passed, [0-9]+ failed(, [0-9]+ skipped)?$'
    "$@" 2>"$work/warnings" | tee "$work/checks.log" | grep --line-buffered -vE "$counted"
    local rc=${PIPESTATUS[0]}
    if grep -qE "$counted" "$work/checks.log"; then
        read -r p f s < <(grep -E "$counted" "$work/checks.log" | tail -n 1 | awk '{ print $1, $3, $5 + 0 }')
    fi
    ((rc != 0 && f == 0)) && f=1
    ((f)) && grep -v ' WARN ' "$work/warnings" | tail -n 20
    passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
}

# finish_served: the server has to end well too.
finish_served() {
    kill "$server_pid"
    wait "$server_pid" || bad "the server ends" "status $?" "$(tail -n 50 "$work/serve.log")"
    finish
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
