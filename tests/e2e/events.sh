#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The change feed and webhooks, with a receiver of 60 lines that checks signatures: order, filters, retries, a hook that dies and
# comes back, a server that is killed between a commit and its delivery, waiting readers, a stop that does not wait for them.
. "$(dirname "$0")/lib.bash"

cat >"$work/receiver.py" <<'PY'
"""receiver.py LOG MODE: takes events and writes one JSON line each to LOG.  MODE, a file, says how to answer: ok, fail, gone, redirect, big."""
import base64, hashlib, hmac, http.server, json, sys, time

log, mode = sys.argv[1:3]

class Receiver(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        how = open(mode).read().split()
        id, stamp, signature = (self.headers["webhook-" + k] for k in ("id", "timestamp", "signature"))
        key = base64.b64decode(how[1].removeprefix("whsec_")) if len(how) > 1 else b""
        good = "v1," + base64.b64encode(hmac.new(key, f"{id}.{stamp}.".encode() + body, hashlib.sha256).digest()).decode()
        event = json.loads(body)
        line = {"id": id, "fresh": abs(time.time() - int(stamp)) < 60, "signed": hmac.compare_digest(good, signature), "path": self.path,
                "kind": self.headers["Content-Type"], "how": how[0], "event": event}
        with open(log, "a") as f:
            f.write(json.dumps(line) + "\n")
        status = {"ok": 204, "fail": 500, "gone": 410, "redirect": 302, "big": 200}[how[0]]
        self.send_response(status)
        if status == 302:
            self.send_header("Location", "/elsewhere")
        answer = b"x" * 10_000_000 if how[0] == "big" else b""
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        try:
            self.wfile.write(answer)
        except OSError:
            pass

    def log_message(self, *args):
        pass

server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
print(server.server_port, flush=True)
server.serve_forever()
PY

# answer HOW: how the receiver answers from now on.
answer() { echo "$1 ${secret-}" >"$work/mode.new" && mv "$work/mode.new" "$work/mode"; }
# seen EXPRESSION: of e, the list of what the receiver took down.
seen() { python3 -c 'import json, sys
e = [json.loads(line) for line in open(sys.argv[1])]
print(eval(sys.argv[2]))' "$work/log" "$1" 2>&1; }
# until EXPRESSION WANTED: at most 15 s.
until_seen() {
    for _ in $(seq 150); do
        [[ $(seen "$1") == "$2" ]] && return 0
        sleep 0.1
    done
    echo "$1 is $(seen "$1"), wanted $2" >&2
    return 1
}
get() { curl -sS "$url$1"; }
types() { value '[e["type"].removeprefix("io.firn.catalog.") for e in d["events"]]'; }

touch "$work/log"
answer ok
python3 "$work/receiver.py" "$work/log" "$work/mode" >"$work/port" &
receiver=$!
started+=("$receiver")
for _ in $(seq 50); do [[ -s $work/port ]] && break; sleep 0.1; done
target="http://127.0.0.1:$(<"$work/port")/in?x=1"

# --- The feed, in the process
works "a table" sql -c "CREATE TABLE bronze.birds AS SELECT 1 AS id"
works "a branch" branch dev
works "a row" --branch dev sql -c "INSERT INTO bronze.birds VALUES (2)"
works "a merge" merge dev
works "the feed" events --json
equal "what happened, in order" "$(types <<<"$out" | tr -d '[]" ')" \
    "commit.created,namespace.created,commit.created,table.created,ref.created,commit.created,table.updated,merge.applied,table.updated"
equal "every event is a CloudEvent" "$(value 'all(e["specversion"] == "1.0" and e["id"] and e["source"].startswith("urn:uuid:") and e["time"].endswith("Z") and e["datacontenttype"] == "application/json" for e in d["events"])' <<<"$out")" true
equal "ids are unique" "$(value 'len(set(e["id"] for e in d["events"])) == len(d["events"])' <<<"$out")" true
equal "a table's event" "$(value '[(e["subject"], e["data"]["ref"], e["data"]["namespace"], e["data"]["name"], "metadata_location" in e["data"], e["data"]["snapshot_id"] > 0) for e in d["events"] if e["type"].endswith("table.updated")][-1]' <<<"$out")" \
    '["bronze.birds", "main", ["bronze"], "birds", true, true]'
equal "a merge's event" "$(value '[e["data"]["fast_forward"] for e in d["events"] if e["type"].endswith("merge.applied")]' <<<"$out")" "[true]"
all=$(value '[e["id"] for e in d["events"]]' <<<"$out")
place='' pages=''
for _ in $(seq 20); do # one event a page gives the same feed
    firn events --json --limit 1 --after "$place"
    [[ $(value 'len(d["events"])' <<<"$out") == 0 ]] && break
    pages+="$(value 'd["events"][0]["id"]' <<<"$out") "
    place=$(value 'd["cursor"]' <<<"$out")
done
equal "pages of one" "$(tr -d '[],"' <<<"$all")" "${pages% }"
works "a filter" events --json --type 'table.*' --ref dev
equal "a filter by type and ref" "$(value 'len(d["events"])' <<<"$out")" 1
works "a filter by table" events --json --table bronze.birds
equal "a filter by table" "$(value 'len(d["events"])' <<<"$out")" 3
fails "an unknown type" 1 "no type of events" events --type nope.created
fails "a place ahead" 1 "has not happened" events --after 999
fails "no place" 1 "not a place" events --after x-1

# --- Webhooks: addresses
fails "http needs the setting" 1 "https" webhook add h "$target"
works "https may be added" webhook add h "https://127.0.0.1:1/"
fails "a private address is refused when it is used" 1 "address of this machine" webhook test h
works "it is removed" webhook rm h
printf 'events:\n  private_addresses: true\n  attempts: 6\n' >"$data/firn.yaml"
works "a webhook" webhook add etl "$target" --type 'table.*,ref.*' --json
secret=$(value 'd["secret"]' <<<"$out")
contains "its secret" "$secret" whsec_
answer ok
works "a test event" webhook test etl
equal "the test event is signed" "$(seen 'e[-1]["signed"], e[-1]["event"]["type"]')" "(True, 'io.firn.webhook.test')"
works "the list" webhook ls --json
lacks "the secret is not shown again" "$out" "$secret"
fails "a name twice" 1 "already exists" webhook add etl "$target"

# --- Delivery
serve "$data" || finish
: >"$work/log"
works "commits" sql -c "CREATE TABLE bronze.trees AS SELECT 1 AS id"
for i in 2 3 4; do works "commit $i" sql -c "INSERT INTO bronze.trees VALUES ($i)"; done
check "four events arrive" until_seen 'len(e)' 4
equal "signed, fresh, structured" "$(seen 'all(x["signed"] and x["fresh"] and x["kind"].startswith("application/cloudevents+json") for x in e)')" True
equal "in order" "$(seen '[x["event"]["type"].split(".")[-1] for x in e]')" "['created', 'updated', 'updated', 'updated']"
equal "the path is kept" "$(seen 'e[0]["path"]')" "/in?x=1"
equal "nothing that the filter keeps out" "$(seen 'any("commit" in x["event"]["type"] for x in e)')" False

# A receiver that fails: the same event again, under the same id, and nothing overtakes it.
: >"$work/log"
answer fail
works "a branch" branch retry
check "it is tried again" until_seen 'len(e) >= 2' True
works "a second one" branch later
equal "the id stays" "$(seen 'len(set(x["id"] for x in e))')" 1
answer ok
check "both arrive" until_seen '[x["event"]["subject"] for x in e if x["how"] == "ok"]' "['retry', 'later']"

# Redirects are not followed, and count as not taken; a receiver that says 410 is not asked again.
: >"$work/log"
answer redirect
works "a branch" branch moved
check "the redirect is not followed" until_seen 'len(e) >= 1' True
equal "the redirect is not followed" "$(seen 'set(x["path"] for x in e)')" "{'/in?x=1'}"
answer gone
check "it is dead" bash -c 'for _ in $(seq 100); do [[ $(curl -sS "$1/api/webhooks/etl") == *'"'"'"state":"dead"'"'"'* ]] && exit 0; sleep 0.1; done; exit 1' _ "$url"
contains "why is shown" "$(get /api/webhooks/etl)" "410"
answer big
works "it goes on" webhook resume etl
check "where it stopped" until_seen '[x["event"]["subject"] for x in e if x["how"] == "big"]' "['moved']"
equal "a long answer is not read" "$(sleep 0.3; get /api/webhooks/etl | value 'd["state"], d["failed_attempts"]')" '["active", 0]'
answer ok

# --- Killed between the commit and its delivery
: >"$work/log"
works "pause" webhook pause etl
works "a commit" sql -c "INSERT INTO bronze.trees VALUES (5)"
curl -sS -X PUT "$url/api/webhooks/etl" -H 'Content-Type: application/json' -d '{"state":"paused"}' >/dev/null
{ kill -9 "$server_pid" && wait "$server_pid"; } 2>/dev/null
equal "not delivered yet" "$(seen 'len(e)')" 0
works "made active, while no server runs" webhook resume etl
serve "$data" || finish
check "delivered after the restart" until_seen '[x["event"]["type"].split(".")[-1] for x in e]' "['updated']"
answer fail
works "a commit" sql -c "INSERT INTO bronze.trees VALUES (6)"
{ kill -9 "$server_pid" && wait "$server_pid"; } 2>/dev/null
answer ok
serve "$data" || finish
check "one that failed before the kill" until_seen 'sum(x["how"] == "ok" for x in e)' 2

# --- Waiting for events
place=$(get "/api/events?after=latest" | value 'd["cursor"]')
(get "/api/events?after=$place&wait=20" >"$work/polled") &
poll=$!
curl -sSN -H 'Accept: text/event-stream' "$url/api/events?after=$place&type=ref.*" >"$work/stream" 2>/dev/null &
stream=$!
started+=("$stream")
sleep 0.5
works "a branch" branch woken
wait "$poll"
equal "a long poll answers" "$(value '[e["subject"] for e in d["events"]]' <"$work/polled")" '["woken"]'
for _ in $(seq 50); do grep -q '^data: ' "$work/stream" && break; sleep 0.1; done
contains "a stream tells it" "$(cat "$work/stream")" "event: io.firn.catalog.ref.created"
last=$(sed -n 's/^id: //p' "$work/stream" | tail -n 1)
works "another" branch again
equal "a stream goes on behind Last-Event-ID" "$(curl -sSN -m 1 -H 'Accept: text/event-stream' -H "Last-Event-ID: $last" "$url/api/events?type=ref.*" 2>/dev/null | grep -c '^data: ')" 1
began=$(date +%s%N)
equal "a wait ends" "$(get "/api/events?after=latest&wait=1" | value 'd["events"]')" "[]"
check "after its time" test $((($(date +%s%N) - began) / 1000000)) -ge 900
equal "too long a wait" "$(curl -sS -o /dev/null -w '%{http_code}' "$url/api/events?wait=100000")" 400

began=$(date +%s%N)
stop "$server_pid"
check "a stop does not wait for readers" test $((($(date +%s%N) - began) / 1000000)) -lt 8000
kill "$receiver" 2>/dev/null

# --- Who may see what: events of the refs that one may read, places of metadata only with the table's properties
works "access control" admin bootstrap
works "somebody" admin principal create bob --json
who=$(value 'd["credentials"]["clientId"] + ":" + d["credentials"]["clientSecret"]' <<<"$out")
works "a role" admin role create readers
works "a role" admin role give readers bob
works "a catalog role" admin role create devread --catalog
works "a catalog role" admin role give devread readers --catalog
works "a grant" admin grant add devread REFERENCE_READ --ref dev
serve "$data" || finish
equal "nobody" "$(curl -sS -o /dev/null -w '%{http_code}' "$url/api/events")" 401
works "without a ref: those that may be read" --server "$url" --credential "$who" events --json
equal "and no others" "$(value 'sorted(set(e["data"]["ref"] for e in d["events"]))' <<<"$out")" '["dev"]'
fails "webhooks" 1 "not authorized for SERVICE_OPERATE" --server "$url" --credential "$who" webhook ls
works "one ref" --server "$url" --credential "$who" events --ref dev --json
equal "its events" "$(value 'sorted(set(e["data"]["ref"] for e in d["events"]))' <<<"$out")" '["dev"]'
lacks "not where metadata lies" "$out" metadata_location
stop "$server_pid"
finish
