# SPDX-License-Identifier: Apache-2.0
# What the comparisons share: medians, rows of the table, results as JSON lines.  Sourced by bench/run and the scripts it
# runs; each of those can be run by itself too.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
firn=${FIRN_BENCH_PROGRAM:-$root/build/release/firn} # another build of it, when set: then nothing is built
programs=${FIRN_BENCH_PROGRAM:+$(dirname "$FIRN_BENCH_PROGRAM")/bench}
programs=${programs:-$root/build/release/bench}
work=$root/build/bench
results=${FIRN_BENCH_RESULTS:-$work/results.jsonl}
run_id=${FIRN_BENCH_RUN:-$(date -u +%Y-%m-%dT%H:%M:%SZ)}
mkdir -p "$work"

note() { echo "bench: $*" >&2; }

# need PROGRAM...: builds firn and C programs of bench/.
need() {
    [[ -z ${FIRN_BENCH_PROGRAM:-} ]] || return 0
    [[ -f $root/build/release/build.ninja ]] || cmake --preset release -S "$root" >"$work/configure.log"
    ninja -C "$root/build/release" "$@" >"$work/build.log" 2>&1 || { tail -n 20 "$work/build.log" >&2; exit 1; }
}

# need_deb COMMAND PACKAGE: installs a Debian package when its command is missing; false when that cannot be done.
need_deb() {
    command -v "$1" >/dev/null && return
    [[ $(id -u) == 0 ]] || { note "$1 is missing: apt-get install $2"; return 1; }
    note "installing $2"
    { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$2"; } \
        >"$work/apt.log" 2>&1 || { tail -n 5 "$work/apt.log" >&2; return 1; }
}

# Median of the numbers on standard input, one a line.
median() { sort -g | awk '{ v[NR] = $1 } END { if (NR) printf "%.6g\n", NR % 2 ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2 }'; }

# column N FILE: median of a column.
column() { cut -f"$1" "$2" | median; }

free_port() {
    local port
    while :; do
        port=$((20000 + RANDOM % 12000)) # below the ports that clients get
        (: <"/dev/tcp/127.0.0.1/$port") 2>/dev/null || { echo "$port"; return; }
    done
}

# wait_for PORT PID: until something listens there.
wait_for() {
    for _ in $(seq 500); do
        (: <"/dev/tcp/127.0.0.1/$1") 2>/dev/null && return
        kill -0 "$2" 2>/dev/null || return 1
        sleep 0.02
    done
    return 1
}

head_line() { printf '\n%s\n  %-40s %14s %14s %8s  %s\n' "$1" "" "${2:-rival}" "Firn" "ratio" "goal"; }

number() { awk -v x="$1" 'BEGIN { if (x == "-") print "-"; else if (x >= 1000) printf "%.0f", x; else if (x >= 100) printf "%.1f", x; else if (x >= 1) printf "%.2f", x; else printf "%.3f", x }'; }

# row MEASURE UNIT RIVAL-NAME RIVAL FIRN higher|lower [GOAL-TEXT CONDITION]
# The ratio says how many times as good as the rival Firn is: above 1 is better, for rates and for times alike.  "-" for no
# rival.  CONDITION is an awk expression over firn, rival and ratio.
row() {
    local measure=$1 unit=$2 name=$3 rival=$4 ours=$5 better=$6 goal=${7:-} condition=${8:-} ratio met=null
    ratio=$(awk -v r="$rival" -v f="$ours" -v b="$better" 'BEGIN { if (r == "-" || f <= 0 || r <= 0) print "-"; else printf "%.3f", b == "higher" ? f / r : r / f }')
    if [[ -n $condition ]]; then
        met=$(awk -v firn="$ours" -v rival="$rival" -v ratio="$ratio" "BEGIN { print ($condition) ? \"true\" : \"false\" }")
    fi
    printf '  %-40s %14s %14s %8s  %s\n' "$measure" "$(number "$rival") $unit" "$(number "$ours") $unit" "$(number "$ratio")" \
        "${goal:+$goal: $([[ $met == true ]] && echo met || echo MISSED)}"
    printf '{"run":"%s","bench":"%s","measure":"%s","unit":"%s","rival":"%s","rival_value":%s,"firn_value":%s,"ratio":%s,"goal":"%s","met":%s}\n' \
        "$run_id" "${bench:-?}" "$measure" "$unit" "$name" "${rival/#-/null}" "$ours" "${ratio/#-/null}" "$goal" "$met" >>"$results"
}

# goal MEASURE VALUE GOAL-TEXT true|false: a goal that a program has judged itself.
goal() {
    printf '{"run":"%s","bench":"%s","measure":"%s","unit":"","rival":"","rival_value":null,"firn_value":%s,"ratio":null,"goal":"%s","met":%s}\n' \
        "$run_id" "${bench:-?}" "$1" "$2" "$3" "$4" >>"$results"
}
