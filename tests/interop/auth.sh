#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# PyIceberg, unmodified, logs in every way that it knows; with --spark Spark does, whose tokens live for seconds here, so that it has to
# exchange them for newer ones (500 MB from PyPI and Maven: rest.sh --spark installs it).
. "$(dirname "$0")/lib.bash"
python_venv || { skip "PyIceberg" "it cannot be installed (no PyPI?)"; finish; }

firn admin bootstrap --json
credential=$(value "d['credentials']['clientId'] + ':' + d['credentials']['clientSecret']" <<<"$out")
works "who manages content" admin role give catalog_admin service_admin --catalog
firn admin key create root --json
key=$(value "d['key']" <<<"$out")
[[ -n $key ]] || bad "an API key" "$out" "$err"
if [[ ${1:-} == --spark ]]; then
    echo 'auth: {token_lifetime: 10s}' >"$data/firn.yaml"
    serve "$data" --log-level info || finish
    build/spark/venv/bin/python tests/interop/auth_spark.py "$url" "$credential" build/spark/iceberg-spark-runtime-4.1_2.13-1.12.0.jar 2>"$work/spark.log" | tee "$work/out"
    check "Spark" grep -q ' 0 failed' "$work/out"
    check "tokens were exchanged" test "$(grep -c 'token issued' "$work/serve.log")" -ge 3
else
    serve "$data" || finish
    build/venv/bin/python tests/interop/auth.py "$url" "$credential" "$key" | tee "$work/out"
    check "PyIceberg" grep -q ' 0 failed' "$work/out"
fi
finish
