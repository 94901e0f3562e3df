# SPDX-License-Identifier: Apache-2.0
# What the end-to-end tests share; sourced, not run.  Each script works in a folder of its own, starts what it needs on free
# ports, stops it by process id, and ends with "N passed, N failed".
# shellcheck shell=bash disable=SC2034
set -u
cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit 1
FIRN=$(realpath "${FIRN:-build/release/firn}")
unset FIRN_DATA FIRN_SERVER FIRN_TOKEN FIRN_CREDENTIAL FIRN_CA_CERT
root=$PWD
work=$(mktemp -d "${TMPDIR:-/tmp}/firn-e2e-XXXXXX")
data=$work/data
passed=0 failed=0 skipped=0
started=()
out='' err='' rc=0 url=''

cleanup() {
    local pid
    for pid in "${started[@]}"; do kill -9 "$pid" 2>/dev/null; done
    wait 2>/dev/null
    if ((failed)); then echo "files are left in $work"; else rm -rf "$work"; fi
}
trap cleanup EXIT

pass() { passed=$((passed + 1)); }
bad() {
    failed=$((failed + 1))
    echo "FAILED $1"
    shift
    (($#)) && printf '    %s\n' "$@" | cut -c1-600
}
skip() {
    skipped=$((skipped + 1))
    echo "$1: skipped: $2"
}
finish() {
    if ((skipped)); then echo "$passed passed, $failed failed, $skipped skipped"; else echo "$passed passed, $failed failed"; fi
    exit $((failed != 0))
}

# check NAME COMMAND...: the command must succeed.
check() {
    local name=$1
    shift
    if "$@"; then pass; else bad "$name" "failed: $*"; fi
}
equal() { if [[ $2 == "$3" ]]; then pass; else bad "$1" "got:    $2" "wanted: $3"; fi; }
contains() { if [[ $2 == *"$3"* ]]; then pass; else bad "$1" "\"$3\" is not in:" "$2"; fi; }
lacks() { if [[ $2 != *"$3"* ]]; then pass; else bad "$1" "\"$3\" is in:" "$2"; fi; }

# firn ARGS...: leaves $out, $err and $rc.
firn() {
    out=$("$FIRN" --data "$data" "$@" 2>"$work/stderr")
    rc=$?
    err=$(<"$work/stderr")
}
# works NAME ARGS...: the call must end with 0.
works() {
    local name=$1
    shift
    firn "$@"
    if ((rc == 0)); then pass; else bad "$name" "firn $*: exit status $rc" "$err"; fi
}
# fails NAME STATUS WORDS ARGS...: it must end with this status, say these words, and not crash.
fails() {
    local name=$1 status=$2 words=$3
    shift 3
    firn "$@"
    if ((rc != status)); then
        bad "$name" "firn $*: exit status $rc, wanted $status" "$err"
    elif [[ ${err,,} != *"${words,,}"* ]]; then
        bad "$name" "\"$words\" is not in: $err"
    else
        pass
    fi
}
# query SQL: its answer as CSV without the header.
query() { "$FIRN" --data "$data" sql --format csv -c "$1" 2>"$work/stderr" | tail -n +2; }

# value EXPRESSION: evaluates it with d = the JSON document on standard input.
value() { python3 -c 'import json, sys
d = json.load(sys.stdin)
v = eval(sys.argv[1])
print(json.dumps(v) if isinstance(v, (dict, list, tuple, bool)) or v is None else v)' "$1" 2>/dev/null; }

# serve DIR [FLAGS...]: starts a server on a free port; sets $url and $server_pid.
serve() {
    local dir=$1
    shift
    : >"$work/serve.log" # of a server before: its address is not this one's
    "$FIRN" serve --data "$dir" --listen 127.0.0.1:0 "$@" 2>"$work/serve.log" &
    server_pid=$!
    started+=("$server_pid")
    for _ in $(seq 200); do
        url=$(grep -soE 'https?://[0-9.]+:[0-9]+' "$work/serve.log" | head -n 1)
        [[ -n $url ]] && return 0
        kill -0 "$server_pid" 2>/dev/null || break
        sleep 0.05
    done
    bad "server starts" "$(cat "$work/serve.log")"
    return 1
}
# stop PID: asks it to end and waits.
stop() {
    kill "$1" 2>/dev/null
    wait "$1" 2>/dev/null
}
