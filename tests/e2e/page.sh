#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The first page in a real browser: tables, features and models are listed, a link fills the query in, and a query that is
# typed and run shows its rows; commits, differences, the preview of a merge, branches, views and events; and signing in when the server wants
# credentials.  The browser is driven over its own debugging port, by a small client below.
. "$(dirname "$0")/lib.bash"
browser=$(command -v chromium || command -v chromium-browser || true)
if [[ -z $browser ]]; then
    skip "page" "chromium is not installed"
    finish
fi

works "a table" sql -c "CREATE TABLE bronze.birds AS SELECT i AS id, 'bird <b>' || i AS name FROM range(3) r(i)"
works "another" sql -c "CREATE TABLE silver.nests AS SELECT 7 AS n"
works "a branch" branch dev
works "a row there" --branch dev sql -c "INSERT INTO silver.nests VALUES (1)"
works "a clash" --branch dev sql -c "UPDATE bronze.birds SET name = name || '!'"
works "a clash" sql -c "UPDATE bronze.birds SET name = name || '?'"
serve "$data" || finish
view='{"name":"v_birds","schema":{"type":"struct","schema-id":0,"fields":[{"id":1,"name":"id","required":false,"type":"long"}]},"view-version":{"version-id":1,
"timestamp-ms":1700000000000,"schema-id":0,"summary":{},"representations":[{"type":"sql","sql":"SELECT id FROM bronze.birds -- <b>","dialect":"spark"}],
"default-namespace":["bronze"]},"properties":{"owner":"ornithology"}}'
contains "a view" "$(curl -sS "$url/iceberg/v1/main/namespaces/bronze/views" -H 'Content-Type: application/json' -d "$view")" view-uuid
equal "the page's own address" "$(curl -sS -o /dev/null -w '%{http_code} %{content_type}' "$url/")" "200 text/html; charset=utf-8"
contains "content security policy" "$(curl -sSI "$url/" 2>/dev/null; curl -sS -D - -o /dev/null "$url/")" "default-src"

chrome=("$browser" --headless --no-sandbox --disable-gpu --disable-dev-shm-usage "--user-data-dir=$work/profile" --no-first-run
    --disable-background-networking --disable-component-update)
dom=$(timeout 60 "${chrome[@]}" --virtual-time-budget=8000 --dump-dom "$url/?sql=SELECT%2042%20AS%20answer" 2>"$work/chrome.log")
contains "tables are listed" "$dom" birds
contains "namespaces are listed" "$dom" silver
contains "rows are counted" "$dom" "3 rows"
contains "the branch is chosen" "$dom" 'value="main"'
contains "no features yet" "$dom" "firn feature apply"
contains "the data directory is shown" "$dom" "$data"
lacks "a link never runs its query" "$dom" "<td"
timeout 60 "${chrome[@]}" --virtual-time-budget=8000 --window-size=1200,800 --screenshot="$work/page.png" "$url/" >/dev/null 2>&1
check "a picture of it" test -s "$work/page.png"

# --- A query, typed and run: over the browser's debugging port.
# Not through a function: the process id must be the browser's own.
"${chrome[@]}" --remote-debugging-port=0 --remote-allow-origins='*' about:blank >/dev/null 2>&1 &
chrome_pid=$!
started+=("$chrome_pid")
for _ in $(seq 100); do
    [[ -s $work/profile/DevToolsActivePort ]] && break
    sleep 0.1
done
cat >"$work/drive.py" <<'PY'
"""drive.py PORT URL: opens the page and prints, as JSON lines, what scripts in it give.  A WebSocket client of 30 lines."""
import base64, json, os, socket, struct, sys, time, urllib.request

port, url = sys.argv[1:3]
page = json.load(urllib.request.urlopen(urllib.request.Request(f"http://127.0.0.1:{port}/json/new?{url}", method="PUT")))
path = page["webSocketDebuggerUrl"].split(str(port), 1)[1]
sock = socket.create_connection(("127.0.0.1", int(port)))
key = base64.b64encode(os.urandom(16)).decode()
sock.sendall(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
             f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode())
stream = sock.makefile("rb")
while stream.readline().strip():
    pass

def send(text):
    data, mask = text.encode(), os.urandom(4)
    head = struct.pack("!BB", 0x81, 0x80 | (len(data) if len(data) < 126 else 126))
    if len(data) >= 126:
        head += struct.pack("!H", len(data))
    sock.sendall(head + mask + bytes(b ^ mask[i % 4] for i, b in enumerate(data)))

def receive():
    length = stream.read(2)[1] & 127
    if length == 126:
        length = struct.unpack("!H", stream.read(2))[0]
    elif length == 127:
        length = struct.unpack("!Q", stream.read(8))[0]
    return json.loads(stream.read(length))

number = 0
def script(text):
    global number
    number += 1
    send(json.dumps({"id": number, "method": "Runtime.evaluate", "params": {"expression": text, "awaitPromise": True, "returnByValue": True}}))
    while True:
        answer = receive()
        if answer.get("id") == number:
            return answer["result"]["result"].get("value")

def until(text, seconds=15):
    end = time.time() + seconds
    while time.time() < end:
        value = script(text)
        if value:
            return value
        time.sleep(0.1)
    return script("document.body.innerText")

def run(sql):
    script(f"document.getElementById('sql').value = {json.dumps(sql)}; document.getElementById('outcome').textContent = ''; "
           "document.getElementById('error').hidden = true; document.getElementById('run').click()")
    return until("(() => { const e = document.getElementById('error'), o = document.getElementById('outcome'); "
                 "if (!e.hidden) return 'error: ' + e.innerText; "
                 "return / ms/.test(o.textContent) ? o.textContent + ' | ' + document.getElementById('result').innerText : '' })()")

def show(name, value):
    print(json.dumps({name: value}), flush=True)

show("listed", until("document.querySelectorAll('#tables button').length === 2 && document.getElementById('tables').innerText"))
show("rows", run("SELECT id, name FROM bronze.birds ORDER BY id"))
show("escaped", script("document.querySelectorAll('#result b').length"))
show("error", run("SELECT nope FROM bronze.birds"))
show("write", run("INSERT INTO silver.nests VALUES (8)"))
show("relisted", until("/2 rows/.test(document.getElementById('tables').innerText) && document.getElementById('tables').innerText"))
script("[...document.querySelectorAll('#tables button')].find(b => /birds/.test(b.innerText)).click()")
show("detail", until("/Snapshots/.test(document.getElementById('detail').innerText) && document.getElementById('detail').innerText"))

def press(id):
    script(f"document.getElementById({json.dumps(id)}).click()")

def text(id, wanted):
    return until(f"new RegExp({json.dumps(wanted)}).test(document.getElementById({json.dumps(id)}).innerText) && document.getElementById({json.dumps(id)}).innerText")

script("[...document.querySelectorAll('#views button')].find(b => /v_birds/.test(b.innerText)).click()")
show("view", text("detail", "spark"))
press("tab-history")
show("history", text("commits", "create catalog"))
script("[...document.querySelectorAll('#commits tr')].find(r => /v_birds/.test(r.innerText)).querySelector('button').click()")
show("commit", text("commit", "Changes"))
show("panels", script("[...document.querySelectorAll('[role=tabpanel]')].filter(p => p.offsetParent).map(p => p.id).join()"))
script("document.getElementById('tab-history').focus(); document.activeElement.dispatchEvent(new KeyboardEvent('keydown', {key: 'ArrowRight', bubbles: true}))")
show("arrow", script("document.activeElement.id + ' ' + document.activeElement.getAttribute('aria-selected')"))
until("document.getElementById('from').value === 'dev'")
press("compare")
show("preview", text("difference", "What dev has"))
press("tab-refs")
show("refs", text("refs", "dev"))
press("tab-events")
show("events", text("events", "table.created"))
script("fetch('/api/refs', {method: 'POST', headers: {'Content-Type': 'application/json'}, body: JSON.stringify({name: 'fresh'})})")
show("live", text("events", "fresh"))
PY
timeout 90 python3 "$work/drive.py" "$(head -n 1 "$work/profile/DevToolsActivePort")" "$url/" >"$work/seen" 2>"$work/drive.log" || bad "the browser is driven" "$(tail -n 3 "$work/drive.log")"
seen() { grep -F "{\"$1\":" "$work/seen" | value "d['$1']"; }
contains "listed" "$(seen listed)" birds
contains "a query's rows" "$(seen rows)" "bird <b>2"
contains "a query's outcome" "$(seen rows)" "3 rows"
contains "files read are shown" "$(seen rows)" "1 of 1 files"
equal "values are text, never markup" "$(seen escaped)" 0
contains "an error is shown" "$(seen error)" "error: "
contains "an error is shown" "$(seen error)" nope
contains "a statement that writes" "$(seen write)" "INSERT, 1 rows"
contains "lists are fresh after it" "$(seen relisted)" "2 rows"
contains "details of a table" "$(seen detail)" "location"
contains "details of a table" "$(seen detail)" "Snapshots (2)"
contains "files of a table" "$(seen detail)" ".parquet"
contains "properties of a table" "$(seen detail)" "Properties"
contains "a view's SQL, as text" "$(seen view)" "SELECT id FROM bronze.birds -- <b>"
contains "a view's properties" "$(seen view)" ornithology
contains "commits" "$(seen history)" "create namespace silver"
contains "what a commit changed" "$(seen commit)" bronze.v_birds
equal "one panel is shown" "$(seen panels)" view-history
equal "arrows move between the views" "$(seen arrow)" "tab-compare true"
contains "a merge preview names the conflict" "$(seen preview)" "1 conflict"
contains "a merge preview" "$(seen preview)" bronze.birds
contains "the differences" "$(seen preview)" silver.nests
equal "a preview merges nothing" "$(query "SELECT count(*) FROM silver.nests")" 2
contains "branches" "$(seen refs)" dev
contains "events" "$(seen events)" bronze.birds
contains "an event that has just happened" "$(seen live)" ref.created

# --- A server that wants credentials
stop "$server_pid"
works "credentials are wanted" admin bootstrap --json
client=$(value 'd["credentials"]["clientId"]' <<<"$out") secret=$(value 'd["credentials"]["clientSecret"]' <<<"$out")
serve "$data" || finish
python3 - "$work/drive.py" "$work/sign.py" "$client" "$secret" <<'PY'
import json, sys
head = open(sys.argv[1]).read().split('show("listed"')[0]
client, secret = sys.argv[3:]
open(sys.argv[2], "w").write(head + f"""
def sign(client, secret):
    script("document.getElementById('client').value = " + json.dumps(client) + "; document.getElementById('secret').value = " + json.dumps(secret) +
           "; document.querySelector('#signin button').click()")

show("asked", until("!document.getElementById('signin').hidden && document.getElementById('signin').innerText"))
show("empty", script("document.querySelectorAll('#tables button').length"))
sign({client!r}, "wrong")
show("wrong", until("!document.getElementById('signin-error').hidden && document.getElementById('signin-error').innerText"))
sign({client!r}, {secret!r})
show("listed", until("document.getElementById('signin').hidden && document.querySelectorAll('#tables button').length === 2 && document.getElementById('tables').innerText"))
show("typed", script("document.getElementById('secret').value"))
show("rows", run("SELECT count(*) AS n FROM bronze.birds"))
""")
PY
timeout 60 python3 "$work/sign.py" "$(head -n 1 "$work/profile/DevToolsActivePort")" "$url/" >"$work/seen" 2>"$work/drive.log" || bad "signing in" "$(tail -n 3 "$work/drive.log")"
contains "who asks must sign in" "$(seen asked)" "Sign in"
equal "nothing is shown before" "$(seen empty)" 0
check "a wrong secret is refused" test -n "$(seen wrong)"
contains "the right one shows the tables" "$(seen listed)" birds
equal "the secret does not stay in the page" "$(seen typed)" ""
contains "queries are signed" "$(seen rows)" "1 row in"
stop "$chrome_pid"
stop "$server_pid"
finish
