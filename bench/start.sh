#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Start-up time and idle memory: `firn --version`, a command on a small data directory, `firn serve` until /health answers.
# No rival does the same; /bin/true shows what starting any process costs here, nginx what a server that does nothing costs.
bench=start
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
runs=${FIRN_BENCH_RUNS:-20}
need firn bench_start
dir=$work/start
rm -rf "$dir"
mkdir -p "$dir"

# A data directory as small as they get, with a table in it.
"$firn" sql --data "$dir/data" -c "CREATE SCHEMA s; CREATE TABLE s.t AS SELECT 1 AS x" >/dev/null
port=$(free_port)

for _ in 1 2 3 4; do
    "$programs/bench_start" run $((runs / 4 + 1)) /bin/true >>"$dir/true"
    "$programs/bench_start" run $((runs / 4 + 1)) "$firn" --version >>"$dir/version"
    "$programs/bench_start" run $((runs / 4 + 1)) "$firn" table ls --data "$dir/data" >>"$dir/ls"
    "$programs/bench_start" run $((runs / 4 + 1)) "$firn" sql --data "$dir/data" -c "SELECT * FROM s.t" >>"$dir/sql"
    "$programs/bench_start" serve $((runs / 4 + 1)) "$port" "$firn" serve --data "$dir/data" --listen "127.0.0.1:$port" >>"$dir/serve"
    for i in $(seq $((runs / 4 + 1))); do # on a directory that is not there yet
        rm -rf "$dir/new"
        "$programs/bench_start" serve 1 "$port" "$firn" serve --data "$dir/new" --listen "127.0.0.1:$port" >>"$dir/fresh"
    done
done

head_line "start-up, medians of $(wc -l <"$dir/version")" "/bin/true"
base=$(column 1 "$dir/true")
row "firn --version" ms /bin/true "$base" "$(column 1 "$dir/version")" lower "< 20 ms" "firn < 20"
row "firn table ls" ms /bin/true "$base" "$(column 1 "$dir/ls")" lower
row "firn sql, one row of a table" ms /bin/true "$base" "$(column 1 "$dir/sql")" lower
row "firn serve, ready" ms - - "$(column 1 "$dir/serve")" lower "< 50 ms" "firn < 50"
row "firn serve, ready, new directory" ms - - "$(column 1 "$dir/fresh")" lower
row "firn serve, idle, resident" MB - - "$(column 2 "$dir/serve")" lower "< 60 MB" "firn < 60"
row "firn serve, idle, private" MB - - "$(column 3 "$dir/serve")" lower
