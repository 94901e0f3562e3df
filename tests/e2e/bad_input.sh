#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What is wrong is said clearly, leaves nothing half done, and the next run works: files, rows, definitions, disks, ports,
# requests, and processes killed in the middle of each step.
. "$(dirname "$0")/lib.bash"
RANDOM=${FIRN_TEST_SEED:-20010203}

# --- Files that are missing or damaged
fails "missing file" 1 "there is no file $work/none.csv" ingest "$work/none.csv" bronze.t
fails "unknown kind of file" 1 "no kind of file" ingest "$root/LICENSE" bronze.t
works "a table to damage" sql -c "CREATE TABLE bronze.good PARTITIONED BY (bucket(2, id)) AS SELECT i AS id, 'text ' || i AS s FROM range(20000) r(i)"
works "a whole Parquet file" sql -c "SELECT * FROM bronze.good" --format parquet -o "$work/whole.parquet"
head -c 20000 "$work/whole.parquet" >"$work/cut.parquet"
fails "truncated Parquet" 1 "cut.parquet" ingest "$work/cut.parquet" bronze.t
fails "empty Parquet" 1 "empty.parquet" ingest "$(: >"$work/empty.parquet" && echo "$work/empty.parquet")" bronze.t
fails "query of a truncated file" 1 "cut.parquet" sql -c "SELECT * FROM '$work/cut.parquet'"
fails "nothing of it is visible" 1 "bronze.t" table show bronze.t

# damage NAME PATTERN WORDS: cuts the newest file of the table that fits, asks, puts it back.
damage() {
    local file
    file=$(find "$data/warehouse" -path '*good-*' -name "$2" | sort | head -n 1)
    check "$1: there is a file $2" test -f "$file"
    cp "$file" "$work/saved"
    truncate -s $(($(stat -c %s "$file") / 2)) "$file"
    fails "$1" 1 "$3" sql -c "SELECT sum(id), max(s) FROM bronze.good"
    lacks "$1: no crash" "$err" "panic"
    cp "$work/saved" "$file"
    equal "$1: works again" "$(query 'SELECT count(*) FROM bronze.good')" 20000
}
damage "truncated data file" '*.parquet' parquet
damage "truncated manifest list" 'snap-*.avro' avro
damage "truncated metadata.json" '*.metadata.json' metadata.json
file=$(find "$data/warehouse" -path '*good-*' -name '*.avro' ! -name 'snap-*' | head -n 1)
cp "$file" "$work/saved" && truncate -s 500 "$file"
fails "truncated manifest" 1 "avro" sql -c "SELECT count(*) FROM bronze.good WHERE id >= 0"
cp "$work/saved" "$file"
file=$(find "$data/warehouse" -path '*good-*' -name '*.metadata.json' | head -n 1)
cp "$file" "$work/saved" && echo '{"format-version": 2, "table-uuid": 7}' >"$file"
fails "corrupt metadata.json" 1 "metadata.json" table show bronze.good
cp "$work/saved" "$file"

# --- Rows of the wrong type
printf 'id,qty\n1,10\n2,many\n3,30\n' >"$work/bad.csv"
works "a typed table" sql -c "CREATE TABLE bronze.typed (id INT, qty INT)"
fails "wrong type: file, line and column" 1 "bad.csv: line 3, column qty" ingest "$work/bad.csv" bronze.typed
contains "wrong type: what to do" "$err" "--on-error"
equal "wrong type: nothing was written" "$(query 'SELECT count(*) FROM bronze.typed')" 0
works "skip" ingest "$work/bad.csv" bronze.typed --on-error skip --json
equal "skip" "$(value "[d['rows'], d['rejected']]" <<<"$out")" "[2, 1]"
works "quarantine" ingest "$work/bad.csv" bronze.typed --on-error quarantine --json
equal "quarantine" "$(value "[d['rows'], d['rejected'], d['quarantine']]" <<<"$out")" '[2, 1, "bronze.typed_quarantine"]'
equal "quarantined row" "$(query 'SELECT line, column_name, row FROM bronze.typed_quarantine')" '3,qty,"2,many"'
fails "wrong word for --on-error" 1 "on_error" ingest "$work/bad.csv" bronze.typed --on-error ignore
fails "wrong word for --mode" 1 "mode" ingest "$work/bad.csv" bronze.typed --mode upsert

# --- Definitions
mkdir -p "$work/features" "$work/models"
works "a table with features" sql -c "CREATE TABLE gold.f AS SELECT 'k' || (i % 10) AS k, TIMESTAMP '2001-01-01' + to_hours(i::INT) AS ts, i::DOUBLE AS v FROM range(100) r(i)"
feature_view() {
    cat >"$work/features/f.yaml" <<YAML
entities:
  - { name: k, join_keys: [k] }
feature_views:
  - name: fv
    entities: [k]
    ttl: 0
    online: true
    source: { table: $1, timestamp_field: $2 }
    schema:
      - { name: $3, dtype: Float64 }
YAML
}
feature_view gold.f ts nope
fails "feature view that names a missing column" 1 "nope" feature apply "$work"
feature_view gold.gone ts v
fails "feature view of a missing table" 1 "gold.gone" feature apply "$work"
feature_view gold.f k v
fails "feature view whose timestamp is no time" 1 "k" feature apply "$work"
echo 'entities: [' >"$work/features/f.yaml"
fails "YAML that does not parse" 1 "f.yaml" feature apply "$work"
works "nothing was stored" feature ls --json
lacks "nothing was stored" "$out" '"fv"'
feature_view gold.f ts v
works "a good view" feature apply "$work"
works "materialize" feature materialize fv
echo "SELECT * FROM {{ ref('gone') }}" >"$work/models/m.sql"
fails "a model that refers to nothing" 1 "no model gone" build "$work"
printf '\n\n{%% for x in y %%}' >"$work/models/m.sql"
fails "a template that is not supported" 1 "models/m.sql:3" build "$work"
fails "training set of an unknown view" 1 "nope" feature get-historical --entities "SELECT 'k1' AS k, now()::TIMESTAMP AS event_timestamp" --features nope:v -o "$work/o.parquet"
fails "training on a missing table" 1 "gold.gone" model train "$(printf 'model: m\ndata: gold.gone\nlabel: y\nfeatures: [v]\n' >"$work/train.yaml" && echo "$work/train.yaml")"
fails "an unknown model" 1 "nope" model predict nope x=1
fails "a feature value that is no number" 1 "x=y" model predict nope x=y

# --- Ports, data directories, requests
if serve "$data"; then
    port=${url##*:}
    "$FIRN" serve --data "$work/other" --listen "127.0.0.1:$port" >"$work/o" 2>&1
    equal "port in use: exit status" $? 1
    contains "port in use" "$(cat "$work/o")" "$port"
    "$FIRN" serve --data "$data" --listen 127.0.0.1:0 >"$work/o" 2>&1
    equal "data directory in use: exit status" $? 1
    contains "data directory in use: by whom" "$(cat "$work/o")" "$server_pid"
    contains "data directory in use: where" "$(cat "$work/o")" "$url"

    # post PATH BODY: leaves $out and $status
    post() {
        out=$(curl -sS -X POST -H 'Content-Type: application/json' --data-binary "$2" -w '\n%{http_code}' "$url$1")
        status=${out##*$'\n'}
        out=${out%$'\n'*}
    }
    for path in /api/sql /api/ingest /api/build /get-online-features /v2/models/m/infer /api/features/historical /api/models/train; do
        for body in '{"a": ' '[1, 2]' '' '{"a": 1, "a": 2}' 'nonsense' '{"sql": 7, "source": 7}'; do
            post "$path" "$body"
            if [[ $status == 4?? && $out == *error* ]]; then pass; else bad "malformed body: $path $body" "$status $out"; fi
        done
    done
    post /api/sql '{"sql": "SELECT 1",}'
    equal "malformed JSON" "$status" 400
    contains "malformed JSON names the place" "$out" "line 1"
    post /get-online-features '{"features": ["fv:v"], "entities": {"k": ["k1", "stranger"]}}'
    equal "unknown entity" "$status" 200
    equal "unknown entity" "$(value "[r['statuses'] for r in d['results'] if len(r['statuses']) == 2][-1]" <<<"$out")" '["PRESENT", "NOT_FOUND"]'
    post /get-online-features '{"features": ["fv:v"], "entities": {"wrong": ["k1"]}}'
    check "unknown join key: $status $out" test "${status:0:1}" = 4
    post /get-online-features '{"features": ["none:v"], "entities": {"k": ["k1"]}}'
    check "unknown view: $status $out" test "${status:0:1}" = 4
    post /api/sql '{"sql": "SELECT count(*) AS n FROM gold.f"}'
    equal "the server still answers" "$(value "d['rows']" <<<"$out")" "[[100]]"
    equal "nothing at a path" "$(curl -sS -o /dev/null -w '%{http_code}' "$url/nope")" 404
    equal "wrong method" "$(curl -sS -o /dev/null -w '%{http_code}' -X DELETE "$url/api/sql")" 405
    stop "$server_pid"
fi

# --- A full disk
full_disk() {
    local small=$work/small
    mkdir -p "$small"
    mount -t tmpfs -o size=6m tmpfs "$small" || return 77
    "$FIRN" --data "$small/data" sql -c "CREATE TABLE bronze.small AS SELECT 1 AS x" >"$work/o" 2>&1 || return 1
    "$FIRN" --data "$small/data" sql -c "CREATE TABLE bronze.big AS SELECT i AS id, md5(i::VARCHAR) AS s FROM range(2000000) r(i)" >"$work/o" 2>&1 && return 2
    grep -qiE 'space|disk' "$work/o" || return 3
    "$FIRN" --data "$small/data" sql --format csv -c "SELECT x FROM bronze.small" >"$work/o2" 2>&1 || return 4
    "$FIRN" --data "$small/data" table ls >"$work/o2" 2>&1 || return 5
    grep -q bronze.big "$work/o2" && return 6
    "$FIRN" --data "$small/data" sql -c "INSERT INTO bronze.small VALUES (2)" >"$work/o2" 2>&1 || return 7
    [[ -z $(find "$small/data/warehouse" -path '*big*' -name '*.parquet') ]] || return 8
    return 0
}
if [[ $(id -u) == 0 ]] && unshare -m true 2>/dev/null; then
    export -f full_disk
    export FIRN work
    unshare -m bash -c full_disk
    status=$?
    if ((status == 77)); then
        skip "full disk" "tmpfs cannot be mounted here"
    else
        equal "full disk (step $status)" "$status" 0
        ((status)) && cat "$work/o" "$work/o2" 2>/dev/null
    fi
else
    skip "full disk" "needs root and a mount namespace"
fi

# --- Processes killed in the middle of each step
data=$work/killed
project=$work/project
cp -r "$root/examples/flights" "$project"
works "rows to work on" sql -c "CREATE TABLE bronze.src AS SELECT * FROM '$root/build/deps/vega/flights-3m.parquet' LIMIT 300000"
works "rows to work on" sql -c "SELECT * FROM bronze.src" --format parquet -o "$work/flights.parquet"
# killed NAME COUNT MS ARGS...: starts the command COUNT times and kills it after a random while of at most MS milliseconds.
killed() {
    local name=$1 count=$2 most=$3 pid ms
    shift 3
    for ((i = 0; i < count; i++)); do
        "$FIRN" --data "$data" "$@" >/dev/null 2>&1 &
        pid=$!
        ms=$((RANDOM % most))
        sleep "$((ms / 1000)).$(printf %03d $((ms % 1000)))"
        kill -9 $pid 2>/dev/null
        wait $pid 2>/dev/null
        tables=$("$FIRN" --data "$data" table ls --json 2>"$work/stderr")
        equal "$name killed: the next command works" $? 0
        # Every table that is visible can be read whole, and has the rows that it says it has.
        while read -r table rows; do
            [[ -n $table ]] && equal "$name killed: $table is whole" "$(query "SELECT count(*) FROM $table")" "$rows"
        done < <(python3 -c 'import json, sys
for t in json.load(sys.stdin): print(t["name"], t["rows"])' <<<"$tables")
    done
    works "$name works afterwards" "$@"
}
killed ingest 6 700 ingest "$work/flights.parquet" bronze.flights --mode overwrite
equal "rows loaded" "$(query 'SELECT count(*) FROM bronze.flights')" 300000
works "airports" ingest "$root/build/deps/vega/airports.csv" bronze.airports --mode overwrite
killed build 6 1500 build "$project" --full-refresh
works "features" feature apply "$project"
killed historical 5 1500 feature get-historical --entities "@$project/entities.sql" --service lateness --full-feature-names --overwrite -o training.flights
killed train 5 2500 model train "$project/train.yaml"
killed materialize 6 700 feature materialize
works "online read afterwards" feature get-online --service lateness --full-feature-names origin=SFO destination=LAX --json
works "branches of killed builds can be listed" branch
finish
