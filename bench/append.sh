#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Appends a second of ten rows each, one after the other into one table that grows: Firn's C library and Firn's server over HTTP
# against PyIceberg with its SQL catalog on SQLite (build/venv, which the tests make).  Firn's appends are durable when answered
# (files, folders and database synced); PyIceberg syncs only the database.
bench=append
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
n=${FIRN_BENCH_APPENDS:-1000}
python=$root/build/venv/bin/python
need firn bench_append
dir=$work/append
rm -rf "$dir"
mkdir -p "$dir"
rival=false
"$python" -c 'import pyiceberg, pyarrow, sqlalchemy' 2>/dev/null && rival=true
$rival || note "PyIceberg is not in build/venv (make test installs it): appends are measured without it"

# over_http: serves a data directory for one run.
over_http() {
    local port pid
    port=$(free_port)
    "$firn" serve --data "$dir/served" --listen "127.0.0.1:$port" >"$dir/serve.log" 2>&1 &
    pid=$!
    wait_for "$port" "$pid" && python3 "$root/bench/append_client.py" firn "127.0.0.1:$port" "$n" >>"$dir/http"
    kill "$pid"
    wait "$pid" 2>/dev/null || true
}

# The rival's turn takes minutes, so it has one, of as many appends.
$rival && "$python" "$root/bench/append_client.py" pyiceberg "$dir/pyiceberg" "$n" >>"$dir/rival"
for _ in 1 2 3; do
    "$programs/bench_append" "$dir/data" "$n" >>"$dir/library"
    over_http
done

theirs() { if $rival; then column "$1" "$dir/rival"; else echo -; fi; }

head_line "$n appends of ten rows, medians of 3 (PyIceberg: one turn)" PyIceberg
row "through the C library" /s PyIceberg "$(theirs 1)" "$(column 1 "$dir/library")" higher "50 times" "ratio >= 50"
row "  p50 of one" ms PyIceberg "$(theirs 2)" "$(column 2 "$dir/library")" lower
row "  the last tenth" /s PyIceberg "$(theirs 4)" "$(column 4 "$dir/library")" higher
row "through the server, INSERT over HTTP" /s PyIceberg "$(theirs 1)" "$(column 1 "$dir/http")" higher
row "  p50 of one" ms PyIceberg "$(theirs 2)" "$(column 2 "$dir/http")" lower
