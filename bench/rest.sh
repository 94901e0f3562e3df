#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The Iceberg REST catalog of `firn serve` beside the Iceberg project's own reference server (Java, JDBC catalog on SQLite, plain
# files; started by bench/reference), asked the same requests: loadTable at 10, 1,000 and 100,000 snapshots, commits (bench_rest.c), a
# hundred thousand tables, branches, memory and start.  loadTable stands also beside a static answer of the same bytes from the same HTTP
# library (bench_static.c).  Needs Java 17 and Maven (Debian) and 90 MB from Maven; without them Firn is measured alone.
bench=rest
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
seconds=${FIRN_BENCH_SECONDS:-3}
commits=${FIRN_BENCH_COMMITS:-40}
tables=${FIRN_BENCH_TABLES:-100000}
need firn bench_rest bench_static
need_deb wrk wrk || exit 1
jars=$root/build/rest-reference
dir=$work/rest
servers=()
# What an earlier run left went at its end: ext4 without a journal makes new files slowly for minutes after many have been deleted.
[[ ! -e $dir ]] || rm -rf "$dir"
mkdir -p "$dir/reference"
trap 'for p in "${servers[@]}"; do kill "$p" 2>/dev/null || true; done; wait; rm -rf "$dir"' EXIT

fetch_reference() {
    need_deb mvn maven && need_deb javac default-jdk-headless || return 1
    mkdir -p "$jars/classes"
    ls "$jars"/iceberg-core-*.jar >/dev/null 2>&1 ||
        mvn -q -f "$root/bench/reference/pom.xml" dependency:copy-dependencies -DoutputDirectory="$jars" || return 1
    javac -nowarn -d "$jars/classes" -cp "$jars/*" "$root/bench/reference/org/apache/iceberg/rest/Launch.java"
}
rival=true
fetch_reference >"$dir/fetch.log" 2>&1 || { rival=false; note "no reference server (Maven cannot be reached?): Firn is measured alone"; }

ms() { echo $((($(date +%s%N) - $1) / 1000000)); }
rss_mb() { awk '/^VmRSS/ { printf "%.1f", $2 / 1024 }' "/proc/$1/status"; }

if $rival; then
    rival_port=$(free_port) from=$(date +%s%N)
    java -Xmx1g -cp "$jars/classes:$jars/*" org.apache.iceberg.rest.Launch "$rival_port" "$dir/reference" >"$dir/reference.log" 2>&1 &
    rival_pid=$!
    servers+=("$rival_pid")
    until grep -q ready "$dir/reference.log" 2>/dev/null; do sleep 0.02; done
    rival_start=$(ms "$from") rival_idle=$(rss_mb "$rival_pid")
    theirs=http://127.0.0.1:$rival_port
else
    rival_start=- rival_idle=-
fi
port=$(free_port) from=$(date +%s%N)
"$firn" serve --data "$dir/data" --listen "127.0.0.1:$port" >"$dir/firn.log" 2>&1 &
firn_pid=$!
servers+=("$firn_pid")
until curl -sf "http://127.0.0.1:$port/health" >/dev/null; do sleep 0.005; done
firn_start=$(ms "$from") firn_idle=$(rss_mb "$firn_pid")
ours=http://127.0.0.1:$port/iceberg
native=http://127.0.0.1:$port/api

# load URL CLIENTS [HEADER]: rate, p50 ms, p99 ms.
load() {
    wrk -t1 -c"$2" -d"${seconds}s" --latency --timeout 30s ${3:+-H "$3"} "$1" |
        awk 'function ms(x) { return x ~ /us$/ ? x / 1000 : x ~ /ms$/ ? x + 0 : x * 1000 }
             $1 == "50%" { p50 = ms($2) } $1 == "99%" { p99 = ms($2) } /^Requests\/sec/ { rate = $2 } /Non-2xx/ { bad = $NF }
             END { if (bad) print "load: " bad " answers are not 2xx" > "/dev/stderr"; printf "%s\t%s\t%s\n", rate, p50, p99 }'
}
# beside NAME FILE-KEY CLIENTS HEADER: takes turns; sets r (rival's) and f (Firn's) as files of rows.
turns() { # KEY TABLE CLIENTS [HEADER]
    local path=/v1/namespaces/bench/tables/$2
    for _ in 1 2 3; do
        if $rival; then load "$theirs$path" "$3" "${4:-}" >>"$dir/$1.rival"; fi
        load "$ours$path" "$3" "${4:-}" >>"$dir/$1"
    done
}
of() { if [[ -s $1 ]]; then column "$2" "$1"; else echo -; fi; }

make() { # NAME SNAPSHOTS
    if $rival; then "$programs/bench_rest" "$theirs" table "$1" "$2"; fi
    "$programs/bench_rest" "$ours" table "$1" "$2"
}

loads() { # TABLE TEXT GOAL-FACTOR
    local clients key static
    for clients in 1 8 32; do
        key=load-$1-$clients
        turns "$key" "$1" "$clients"
        row "loadTable, $2, $clients clients" /s reference "$(of "$dir/$key.rival" 1)" "$(of "$dir/$key" 1)" higher \
            "${3:+$3 times}" "${3:+ratio >= $3}"
        if [[ $1 == ten && $clients == 32 ]]; then
            row "  p99" ms reference "$(of "$dir/$key.rival" 3)" "$(of "$dir/$key" 3)" lower "under 2 ms" "firn < 2"
        else
            row "  p99" ms reference "$(of "$dir/$key.rival" 3)" "$(of "$dir/$key" 3)" lower
        fi
    done
    turns "gzip-$1" "$1" 8 "Accept-Encoding: gzip"
    row "  gzip, 8 clients" /s reference "$(of "$dir/gzip-$1.rival" 1)" "$(of "$dir/gzip-$1" 1)" higher
    row "  gzip beside plain, 8 clients" /s plain "$(of "$dir/load-$1-8" 1)" "$(of "$dir/gzip-$1" 1)" higher "no slower" "ratio >= 0.97"
    static=$(free_port)
    curl -s "$ours/v1/namespaces/bench/tables/$1" >"$dir/$1.answer"
    "$programs/bench_static" "$static" "$dir/$1.answer" "$(nproc)" &
    servers+=($!)
    wait_for "$static" $!
    for _ in 1 2 3; do
        load "http://127.0.0.1:$static/" 32 >>"$dir/static-$1"
        load "$ours/v1/namespaces/bench/tables/$1" 32 >>"$dir/beside-$1"
    done
    row "  beside a static answer, 32 clients" /s libmicrohttpd "$(of "$dir/static-$1" 1)" "$(of "$dir/beside-$1" 1)" higher "60 %" "ratio >= 0.6"
    kill "${servers[-1]}"
    unset 'servers[-1]'
}

commit() { # WHAT CLIENTS TEXT [GOAL]
    local key=commit-$1-$2
    for _ in 1 2 3; do
        if $rival; then "$programs/bench_rest" "$theirs" "$1" $((commits * $2)) "$2" >>"$dir/$key.rival"; fi
        "$programs/bench_rest" "$ours" "$1" $((commits * $2)) "$2" >>"$dir/$key"
    done
    row "$3" /s reference "$(of "$dir/$key.rival" 1)" "$(of "$dir/$key" 1)" higher "${4:+$4 times}" "${4:+ratio >= $4}"
    row "  p99" ms reference "$(of "$dir/$key.rival" 3)" "$(of "$dir/$key" 3)" lower
}

head_line "Iceberg REST catalog, medians of 3" reference
row "start" ms reference "$rival_start" "$firn_start" lower
row "memory idle" MB reference "$rival_idle" "$firn_idle" lower "under 60 MB" "firn < 60"
make ten 10
make thousand 1000
loads ten "10 snapshots" 7
loads thousand "1,000 snapshots" 12

commit append 1 "commits of a snapshot, 1 client"
commit append 8 "same, 8 clients, own tables" 20
commit append-one 8 "same, 8 clients, one table" 30
commit properties 8 "commits of a property, 8 clients"
mkdir -p "$dir/bare"
for loops in 1 8; do
    for _ in 1 2 3; do "$programs/bench_rest" "$dir/bare" bare $((250 * loops)) "$loops" >>"$dir/bare-$loops"; done
    row "8 clients, own tables, beside bare loops, $loops" /s "bare" "$(of "$dir/bare-$loops" 1)" "$(of "$dir/commit-append-8" 1)" higher \
        "half" "ratio >= 0.5"
done

if $rival; then
    theirs_many=$("$programs/bench_rest" "$theirs" tables $((tables / 100)) 8 | cut -f1)
else
    theirs_many=-
fi
row "tables made, 8 clients" /s reference "$theirs_many" "$("$programs/bench_rest" "$ours" tables "$tables" 8 | cut -f1)" higher

for i in $(seq 20); do
    curl -s -o /dev/null -w '%{time_total}\n' -X POST -H 'Content-Type: application/json' "$native/refs" \
        -d "{\"name\":\"b$i\",\"kind\":\"branch\",\"from\":\"main\"}" | awk '{ print $1 * 1000 }'
done >"$dir/branch"
row "a branch at $tables tables" ms - - "$(median <"$dir/branch")" lower "under 1 ms" "firn < 1"

"$programs/bench_rest" "$ours/b1" touch 1000 8 >/dev/null
"$programs/bench_rest" "$ours" properties 1 1 >/dev/null # main has moved too
from=$(date +%s%N)
curl -sf -X POST -H 'Content-Type: application/json' "$native/merge" -d '{"from":"b1","into":"main"}' >"$dir/merge"
row "merge of 1,000 changed tables" ms - - "$(ms "$from")" lower
row "memory after all that" MB reference "$($rival && rss_mb "$rival_pid" || echo -)" "$(rss_mb "$firn_pid")" lower "under 200 MB" "firn < 200"
"$programs/bench_rest" "$ours" table many 100000
rival=false turns huge many 8 # the reference server was not given that table
row "loadTable, 100,000 snapshots, 8 clients" /s reference - "$(of "$dir/huge" 1)" higher
row "  memory after it" MB - - "$(rss_mb "$firn_pid")" lower
