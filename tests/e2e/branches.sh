#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Branches from the command line: commits shown and picked, reverted, moved; reads at a commit or a time; rules.
. "$(dirname "${BASH_SOURCE[0]}")/lib.bash"

sql() { "$FIRN" --data "$data" sql --format csv -q "$@" 2>"$work/stderr"; }
count() { sql -c "SELECT count(*) FROM ns.t" --branch "$1" | tail -n 1; }

works "a table" sql -q -c "CREATE SCHEMA ns; CREATE TABLE ns.t (id BIGINT); CREATE TABLE ns.u (id BIGINT); INSERT INTO ns.t VALUES (1)"
works "a branch" branch dev
works "rows on it" sql -q --branch dev -c "INSERT INTO ns.t VALUES (2); INSERT INTO ns.t VALUES (3)"
works "rows on main" sql -q -c "INSERT INTO ns.u VALUES (1)"

works "a dry run" cherry-pick dev --dry-run
equal "changes nothing" "$(count main)" 1
works "the last commit of dev is picked" cherry-pick dev
equal "one row came" "$(count main)" 2
works "picking it again" cherry-pick dev
equal "changes nothing" "$(count main)" 2
works "a merge brings the rest" merge dev
equal "once" "$(count main)" 3

pin=$("$FIRN" --data "$data" log --json --limit 1 | python3 -c 'import json, sys; print(json.load(sys.stdin)[0]["id"])')
works "more rows" sql -q -c "INSERT INTO ns.t VALUES (4)"
equal "main" "$(count main)" 4
equal "main~1" "$(count main~1)" 3
equal "a commit" "$(count "$pin")" 3
equal "main@commit" "$(count "main@${pin:0:12}")" 3
fails "a time before the catalog" 1 "is younger than" sql -q -c "SELECT 1 FROM ns.t" --branch main@2001-01-01
fails "writing to a commit" 1 "not a branch" sql -q -c "INSERT INTO ns.t VALUES (5)" --branch main~1

works "revert" revert main
equal "main has what it had" "$(count main)" 3
works "log of a table" log --table ns.u --json
equal "has its commits" "$("$FIRN" --data "$data" log --table ns.u --json | python3 -c 'import json, sys; print(len(json.load(sys.stdin)))')" 2
works "a branch is reset" branch dev --reset main~1 --expected "$("$FIRN" --data "$data" branch --json | python3 -c 'import json, sys; print([r["commit_id"] for r in json.load(sys.stdin) if r["name"] == "dev"][0])')"
equal "and shows that state" "$(count dev)" 4
fails "not from where it is not" 1 "has moved" branch dev --reset main --expected "$pin"
works "a branch is renamed" branch dev --rename work
fails "the old name is gone" 1 "does not exist" branch dev --delete

works "main is protected" branch protect main --write none --merge '*' --delete none
fails "no commits" 1 "may not write to main" sql -q -c "INSERT INTO ns.t VALUES (9)"
works "a branch is free" sql -q --branch work -c "INSERT INTO ns.u VALUES (9)"
works "merges are" merge work --prefer source
works "the rules are listed" branch protect
works "and dropped" branch protect main --drop
works "then main is open" sql -q -c "INSERT INTO ns.t VALUES (9)"
finish
