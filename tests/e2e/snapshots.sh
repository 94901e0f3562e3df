#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A table's own snapshots from the command line: rollback, cherry-pick, upgrade, files that are added, branches, and
# write-audit-publish. In the process, and once more through a server.
# shellcheck source=tests/e2e/lib.bash
source "$(dirname "$0")/lib.bash"

snapshot() { query "SELECT snapshot_id FROM $1.snapshots ORDER BY committed_at LIMIT 1 OFFSET $2"; }
rows() { query "SELECT string_agg(id, ',' ORDER BY id) FROM $1"; }

walk() {
    works "schema" sql -c "CREATE SCHEMA s"
    works "table" sql -c "CREATE TABLE s.t (id BIGINT); INSERT INTO s.t SELECT 1; INSERT INTO s.t SELECT 2; INSERT INTO s.t SELECT 3"
    local first last
    first=$(snapshot s.t 0) last=$(snapshot s.t 2)

    works "rollback, dry" table rollback s.t --to "$first" --dry-run --json
    equal "it says where" "$(value "(d['dry_run'], d['snapshot_id'])" <<<"$out")" "[true, $first]"
    equal "nothing has moved" "$(rows s.t)" '"1,2,3"'
    works "rollback" table rollback s.t --to "$first"
    equal "rolled back" "$(rows s.t)" 1
    fails "a snapshot ahead" 1 "not an ancestor" table rollback s.t --to "$last"
    fails "nowhere" 1 "one of --to" table rollback s.t
    fails "a time without a snapshot" 1 "that old" table rollback s.t --to-time "2001-01-01 00:00:00"

    works "cherry-pick, dry" table cherry-pick s.t --snapshot "$last" --dry-run
    works "cherry-pick" table cherry-pick s.t --snapshot "$last" --json
    equal "it was appended" "$(value "d['fast_forward']" <<<"$out")" false
    equal "picked" "$(rows s.t)" '"1,3"'
    fails "twice" 1 "picked already" table cherry-pick s.t --snapshot "$last"
    fails "a word" 1 "snapshot id" table cherry-pick s.t --snapshot yesterday

    works "upgrade, dry" table upgrade s.t --dry-run --json
    equal "the version it has" "$(value "d['previous_format_version']" <<<"$out")" 2
    works "upgrade" table upgrade s.t --to 3
    fails "there is no way back" 1 "cannot go back" table upgrade s.t --to 2
    equal "rows as before" "$(rows s.t)" '"1,3"'

    works "a branch" sql -c "ALTER TABLE s.t CREATE BRANCH b; INSERT INTO s.t.branch_b SELECT 9; ALTER TABLE s.t CREATE TAG y RETAIN 1 DAYS"
    equal "on the branch" "$(rows s.t.branch_b)" '"1,3,9"'
    equal "on main" "$(rows s.t)" '"1,3"'
    equal "at the tag" "$(rows s.t.tag_y)" '"1,3"'

    works "audited" sql -c "ALTER TABLE s.t SET TBLPROPERTIES ('write.wap.enabled' = 'true')"
    works "staged" sql -c "SET spark.wap.id = load-1; INSERT INTO s.t SELECT 20"
    works "staged by a flag" sql --set spark.wap.id=load-2 -c "INSERT INTO s.t SELECT 30"
    fails "a setting that is none" 1 "no setting" sql --set a=b -c "SELECT 1"
    equal "nobody sees them" "$(rows s.t)" '"1,3"'
    works "published" table cherry-pick s.t --wap-id load-1
    works "published by SQL" sql -c "CALL system.publish_changes('s.t', 'load-2')"
    equal "now they do" "$(rows s.t)" '"1,3,20,30"'
    fails "published twice" 1 "already" table cherry-pick s.t --wap-id load-1

    works "overwritten" sql -c "INSERT INTO s.t REPLACE WHERE id >= 20 SELECT 21"
    equal "rows replaced" "$(rows s.t)" '"1,3,21"'
}

files() {
    local in=$data/warehouse/in
    mkdir -p "$in/p=x"
    works "a file" sql -c "SELECT 40 AS id" --format parquet -o "$in/p=x/a.parquet"
    works "a table for it" sql -c "CREATE TABLE s.p (id INTEGER, p VARCHAR) PARTITIONED BY (p)"
    works "add files, dry" table add-files s.p "$in" --dry-run --json
    equal "what they are" "$(value "[d['files'], d['rows'], d['name_mapping_made']]" <<<"$out")" "[1, 1, true]"
    equal "nothing is added" "$(query "SELECT count(*) FROM s.p")" 0
    works "add files" table add-files s.p "$in/*/*.parquet" --only p=x
    equal "they are the table's" "$(query "SELECT id, p FROM s.p")" "40,x"
    fails "twice" 1 "in the table already" table add-files s.p "$in"
    fails "no source" 1 "either source" table add-files s.p
    works "from a table" sql -c "CREATE TABLE s.q (id INTEGER, p VARCHAR) PARTITIONED BY (p)"
    works "its files" table add-files s.q --from-table s.p
    equal "the same rows" "$(query "SELECT id, p FROM s.q")" "40,x"
}

walk
files
data=$work/served
if serve "$data"; then
    export FIRN_SERVER=$url
    walk
    unset FIRN_SERVER
    stop "$server_pid"
fi
finish
