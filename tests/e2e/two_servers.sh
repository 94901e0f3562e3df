#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Two servers on one PostgreSQL database under eight writers. The connections of one to the database are cut in the middle of
# commits, the other is killed and started again, and the database itself is ended without a word and started again. Nothing
# that was acknowledged is lost, nothing happens twice, and both servers say the same.
# SHARED_SECONDS (12) says how long they write.
if [[ -z ${FIRN_TEST_POSTGRES:-} ]]; then exec "$(dirname "$0")/../../tools/with-postgres" "$0" "$@"; fi
# shellcheck source=tests/e2e/lib.bash
source "$(dirname "$0")/lib.bash"
PROXY=${FIRN_PROXY:-build/dev/tests/firn_proxy}
[[ -x $PROXY ]] || { bad "$PROXY is not built" "make dev"; finish; }
seconds=${SHARED_SECONDS:-12}
socket=.s.PGSQL.5432
mkdir "$work/cut" "$work/one" "$work/two"

# start NAME PORT [FLAGS...]: a server on its own data directory; sets $pid.
start() {
    "$FIRN" serve --data "$work/$1" --listen "127.0.0.1:$2" "${@:3}" 2>>"$work/$1.log" &
    pid=$!
    started+=("$pid")
}
# answers PORT: waits until the server there does.
answers() {
    for _ in $(seq 200); do
        curl -sf "http://127.0.0.1:$1/health" >/dev/null && return 0
        sleep 0.05
    done
    return 1
}
# free_port: one that nobody listens on now.
free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }

"$PROXY" "$work/cut/$socket" "$FIRN_TEST_PGDIR/$socket" "; COMMIT" 25 >"$work/proxy" &
proxy_pid=$!
started+=("$proxy_pid")
# One says in its configuration where things are, the other is told.
printf 'catalog: "%s"\nwarehouse: %s/warehouse\nartifacts: %s/artifacts\n' "${FIRN_TEST_POSTGRES/$FIRN_TEST_PGDIR/$work/cut}" "$work" "$work" >"$work/one/firn.yaml"
printf 'artifacts: %s/artifacts\n' "$work" >"$work/two/firn.yaml"
shared=(--catalog "$FIRN_TEST_POSTGRES" --warehouse "$work/warehouse")
port1=$(free_port)
port2=$(free_port)
start one "$port1"
pid1=$pid
check "the first server answers" answers "$port1"
start two "$port2" "${shared[@]}"
pid2=$pid
check "the second server answers" answers "$port2"
url1=http://127.0.0.1:$port1 url2=http://127.0.0.1:$port2

python3 tests/e2e/writers.py --servers "$url1,$url2" --check "$url1" --seconds "$seconds" >"$work/writers" 2>&1 &
writers=$!
sleep "$(awk "BEGIN { print $seconds / 4 }")"
kill -9 "$pid2"
wait "$pid2" 2>/dev/null
start two "$port2" "${shared[@]}"
pid2=$pid
sleep "$(awk "BEGIN { print $seconds / 4 }")"
touch "$FIRN_TEST_PGDIR/again"
kill -QUIT "$(head -n 1 "$FIRN_TEST_PGDIR/data/postmaster.pid")" # no goodbye: as after a crash
wait "$writers"
rc=$?
out=$(<"$work/writers")
equal "the history is whole" "$rc $([[ $rc == 0 ]] || echo "$out")" "0 "
check "the second server is back" answers "$port2"
check "the database was started again" test ! -e "$FIRN_TEST_PGDIR/again"
log1=$(curl -s "$url1/api/log?limit=1000")
log2=$(curl -s "$url2/api/log?limit=1000")
equal "both servers tell one history" "$log1" "$log2"

# What one server does, the other knows at once.  The first may be refused once: its commits still get lost now and then.
for i in 1 2 3 4 5 6 7 8 9 10; do
    for _ in 1 2; do
        curl -s -o "$work/made" -H 'Content-Type: application/json' -d "{\"namespace\":[\"n$i\"]}" "$url1/iceberg/v1/namespaces"
    done
    status=$(curl -s -o /dev/null -w '%{http_code}' "$url2/iceberg/v1/namespaces/n$i")
    equal "namespace n$i" "$status" 200
done

stop "$proxy_pid"
figures=$(tail -n 1 "$work/proxy")
echo "$out; proxy: $figures"
read -r _ _ _ before _ after <<<"$figures"
check "requests were lost" test "${before:-0}" -gt 1
check "answers were lost" test "${after:-0}" -gt 1
contains "a lost answer was settled" "$(<"$work/one.log")" "durable though its answer was lost"
stop "$pid1"
stop "$pid2"
finish
