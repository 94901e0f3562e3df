#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Commits a second against PyIceberg with its SQL catalog on SQLite (build/venv, which the tests make): appends of one row,
# and changes of a table property.  Firn's commits are durable when answered (files and database synced); PyIceberg syncs
# only the database.
bench=commit
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
n=${FIRN_BENCH_COMMITS:-60}
python=$root/build/venv/bin/python
need bench_commit
dir=$work/commit
rm -rf "$dir"
mkdir -p "$dir"
rival=false
"$python" -c 'import pyiceberg, pyarrow, sqlalchemy' 2>/dev/null && rival=true
$rival || note "PyIceberg is not in build/venv (make test installs it): commits are measured without it"

# measure WHAT CLIENTS: turns; leaves lines of rate, p50, p99.
measure() {
    local out=$dir/$1-$2
    for _ in 1 2 3; do
        if $rival && [[ $2 == 1 ]]; then
            "$python" "$root/bench/commit_pyiceberg.py" "$dir/pyiceberg" "$1" $((n / 2)) >>"$out.rival"
        fi
        "$programs/bench_commit" "$dir/data" "$1" $((n * $2)) "$2" >>"$out"
    done
}

report() { # TEXT WHAT CLIENTS
    measure "$2" "$3"
    local theirs=- out=$dir/$2-$3
    [[ -s $out.rival ]] && theirs=$(column 1 "$out.rival")
    row "$1" /s PyIceberg "$theirs" "$(column 1 "$out")" higher
    if [[ $3 == 1 ]]; then
        theirs=-
        [[ -s $out.rival ]] && theirs=$(column 2 "$out.rival")
        row "  p50 of one" ms PyIceberg "$theirs" "$(column 2 "$out")" lower
    fi
}

head_line "commits, medians of 3" PyIceberg
report "append of one row, 1 client" append 1
report "append of one row, 8 clients, own tables" append 8
report "append of one row, 8 clients, one table" append-one 8
report "property, 1 client" properties 1
report "property, 8 clients, own tables" properties 8
