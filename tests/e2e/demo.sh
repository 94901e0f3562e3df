#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The demo, checked for its numbers: three million flights through every layer, a second run that keeps its data, and a
# folder of somebody else's that it must not empty.
. "$(dirname "$0")/lib.bash"

demo() { firn demo --json --listen 127.0.0.1:0 --input build/deps/vega --project examples/flights "$@"; }
fact() { value "d.get('$1')" <<<"$out"; }
above() { check "$1: $2 > $3" python3 -c 'import sys; sys.exit(not float(sys.argv[1]) > float(sys.argv[2]))' "$2" "$3"; }

numbers() {
    equal "$1: exit status" "$rc" 0
    ((rc == 0)) || { echo "$err"; return; }
    equal "$1: rows loaded" "$(fact 'ingest_rows')" 3000000.0
    equal "$1: training rows" "$(fact 'training_set_rows')" "$(query 'SELECT count(*)::DOUBLE FROM silver.flights')"
    equal "$1: training table" "$(query 'SELECT count(*)::DOUBLE FROM training.flights')" "$(fact 'training_set_rows')"
    for view in airport_hourly route_daily; do
        above "$1: share of rows that found $view" "$(value "d['${view}_matched'] / d['training_set_rows']" <<<"$out")" 0.9
    done
    above "$1: AUC" "$(fact 'train_auc')" 0.62
    above "$1: prediction" "$(fact 'serve_prediction')" 0
    above "$1: prediction" 1 "$(fact 'serve_prediction')"
    above "$1: keys online" "$(fact 'materialize_rows')" 3000
    above "$1: rows on the branch" "$(fact 'branches_rows')" 0
    above "$1: p99 of an online read in us" 20000 "$(fact 'serve_p99_us')"
    above "$1: seconds" 600 "$(fact 'total_seconds')"
}

demo
numbers "first run"
silver=$(query "SELECT count(*), min(date)::VARCHAR, max(date)::VARCHAR, count(DISTINCT origin) FROM silver.flights")
contains "silver flights" "$silver" ",2001-"
contains "features come from the last write before" "$(query "SELECT count(*) FROM training.flights WHERE late NOT IN (0, 1)")" 0
works "models are listed" model ls --json
contains "models are listed" "$out" late_flights
works "the training set names its inputs" table snapshots training.flights --json
snapshots=$out
for table in gold.airport_hourly gold.route_daily; do
    works "$table" table snapshots "$table" --json
    contains "training set names the snapshot of $table" "$snapshots" "\"firn.input.$table\": \"$(value "d[0]['snapshot_id']" <<<"$out")\""
done

demo --keep
numbers "second run"

data=$work/foreign
mkdir "$data"
echo precious >"$data/thesis.txt"
demo
equal "a folder of somebody else's is refused" "$rc" 1
contains "a folder of somebody else's is refused" "$err" thesis.txt
equal "and left alone" "$(cat "$data/thesis.txt")" precious

data=$work/demo2
fails "missing input" 1 "flights-3m.parquet" demo --listen 127.0.0.1:0 --input "$work/nothing" --project examples/flights
finish
