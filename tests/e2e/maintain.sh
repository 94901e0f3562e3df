#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Maintenance from the command line, and a server that does it by itself.
. "$(dirname "${BASH_SOURCE[0]}")/lib.bash"

files() { query "SELECT count(*) FROM s.\"t\$files\" WHERE content = 0"; }

works "a table" sql -q -c "CREATE SCHEMA s; CREATE TABLE s.t (a BIGINT, b BIGINT) WITH ('write.delete.mode' = 'merge-on-read')"
for i in 1 2 3 4 5 6; do
    works "rows" sql -q -c "INSERT INTO s.t SELECT i, i % 10 FROM range(${i}000, ${i}100) r(i)"
    works "a delete" sql -q -c "DELETE FROM s.t WHERE a = ${i}001"
done
equal "six files" "$(files)" 6
sum=$(query "SELECT count(*), sum(a), sum(b) FROM s.t")

works "delete files, dry" table rewrite-deletes s.t --dry-run
contains "tells" "$out" "delete files replaced  6"
works "delete files" table rewrite-deletes s.t
equal "one is left" "$(query "SELECT count(*) FROM s.\"t\$delete_files\"")" 1
works "manifests" table rewrite-manifests s.t
contains "tells" "$out" "manifests written   1"
works "compaction along a curve" table compact s.t --strategy zorder --sort-order 'a, b'
equal "one file" "$(files)" 1
equal "no delete file" "$(query "SELECT count(*) FROM s.\"t\$delete_files\"")" 0
equal "the rows" "$(query "SELECT count(*), sum(a), sum(b) FROM s.t")" "$sum"
fails "no such strategy" 1 "binpack, sort or zorder" table compact s.t --strategy best
fails "no number" 1 "delete-ratio" table compact s.t --delete-ratio much

folder=$(dirname "$(query "SELECT file_path FROM s.\"t\$files\"")")
echo rows >"$folder/stray.parquet"
works "orphans" table orphans s.t
equal "young ones stay" "$(ls "$folder/stray.parquet")" "$folder/stray.parquet"
fails "not below a day" 1 "24 hours" table orphans s.t --older-than 2100-01-01
touch -d '10 days ago' "$folder/stray.parquet"
works "a dry run" table orphans s.t --dry-run --json
contains "names it" "$out" "stray.parquet"
works "removal" table orphans s.t
check "it is gone" test ! -e "$folder/stray.parquet"
equal "the rows" "$(query "SELECT count(*), sum(a), sum(b) FROM s.t")" "$sum"

for i in 1 2 3 4 5; do works "more rows" sql -q -c "INSERT INTO s.t VALUES ($i, $i)"; done
equal "small files" "$(files)" 6
echo 'maintenance: {enabled: true, interval: 10s}' >"$data/firn.yaml"
serve "$data"
for _ in $(seq 100); do
    state=$(curl -s "$url/api/maintenance")
    [[ $state == *'"s.t"'* ]] && break
    sleep 0.2
done
contains "the server compacted it" "$state" "compact: "
contains "and counts it" "$(curl -s "$url/metrics")" 'firn_maintenance_actions_total{action="compact",result="done"} 1'
firn sql --server "$url" --format csv -c "SELECT count(*) FROM s.t"
contains "the rows are there" "$out" 599
finish
