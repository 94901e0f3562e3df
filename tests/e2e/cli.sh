#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The command line: help, exit statuses, errors, every command on a small lake, and the same answers from a server.
. "$(dirname "$0")/lib.bash"

# --- Help, wrong use
commands=$("$FIRN" docs --format markdown 2>/dev/null | grep -oE '^#+ `?firn [a-z -]+' | sed -E 's/^#+ `?firn //; s/ +$//')
[[ -n $commands ]] || commands=$("$FIRN" --help | sed -nE '/^commands:/,/^$/ s/^  ([a-z-]+( [a-z-]+)?)  +.*/\1/p')
check "the help lists commands" test "$(wc -l <<<"$commands")" -ge 25
while read -r command; do
    # shellcheck disable=SC2086
    out=$("$FIRN" $command --help 2>&1)
    equal "firn $command --help: exit status" $? 0
    contains "firn $command --help has an example" "$out" "example"
    contains "firn $command --help has its name" "$out" "firn $command"
done <<<"$commands"
equal "version" "$("$FIRN" --version)" "firn $(<VERSION)"
works "help of the program" --help
contains "help of the program" "$out" "usage: firn"
works "help of a group" admin --help
contains "help of a group" "$out" "bootstrap"
fails "no such command" 2 "did you mean \`firn ingest\`" ingset a b
fails "no such subcommand" 2 "did you mean \`firn table show\`" table shw
fails "unknown flag" 2 "unknown flag --nope" sql --nope
fails "a flag's value is missing" 2 "needs a value" sql -c
fails "a flag that takes no value" 2 "takes no value" sql --json=yes -c 'SELECT 1'
fails "too few arguments" 2 "needs SOURCE TABLE" ingest one
fails "too many arguments" 2 "does not take" table show a.t b
fails "wrong log level" 2 "--log-level" table ls --log-level loud
fails "no data directory" 1 "there is no data directory" table ls
contains "and what to do about it" "$err" "firn ingest"
check "nothing was made" test ! -e "$data"

# --- A small lake
printf 'id,name,day\n1,one,2001-01-01\n2,"two, really",2001-01-02\n3,,2001-01-03\n' >"$work/in.csv"
works "ingest" ingest "$work/in.csv" bronze.t --partition-by 'day(day)' --json
equal "rows" "$(value "d['rows']" <<<"$out")" 3
equal "files" "$(value "d['files']" <<<"$out")" 3
works "ls" table ls
contains "ls" "$out" bronze.t
works "show" table show bronze.t
contains "show: partitioning" "$out" "day(day)"
contains "show: column" "$out" name

# --- SQL in every format
sql='SELECT * FROM bronze.t ORDER BY id'
works "csv" sql -c "$sql" --format csv
equal "csv" "$out" $'id,name,day\n1,one,2001-01-01\n2,"two, really",2001-01-02\n3,,2001-01-03'
works "default without a terminal is csv" sql -c "$sql"
equal "default without a terminal is csv" "$out" $'id,name,day\n1,one,2001-01-01\n2,"two, really",2001-01-02\n3,,2001-01-03'
works "json" sql -c "$sql" --format json
equal "json" "$(value "[r['id'] for r in d]" <<<"$out")" "[1, 2, 3]"
equal "json" "$(value "d[2]" <<<"$out")" '{"id": 3, "name": null, "day": "2001-01-03"}'
works "jsonl" sql -c "$sql" --format jsonl
equal "jsonl" "$(sed -n 2p <<<"$out")" '{"id":2,"name":"two, really","day":"2001-01-02"}'
works "markdown" sql -c "$sql" --format markdown
contains "markdown" "$out" "| two, really |"
works "table" sql -c "$sql" --format table
contains "table" "$out" "two, really"
works "parquet" sql -c "$sql" --format parquet -o "$work/out.parquet"
equal "parquet" "$(query "SELECT count(*), max(name) FROM '$work/out.parquet'")" "3,\"two, really\""
works "output into a file" sql -c "$sql" --format csv -o "$work/out.csv"
equal "output into a file" "$(wc -l <"$work/out.csv")" 4
fails "unknown format" 1 "format" sql -c "$sql" --format xml
fails "parquet needs a file" 1 "--output" sql -c "$sql" --format parquet
fails "output that cannot be written" 1 "/nowhere/x" sql -c "$sql" -o /nowhere/x
printf 'CREATE TABLE bronze.u AS SELECT 1 AS x; -- one\nINSERT INTO bronze.u VALUES (2);\n' >"$work/script.sql"
works "a file of statements" sql -f "$work/script.sql"
out=$(echo "SELECT sum(x) FROM bronze.u" | "$FIRN" --data "$data" sql --format csv 2>&1)
equal "statements from standard input" "$out" $'sum(x)\n3'
fails "the failing statement is named" 1 "statement 2 of 2" sql -c "SELECT 1; SELECT nope"
fails "sql error" 1 "nope" sql -c "SELECT nope FROM bronze.t"
fails "command and file" 1 "exclude each other" sql -c "SELECT 1" -f "$work/script.sql"
fails "full disk at the output" 1 "write the output" sql -c "SELECT * FROM range(100000)" -o /dev/full
out=$("$FIRN" --data "$data" table ls --json 2>"$work/stderr" >/dev/full)
equal "full disk at standard output" $? 1

# --- Errors as JSON
fails "error as JSON" 1 '"error":"NotFound"' table show bronze.nope --json
equal "error as JSON" "$(value "d['error']" <<<"$err")" NotFound
fails "usage error as JSON" 2 '"error":"Invalid"' sql --json --nope
fails "error with a hint" 2 '"hint":' ingset --json

# --- Table commands
works "insert" sql -c "INSERT INTO bronze.t VALUES (4, 'four', '2001-01-04')"
works "snapshots" table snapshots bronze.t --json
first=$(value "d[0]['snapshot_id']" <<<"$out")
equal "snapshots" "$(value "[s['total_rows'] for s in d]" <<<"$out")" "[3, 4]"
works "snapshots for people" table snapshots bronze.t
contains "snapshots for people" "$out" append
works "history" table history bronze.t --json
equal "history" "$(value "len(d)" <<<"$out")" 2
works "files" table files bronze.t --json
equal "files" "$(value "sum(f['rows'] for f in d)" <<<"$out")" 4
works "plan" table plan bronze.t --filter "day >= '2001-01-03'" --json
equal "plan" "$(value "(d['files'], d['files_total'])" <<<"$out")" "[2, 4]"
works "plan with files" table plan bronze.t --filter "day >= '2001-01-03'" --files --json
equal "plan with files" "$(value "[len(d['list']), d['groups'], sum(f['pieces'] for f in d['list'])]" <<<"$out")" "[2, 1, 2]"
works "plan without a filter" table plan bronze.t
works "analyze" table analyze bronze.t --json
equal "analyze" "$(value "(d['written'], d['rows_read'], len(d['columns']) > 0)" <<<"$out")" "[true, 4, true]"
works "analyze again" table analyze bronze.t --json
equal "what is known is not read again" "$(value "(d['written'], d['rows_read'])" <<<"$out")" "[false, 0]"
works "analyze for people" table analyze bronze.t
fails "analyze a column that is not there" 1 "no column" table analyze bronze.t --columns nope
works "analyze partitions" table analyze bronze.t --partitions --json
equal "a row a partition" "$(value "d['partitions']" <<<"$out")" "$(query 'SELECT count(*) FROM bronze.t.partitions')"
works "partitions come out of the file" sql -c "SELECT sum(record_count) FROM bronze.t.partitions" --format csv
equal "partitions come out of the file" "${out##*$'\n'}" "$(query 'SELECT count(*) FROM bronze.t')"
fails "plan with a bad filter" 1 "nope" table plan bronze.t --filter "nope = 1"
works "time travel" sql -c "SELECT count(*) FROM bronze.t FOR VERSION AS OF $first" --format csv
equal "time travel" "$out" $'count_star()\n3'
works "rollback" table rollback bronze.t --to "$first"
equal "rollback" "$(query 'SELECT count(*) FROM bronze.t')" 3
fails "rollback to nowhere" 1 "12345" table rollback bronze.t --to 12345
fails "rollback to a word" 1 "snapshot id" table rollback bronze.t --to yesterday
fails "no such table" 1 "bronze.nope" table show bronze.nope

# --- Branches, tags, merge, diff, log
works "branch" branch dev
fails "branch that is there" 1 "dev" branch dev
works "tag" tag v1
works "write on the branch" sql --branch dev -c "INSERT INTO bronze.t VALUES (5, 'five', '2001-01-05')"
equal "main is untouched" "$(query 'SELECT count(*) FROM bronze.t')" 3
works "diff" diff main dev --json
equal "diff" "$(value "[(e['change'], e['name']) for e in (d if isinstance(d, list) else d['entries'])]" <<<"$out")" '[["changed", "bronze.t"]]'
works "diff for people" diff main dev
contains "diff for people" "$out" bronze.t
works "dry run" merge dev --dry-run
equal "a dry run changes nothing" "$(query 'SELECT count(*) FROM bronze.t')" 3
works "merge" merge dev
equal "merge" "$(query 'SELECT count(*) FROM bronze.t')" 4
works "merge again" merge dev
contains "merge again" "$err" "has it all already"
works "conflicting change on the branch" sql --branch dev -c "CREATE OR REPLACE TABLE bronze.t AS SELECT 9 AS id"
works "conflicting change on main" sql -c "CREATE OR REPLACE TABLE bronze.t AS SELECT 8 AS id"
fails "conflict" 1 "conflict" merge dev
equal "a conflict changes nothing" "$(query 'SELECT id FROM bronze.t')" 8
works "the tag still stands" sql --branch v1 -c "SELECT count(*) FROM bronze.t" --format csv
equal "the tag still stands" "$out" $'count_star()\n3'
fails "tags are not written" 1 "v1" sql --branch v1 -c "INSERT INTO bronze.t VALUES (1, 'x', '2001-01-01')"
works "log" log --limit 3 --json
equal "log" "$(value "len(d if isinstance(d, list) else d['commits'])" <<<"$out")" 3
works "log for people" log
works "list branches" branch --json
contains "list branches" "$out" '"dev"'
works "list tags" tag
contains "list tags" "$out" v1
works "delete a branch" branch --delete dev
works "delete a tag" tag --delete v1
fails "main cannot be deleted" 1 "main" branch --delete main
fails "delete what is not there" 1 "dev" branch --delete dev

# --- The same answers from a server, named and found by its lock
works "table to compare" sql -c "CREATE OR REPLACE TABLE bronze.c AS SELECT i AS id, 'n' || i AS name FROM range(100) t(i)"
questions=("sql -c 'SELECT * FROM bronze.c ORDER BY id' --format csv" "sql -c 'SELECT count(*) AS n FROM bronze.c' --json"
    "table ls --json" "table show bronze.c --json" "table snapshots bronze.c --json" "table history bronze.c --json"
    "table files bronze.c --json" "log --json" "branch --json" "feature ls --json" "model ls --json" "table show bronze.nope --json")
answers=()
for q in "${questions[@]}"; do
    eval "firn $q"
    answers+=("$rc $out $err")
done
if serve "$data"; then
    for i in "${!questions[@]}"; do
        eval "firn ${questions[$i]} --server '$url'"
        equal "server: ${questions[$i]}" "$rc $out $err" "${answers[$i]}"
    done
    eval "firn ${questions[0]}"
    equal "a command finds the server on its data" "$rc $out $err" "${answers[0]}"
    works "writing through the server" ingest "$work/in.csv" bronze.remote --server "$url"
    works "seen at once" sql -c "SELECT count(*) FROM bronze.remote" --format csv
    equal "seen at once" "$out" $'count_star()\n3'
    equal "health" "$(curl -sS -o /dev/null -w '%{http_code}' "$url/health")" 200
    contains "metrics" "$(curl -sS "$url/metrics")" "# TYPE"
    stop "$server_pid"
    works "after the server has stopped" sql -c "SELECT count(*) FROM bronze.remote" --format csv
fi
fails "a server that is not there" 1 "127.0.0.1:1" table ls --server http://127.0.0.1:1
finish
