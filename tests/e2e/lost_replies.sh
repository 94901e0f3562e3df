#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Eight writers whose requests and answers get lost on the way: nothing that was acknowledged is lost, nothing happens twice.
# LOST_SECONDS (4) says how long they write.
# shellcheck source=tests/e2e/lib.bash
source "$(dirname "$0")/lib.bash"
PROXY=${FIRN_PROXY:-build/dev/tests/firn_proxy}
[[ -x $PROXY ]] || { bad "$PROXY is not built" "make dev"; finish; }

serve "$data" || finish
"$PROXY" 0 "${url##*:}" "POST /iceberg/v1/namespaces/w/tables" 5 >"$work/proxy" &
proxy_pid=$!
started+=("$proxy_pid")
for _ in $(seq 100); do [[ -s $work/proxy ]] && break; sleep 0.05; done
out=$(python3 tests/e2e/writers.py --servers "http://127.0.0.1:$(<"$work/proxy")" --check "$url" --seconds "${LOST_SECONDS:-4}" 2>&1)
rc=$?
equal "the history is whole" "$rc $([[ $rc == 0 ]] || echo "$out")" "0 "
stop "$proxy_pid"
figures=$(tail -n 1 "$work/proxy")
echo "$out; proxy: $figures"
read -r _ _ _ before _ after <<<"$figures"
check "requests were lost" test "${before:-0}" -gt 3
check "answers were lost" test "${after:-0}" -gt 3
stop "$server_pid"
finish
