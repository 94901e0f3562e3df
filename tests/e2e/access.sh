#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Access control over HTTP: nobody, an analyst, root; what each may do; the audit log through a killed server.
# shellcheck source=tests/e2e/lib.bash
source "$(dirname "${BASH_SOURCE[0]}")/lib.bash"

works "make tables" sql -c "CREATE SCHEMA gold; CREATE SCHEMA secret; CREATE TABLE gold.t AS SELECT 1 AS a; CREATE TABLE secret.t AS SELECT 42 AS a"
root=$("$FIRN" --data "$data" admin bootstrap --json 2>/dev/null | value 'd["credentials"]["clientId"] + ":" + d["credentials"]["clientSecret"]')
fails "a second bootstrap" 1 "already" admin bootstrap
bob=$("$FIRN" --data "$data" admin principal create bob --json 2>/dev/null | value 'd["credentials"]["clientId"] + ":" + d["credentials"]["clientSecret"]')
works "role" admin role create analysts
works "give role" admin role give analysts bob
works "catalog role" admin role create readers --catalog
works "give catalog role" admin role give readers analysts --catalog
works "grant read" admin grant add readers TABLE_READ_DATA --on namespace:gold
works "grant write on dev" admin grant add readers TABLE_WRITE_DATA --on namespace:gold --ref 'dev*'
firn admin grant ls readers
contains "grants are listed" "$out" "TABLE_WRITE_DATA  namespace:gold  at dev*"
fails "a privilege that is none" 1 "unknown privilege" admin grant add readers TABLE_FLY
fails "a privilege on the wrong kind" 1 "cannot be granted" admin grant add readers VIEW_LIST --on table:gold.t
fails "an action that is none" 1 "none of" admin role fly

serve "$data" || finish
post() { curl -s -o "$work/body" -w '%{http_code}' -H "X-API-Key: ${key:-}" -H 'Content-Type: application/json' -d "$2" "$url$1"; }
get() { curl -s -o "$work/body" -w '%{http_code}' -H "X-API-Key: ${key:-}" "$url$1"; }
as() { out=$("$FIRN" --server "$url" --credential "$1" "${@:2}" 2>"$work/stderr"); rc=$?; err=$(<"$work/stderr"); }
rows() { as "$1" sql --format csv -c "$2"; out=$(tail -n +2 <<<"$out"); }

key=''
equal "health is public" "$(get /health)" 200
equal "nobody lists tables" "$(get /api/tables)" 401
equal "nobody runs SQL" "$(post /api/sql '{"sql":"SELECT 1"}')" 401
equal "nobody bootstraps" "$(post /api/management/v1/bootstrap '{}')" 401

rows "$bob" "SELECT a FROM gold.t"
equal "the analyst reads gold" "$out" 1
as "$bob" sql -c "SELECT a FROM secret.t"
contains "and not secret" "$err" "is not authorized for TABLE_READ_DATA on table secret.t"
as "$bob" sql -c "SELECT a FROM secret.missing"
contains "a refusal does not tell what is there" "$err" "is not authorized for TABLE_READ_DATA on table secret.missing"
as "$bob" sql -c "SELECT * FROM gold.t JOIN (SELECT a FROM secret.t) USING (a)"
contains "nor inside of a query" "$err" "table secret.t"
as "$bob" sql -c "INSERT INTO gold.t SELECT a FROM secret.t"
contains "nor as a source" "$err" "is not authorized"
as "$bob" sql -c "INSERT INTO gold.t VALUES (2)"
contains "nor writes main" "$err" "TABLE_WRITE_DATA on table gold.t at ref main"
as "$root" branch dev-bob
equal "root makes a branch" "$rc" 0
as "$bob" sql --branch dev-bob -c "INSERT INTO gold.t VALUES (2)"
equal "the analyst writes the branch" "$rc" 0
as "$bob" merge dev-bob
contains "and does not merge it" "$err" "REFERENCE_MERGE"
rows "$bob" "SELECT count(*) FROM gold.t FOR VERSION AS OF 'dev-bob'"
equal "grants on a branch are used in time travel" "$out" 2
as "$bob" sql -c "CREATE TABLE gold.mine AS SELECT 1 AS a"
contains "nor makes tables" "$err" "is not authorized"
as "$root" sql -c "CREATE VIEW gold.v AS SELECT a FROM t"
as "$root" sql -c "CREATE VIEW gold.leak AS SELECT a FROM secret.t"
as "$bob" sql -c "SELECT a FROM gold.v"
contains "a view is not there for who may not know of it" "$err" "does not exist: gold.v"
as "$bob" sql -c "CREATE VIEW gold.mine AS SELECT 1 AS a"
contains "nor does the analyst make views" "$err" "VIEW_CREATE"
as "$root" admin grant add readers VIEW_READ_PROPERTIES --on namespace:gold
rows "$bob" "SELECT a FROM gold.v"
equal "with the privilege the analyst reads it" "$out" 1
as "$bob" sql -c "SELECT a FROM gold.leak"
contains "a view gives no rights on its tables" "$err" "TABLE_READ_DATA on table secret.t"
as "$bob" sql -c "DROP VIEW gold.v"
contains "nor does the analyst drop views" "$err" "VIEW_DROP on view gold.v"
as "$bob" sql -c "ALTER TABLE gold.t ADD COLUMN b INT"
contains "nor changes their columns" "$err" "TABLE_ADD_SCHEMA on table gold.t"
as "$bob" sql -c "ALTER TABLE gold.t ADD PARTITION FIELD a"
contains "nor their partitions" "$err" "TABLE_ADD_PARTITION_SPEC on table gold.t"
as "$bob" sql -c "ALTER TABLE gold.t SET TBLPROPERTIES ('x' = '1')"
contains "nor their properties" "$err" "TABLE_SET_PROPERTIES on table gold.t"
as "$bob" sql -c "ALTER TABLE IF EXISTS gold.missing RENAME TO u"
contains "nor learns by that what is there" "$err" "TABLE_DROP on table gold.missing"
as "$bob" sql -c "DROP TABLE gold.t"
contains "nor drops them" "$err" "TABLE_DROP"
as "$bob" admin principal ls
contains "nor manages principals" "$err" "SERVICE_MANAGE_ACCESS"
rows "$bob" "SHOW TABLES"
equal "lists show what may be seen" "$out" "gold,t"
as "$root" sql -c "DROP TABLE system.audit_logs"
contains "root does not drop the audit log" "$err" "is not authorized"

key=$("$FIRN" --server "$url" --credential "$root" admin key create bob --note e2e --json 2>/dev/null | value 'd["key"]')
equal "an API key loads a table" "$(get /iceberg/v1/namespaces/gold/tables/t)" 200
equal "and not another" "$(get /iceberg/v1/namespaces/secret/tables/t)" 403
equal "the protocol's words" "$(value 'd["error"]["type"]' <"$work/body")" ForbiddenException
same=$(value 'd["error"]["message"]' <"$work/body")
get /iceberg/v1/namespaces/secret/tables/nope >/dev/null
equal "the same words for what is not there" "$(value 'd["error"]["message"]' <"$work/body")" "${same/secret.t/secret.nope}"
equal "a commit of a kind that is not granted" "$(post /iceberg/v1/namespaces/gold/tables/t '{"requirements":[],"updates":[{"action":"set-properties","updates":{"a":"b"}}]}')" 403
equal "the same on the branch" "$(post /iceberg/v1/dev-bob/namespaces/gold/tables/t '{"requirements":[],"updates":[{"action":"set-properties","updates":{"a":"b"}}]}')" 200
equal "no reading of the server's files" "$(post /api/sql '{"sql":"SELECT * FROM '"'/etc/passwd'"'"}')" 403

# Features: read by who may read the view, made by who may read its table.
mkdir -p "$work/project/features"
cat >"$work/project/features/f.yaml" <<'YAML'
entities: [{name: item, join_keys: [id]}]
feature_views: [{name: secrets, entities: [item], online: true, source: {table: secret.f, timestamp_field: event_timestamp}}]
YAML
as "$root" sql -c "CREATE TABLE secret.f AS SELECT 1 AS id, TIMESTAMP '2026-01-01' AS event_timestamp, 42 AS v"
as "$bob" feature apply "$work/project"
contains "a feature view is not anybody's to make" "$err" "FEATURE_VIEW_CREATE"
as "$root" admin grant add readers FEATURE_VIEW_CREATE
as "$bob" feature apply "$work/project"
contains "nor a way to a table that one may not read" "$err" "TABLE_READ_DATA on table secret.f"
as "$root" feature apply "$work/project"
equal "root makes it" "$rc" 0
as "$bob" feature materialize secrets
contains "filling it is a right" "$err" "FEATURE_VIEW_WRITE_DATA"
as "$root" feature materialize secrets
equal "root fills it" "$rc" 0
online='{"entities":{"id":[1]},"features":["secrets:v"]}'
equal "reading it is a right" "$(post /get-online-features "$online")" 403
as "$root" admin grant add readers FEATURE_VIEW_READ_DATA --on feature-view:secrets
equal "and no right to its table" "$(post /get-online-features "$online")" 200
contains "its values" "$(<"$work/body")" 42
equal "other views stay out of sight" "$(post /get-online-features '{"entities":{"id":[1]},"features":["other:v"]}')" 403
equal "models too" "$(get /api/models)" 403
equal "and their runs" "$(get /api/runs)" 403
equal "and predictions, whether there is a model or not" "$(post /v2/models/none/infer '{}')" 403

as "$root" admin role take readers analysts --catalog
rows "$bob" "SELECT a FROM gold.t"
contains "a role that is taken is gone at once" "$err" "is not authorized"

# The server is killed with decisions in its spool: they are in the log afterwards, each once.
for i in 1 2 3 4 5; do
    curl -s -o /dev/null -H "X-API-Key: $key" -H "X-Request-Id: probe-$i" "$url/iceberg/v1/namespaces/gold/tables/t"
done
kill -9 "$server_pid"
wait "$server_pid" 2>/dev/null
serve "$data" || finish
for _ in 1 2; do
    rows "$root" "SELECT request_id, count(*) FROM system.audit_logs WHERE request_id LIKE 'probe-%' AND NOT allowed AND principal = 'bob' GROUP BY 1 ORDER BY 1"
    equal "the audit log outlives a kill" "$(tr '\n' ' ' <<<"$out")" "probe-1,1 probe-2,1 probe-3,1 probe-4,1 probe-5,1 "
done
curl -s -o /dev/null -H 'X-API-Key: firn_wrong' -H 'X-Request-Id: wrong-key' "$url/api/tables"
curl -s -o /dev/null -d 'grant_type=client_credentials&client_id=x&client_secret=y' -H 'X-Request-Id: wrong-secret' "$url/iceberg/v1/oauth/tokens"
rows "$root" "SELECT request_id, action, allowed FROM system.audit_logs WHERE request_id LIKE 'wrong-%' ORDER BY 1"
equal "credentials that are refused are in the log" "$(tr '\n' ' ' <<<"$out")" "wrong-key,AUTHENTICATE,false wrong-secret,AUTHENTICATE,false "
as "$bob" sql -c "SELECT count(*) FROM system.audit_logs"
contains "the log is not everybody's" "$err" "is not authorized"
stop "$server_pid"
works "the user of the data directory stays its master" admin principal disable bob
finish
