#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The online read over HTTP (POST /get-online-features) against nginx, which answers the same request with a static text of the
# same size.  Both get as many threads as there are cores, the same load (bench_http.c) and the same request bodies: 5,000
# different keys out of 10,000.  Client and server share the machine's cores, as on any small machine; the last rows give each
# one core of its own, and the client never sleeps then: waking it would cost the slower server more than the faster one.
bench=online
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
repeats=${FIRN_BENCH_REPEATS:-3}
seconds=${FIRN_BENCH_SECONDS:-2}
need firn bench_http
need_deb nginx nginx-light || exit 1
load=$programs/bench_http
dir=$work/online
servers=()
rm -rf "$dir"
mkdir -p "$dir/project/features" "$dir/nginx"
trap 'for p in "${servers[@]}"; do kill "$p" 2>/dev/null || true; done' EXIT

# ---- The feature views `ten` and `fifty`: full-precision doubles, as models have them.

doubles() { for i in $(seq "$1"); do printf ", hash(i * 64 + %d)::DOUBLE / 1.8446744073709552e19 AS f%d" "$i" "$i"; done; }

make_features() {
    local name count yaml=$dir/project/features/bench.yaml
    echo "entities: [{ name: driver, join_keys: [driver_id] }]" >"$yaml"
    echo "feature_views:" >>"$yaml"
    "$firn" sql --data "$dir/data" -c "CREATE SCHEMA bench" >/dev/null
    for name in ten fifty; do
        count=$([[ $name == ten ]] && echo 10 || echo 50)
        "$firn" sql --data "$dir/data" -c "CREATE TABLE bench.$name AS SELECT i AS driver_id, TIMESTAMP '2024-01-01 00:00:00' +
            to_seconds(i) AS event_timestamp $(doubles "$count") FROM range(10000) t(i)" >/dev/null
        echo "  - { name: $name, entities: [driver], online: true, source: { table: bench.$name, timestamp_field: event_timestamp } }" >>"$yaml"
    done
    "$firn" feature apply "$dir/project" --data "$dir/data" >"$dir/apply.log"
    "$firn" feature materialize --data "$dir/data" >"$dir/materialize.log"
}

# bodies ROWS VIEW COUNT: one request a line.
bodies() {
    awk -v rows="$1" -v view="$2" -v count="$3" 'BEGIN { srand(7)
        for (i = 1; i <= count; i++) features = features (i > 1 ? "," : "") "\"" view ":f" i "\""
        for (n = 0; n < (rows > 1 ? 200 : 5000); n++) {
            keys = ""; for (r = 0; r < rows; r++) keys = keys (r ? "," : "") int(rand() * 10000)
            printf "{\"features\":[%s],\"entities\":{\"driver_id\":[%s]}}\n", features, keys } }'
}

# ---- Servers

start_firn() { # PORT [taskset ...]
    local port=$1
    shift
    "$@" "$firn" serve --data "$dir/data" --listen "127.0.0.1:$port" >"$dir/firn.log" 2>&1 &
    servers+=($!)
    wait_for "$port" $! || { cat "$dir/firn.log" >&2; exit 1; }
}

# Answers up to nginx's limit for a text in its configuration come from there, larger ones from a cached file.
location() { # SHAPE
    local size
    size=$(stat -c %s "$dir/$1.answer")
    echo "location = /$1 {"
    if ((size < 4000)); then
        echo "return 200 '$(cat "$dir/$1.answer")';"
    else
        echo "root $dir; try_files /$1.answer =404; error_page 405 =200 /$1.answer;"
    fi
    echo "}"
}

start_nginx() { # PORT WORKERS [taskset ...]
    local port=$1 workers=$2 prefix=$dir/nginx shape
    shift 2
    {
        echo "pid $prefix/pid; error_log $prefix/error.log; worker_processes $workers; daemon off;"
        echo "events { worker_connections 1024; }"
        echo "http { access_log off; default_type application/json; keepalive_requests 1000000000; keepalive_timeout 600;"
        echo "sendfile on; tcp_nopush on; tcp_nodelay on; open_file_cache max=100; client_body_buffer_size 128k;"
        for kind in client_body proxy fastcgi uwsgi scgi; do echo "${kind}_temp_path $prefix/$kind;"; done
        echo "server { listen 127.0.0.1:$port; root $dir;"
        for shape in 1x10 1x50 100x50; do location $shape; done
        echo "} }"
    } >"$prefix/nginx.conf"
    # It drops to another user when started by root, who must reach the answers.
    [[ $(id -u) == 0 ]] && sed -i '1s/^/user root; /' "$prefix/nginx.conf"
    "$@" nginx -c "$prefix/nginx.conf" -p "$prefix" 2>"$prefix/start.log" &
    servers+=($!)
    wait_for "$port" $! || { cat "$prefix/start.log" >&2; exit 1; }
}

stop_servers() {
    local p
    for p in "${servers[@]}"; do kill "$p" && wait "$p" || true; done
    servers=()
}

# ---- Measures

# cpu_ns PID: CPU time of all threads of a process and its children.
cpu_ns() {
    local p
    for p in "$1" $(cat "/proc/$1/task/$1/children" 2>/dev/null); do cat /proc/"$p"/task/*/schedstat; done |
        awk '{ s += $1 } END { printf "%.0f", s }'
}

# turn FILE SERVER-PID ARGS...: one run of the load, and the server's CPU time a request as a last column, in us.
turn() {
    local file=$1 pid=$2 before line
    shift 2
    before=$(cpu_ns "$pid")
    line=$("$@" -s "$seconds" -w 0.3)
    awk -v line="$line" -v cpu=$(($(cpu_ns "$pid") - before)) -v s="$seconds" \
        'BEGIN { split(line, f, "\t"); printf "%s\t%.3f\n", line, cpu / 1000 / (f[6] * (s + 0.3) / s) }' >>"$file"
}

# measure NAME SHAPE CONNECTIONS LOAD-COMMAND...: nginx and Firn in turn; lines of bench_http in NAME.nginx and NAME.firn.
measure() {
    local out=$dir/$1 shape=$2 connections=$3
    shift 3
    for _ in $(seq "$repeats"); do
        turn "$out.nginx" "${servers[1]}" "$@" "$nginx_port" "/$shape" -b "$dir/$shape.bodies" -c "$connections"
        turn "$out.firn" "${servers[0]}" "$@" "$firn_port" /get-online-features -b "$dir/$shape.bodies" -c "$connections"
    done
    if ! awk -F'\t' '$7 != 0 { exit 1 }' "$out.nginx" "$out.firn"; then
        echo "bench: answers other than 200 in $out" >&2
        exit 1
    fi
}

# resident PID: MB of a process and its children.
resident() {
    local p
    for p in "$1" $(cat "/proc/$1/task/$1/children" 2>/dev/null); do grep VmRSS "/proc/$p/status"; done |
        awk '{ s += $2 } END { printf "%.1f", s / 1024 }'
}

ms() { awk -v us="$(column "$1" "$2")" 'BEGIN { printf "%.4f", us / 1000 }'; }

report() { # TEXT NAME [goals]
    local out=$dir/$2 rate_goal=() p99_goal=()
    if [[ ${3:-} == goals ]]; then
        rate_goal=(">= half the static rate" "ratio >= 0.5")
        p99_goal=("p99 < 0.5 ms" "firn < 0.5")
    fi
    row "$1: rate" /s nginx "$(column 1 "$out.nginx")" "$(column 1 "$out.firn")" higher "${rate_goal[@]}"
    row "$1: p50" ms nginx "$(ms 2 "$out.nginx")" "$(ms 2 "$out.firn")" lower
    row "$1: p99" ms nginx "$(ms 3 "$out.nginx")" "$(ms 3 "$out.firn")" lower "${p99_goal[@]}"
    row "$1: p99.9" ms nginx "$(ms 4 "$out.nginx")" "$(ms 4 "$out.firn")" lower
    row "$1: server CPU each" us nginx "$(column 9 "$out.nginx")" "$(column 9 "$out.firn")" lower
}

make_features
firn_port=$(free_port)
nginx_port=$(free_port)
bodies 1 ten 10 >"$dir/1x10.bodies"
bodies 1 fifty 50 >"$dir/1x50.bodies"
bodies 100 fifty 50 >"$dir/100x50.bodies"
start_firn "$firn_port" env
for shape in 1x10 1x50 100x50; do
    "$load" "$firn_port" /get-online-features -b "$dir/$shape.bodies" -p >"$dir/$shape.answer"
done
start_nginx "$nginx_port" "$(nproc)" env

head_line "online read, rows x features, answers of $(stat -c %s "$dir/1x10.answer"), $(stat -c %s "$dir/1x50.answer") and $(stat -c %s "$dir/100x50.answer") bytes, medians of $repeats x $seconds s" "nginx, static"
for connections in 1 8 32; do
    measure "1x10-$connections" 1x10 $connections "$load"
    report "1 x 10, $connections connections" "1x10-$connections" "$([[ $connections == 32 ]] && echo goals)"
done
measure 1x50-32 1x50 32 "$load"
report "1 x 50, 32 connections" 1x50-32
measure 100x50-8 100x50 8 "$load"
report "100 x 50, 8 connections" 100x50-8
row "memory of the server, resident" MB nginx "$(resident "${servers[1]}")" "$(resident "${servers[0]}")" lower
stop_servers

if (($(nproc) > 1)); then
    start_firn "$firn_port" taskset -c 0
    start_nginx "$nginx_port" 1 taskset -c 0
    measure pinned 1x10 32 taskset -c 1 "$load" -y
    report "1 x 10, 32, a core each" pinned goals
    stop_servers
fi
