#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# PyIceberg, unmodified, logs in in every way that it knows; with --spark Spark does, whose tokens live for seconds here, so that it
# has to exchange them for newer ones.
. "$(dirname "$0")/lib.bash"
if [[ ${1:-} == --spark ]]; then needs Spark spark_home; else needs PyIceberg python_venv; fi

firn admin bootstrap --json
credential=$(value "d['credentials']['clientId'] + ':' + d['credentials']['clientSecret']" <<<"$out")
works "who manages content" admin role give catalog_admin service_admin --catalog
firn admin key create root --json
key=$(value "d['key']" <<<"$out")
[[ -n $key ]] || bad "an API key" "$out" "$err"
if [[ ${1:-} == --spark ]]; then
    echo 'auth: {token_lifetime: 10s}' >"$data/firn.yaml"
    serve "$data" --log-level info || finish
    checks "$spark_python" tests/interop/auth_spark.py "$url" "$credential"
    check "tokens were exchanged" test "$(grep -c 'token issued' "$work/serve.log")" -ge 3
else
    serve "$data" || finish
    checks build/venv/bin/python tests/interop/auth.py "$url" "$credential" "$key"
fi
finish_served
