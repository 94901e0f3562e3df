#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Names with what URLs, file systems, shells, SQL and HTML take as special: made, written, read, changed and dropped by SQL and by
# commands, in the data directory and over HTTP, and through the REST catalog.
# shellcheck source=tests/e2e/lib.bash
source "$(dirname "$0")/lib.bash"

names=("a/b" "100%" "a%2fb" "c#d" "e:f" "g;h" "it's" 'say "x"' 'back`tick' "<b>x</b>" "p|q" "x=1&y=2" "a+b" "a b" "été 日本" "😀" "-x" "~" "@" "!")

quote() { printf '"%s"' "${1//\"/\"\"}"; }
# run SQL: on the data directory, or on the server when there is one.
place=(--data "$data")
run() { out=$("$FIRN" "${place[@]}" sql --format csv -c "$1" 2>"$work/stderr") && return; err=$(<"$work/stderr"); return 1; }
asks() { if run "$2"; then equal "$1" "$(tail -n +2 <<<"$out")" "$3"; else bad "$1" "$2" "$err"; fi; }
does() { if run "$2"; then pass; else bad "$1" "$2" "$err"; fi; }

whole_life() {
    local n=$1 where=$2 q t
    q=$(quote "$n") t=$(quote "$n").$(quote "$n")
    does "$where: $n: CREATE SCHEMA" "CREATE SCHEMA $q"
    does "$where: $n: CREATE TABLE" "CREATE TABLE $t (id BIGINT, $q VARCHAR)"
    does "$where: $n: INSERT" "INSERT INTO $t VALUES (1, 'one'), (2, 'two')"
    does "$where: $n: UPDATE" "UPDATE $t SET $q = 'new' WHERE id = 2"
    does "$where: $n: DELETE" "DELETE FROM $t WHERE id = 1"
    asks "$where: $n: SELECT" "SELECT id, $q FROM $t" "2,new"
    asks "$where: $n: metadata table" "SELECT count(*) > 0 FROM $q.$(quote "$n\$snapshots")" "true"
    for command in show history snapshots files; do
        out=$("$FIRN" "${place[@]}" table $command -- "$n.$n" 2>"$work/stderr") && [[ -n $out ]] && pass ||
            bad "$where: $n: firn table $command" "$(<"$work/stderr")"
    done
    contains "$where: $n: firn table ls" "$("$FIRN" "${place[@]}" table ls 2>&1)" "$n"
}

for n in "${names[@]}"; do whole_life "$n" "data"; done
equal "nothing lies beside the warehouse" "$(find "$data" "$work" -maxdepth 1 -name '*[%#:;"<>|~+=]*' | wc -l)" 0
equal "no name is a path" "$(find "$data/warehouse" -maxdepth 1 -name '*[%#:;"<>|]*' | wc -l)" 0

serve "$data" || finish
place=(--server "$url")
for n in "${names[@]}"; do
    asks "over HTTP: $n: SELECT" "SELECT id, $(quote "$n") FROM $(quote "$n").$(quote "$n")" "2,new"
    "$FIRN" "${place[@]}" table show -- "$n.$n" >/dev/null 2>"$work/stderr" && pass || bad "over HTTP: $n: firn table show" "$(<"$work/stderr")"
done

# The REST catalog, with names in paths as its clients write them, then SQL again for what REST renamed.
python3 - "$url" "${names[@]}" >"$work/rest" 2>&1 <<'PY' && pass || bad "REST" "$(tail -5 "$work/rest")"
import json, sys, urllib.parse, urllib.request
url, names = sys.argv[1], sys.argv[2:]
def ask(method, path, body=None, want=200):
    request = urllib.request.Request(url + "/iceberg/v1/" + path, method=method,
                                     data=None if body is None else json.dumps(body).encode())
    try:
        answer = urllib.request.urlopen(request)
    except urllib.error.HTTPError as e:
        answer = e
    text = answer.read().decode()
    assert answer.status == want, (method, path, answer.status, text)
    return json.loads(text) if text else None
listed = [n[0] for n in ask("GET", "namespaces")["namespaces"]]
for name in names:
    assert name in listed, (name, listed)
    for encode in (lambda s: urllib.parse.quote(s, safe=""), lambda s: urllib.parse.quote_plus(s, safe="")):
        ns = encode(name)
        table = "namespaces/" + ns + "/tables/" + ns
        ask("HEAD", "namespaces/" + ns, want=204)
        assert ask("GET", "namespaces/" + ns)["namespace"] == [name]
        loaded = ask("GET", table)
        assert ask("GET", "namespaces/" + ns + "/tables")["identifiers"] == [{"namespace": [name], "name": name}]
        ask("POST", table, {"requirements": [{"type": "assert-table-uuid", "uuid": loaded["metadata"]["table-uuid"]}],
                            "updates": [{"action": "set-properties", "updates": {name: name}}]})
        assert ask("GET", table)["metadata"]["properties"][name] == name
        plan = ask("POST", table + "/plan", {"select": [name]})
        assert len(plan["file-scan-tasks"]) > 0, plan
    ask("POST", "tables/rename", {"source": {"namespace": [name], "name": name},
                                  "destination": {"namespace": [name], "name": name + "2"}}, 204)
    ask("HEAD", table, want=404)
    ask("POST", "namespaces", {"namespace": [name, name]})
    assert ask("GET", "namespaces?parent=" + ns)["namespaces"] == [[name, name]]
    ask("DELETE", "namespaces/" + ns + "%1F" + ns, want=204)
PY
for n in "${names[@]}"; do
    t=$(quote "$n").$(quote "${n}2")
    asks "renamed: $n" "SELECT id FROM $t" "2"
    does "$n: DROP TABLE" "DROP TABLE $t"
    does "$n: DROP SCHEMA" "DROP SCHEMA $(quote "$n")"
done

# Names with dots, as an engine makes them over REST; SQL and commands reach them over HTTP and in the data directory.
rest() { curl -s -o "$work/body" -w '%{http_code}' -H 'Content-Type: application/json' -X "$1" "$url/iceberg/v1/$2" ${3:+-d "$3"}; }
equal "REST makes a level with a dot" "$(rest POST namespaces '{"namespace":["d.e"]}')" 200
equal "and a table with one" "$(rest POST namespaces/d.e/tables '{"name":"t.u","schema":{"type":"struct","schema-id":0,"fields":[{"id":1,"name":"x","type":"long","required":false}]}}')" 200
dotted() {
    does "$1: INSERT" 'INSERT INTO "d.e"."t.u" VALUES (1)'
    asks "$1: SELECT" 'SELECT count(*) FROM "d.e"."t.u"' "$2"
    contains "$1: firn table ls" "$("$FIRN" "${place[@]}" table ls 2>&1)" '"d.e"."t.u"'
    contains "$1: firn table show" "$("$FIRN" "${place[@]}" table show '"d.e"."t.u"' 2>&1)" '"d.e"."t.u"'
    contains "$1: a.b.c is something else" "$("$FIRN" "${place[@]}" table show d.e.t.u 2>&1)" "does not exist: d.e.t.u"
}
dotted "over HTTP, with dots" 1
equal "REST sees it" "$(rest GET namespaces/d.e/tables/t.u)" 200
stop "$server_pid"
place=(--data "$data")
dotted "data, with dots" 2
works "a role" admin role create dots --catalog
works "a grant on a table with dots" admin grant add dots TABLE_READ_DATA --on 'table:"d.e"."t.u"'
firn admin grant ls dots
contains "is told as it was given" "$out" 'table:"d.e"."t.u"'
finish
