#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Iceberg's own REST compatibility kit (RESTCompatibilityKitCatalogTests, ...ViewCatalogTests), unmodified, against `firn serve`: a
# fresh server each.  Needs Java 17 and Maven, which brings the kit into build/rck (150 MB).  FIRN is the program
# (build/release/firn).  Ends with "N passed, N failed"; without Maven it is skipped.  Part of `make interop`, not of `make test`.
set -u
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../../.." && pwd)
firn=${FIRN:-$root/build/release/firn}
kit=${RCK:-$root/build/rck}

if [ ! -f "$kit/complete" ]; then
    echo "fetching the kit into $kit"
    mkdir -p "$kit"
    command -v mvn >/dev/null || apt-get install -y -qq maven default-jdk-headless >/dev/null
    if ! mvn -q -B -f "$here/rck.xml" dependency:copy-dependencies -DoutputDirectory="$kit/lib"; then
        echo "SKIPPED: the kit cannot be fetched (no Maven?)"
        echo "0 passed, 0 failed, 1 skipped"
        exit 0
    fi
    touch "$kit/complete"
fi

work=$(mktemp -d "${TMPDIR:-/tmp}/firn-rck-XXXXXX")
server=
stop() {
    [ -n "$server" ] && kill "$server" 2>/dev/null && wait "$server" 2>/dev/null
    server=
}
trap 'stop; rm -rf "$work"' EXIT

passed=0 failed=0
for suite in Catalog ViewCatalog; do
    "$firn" serve --data "$work/$suite" --listen 127.0.0.1:0 >"$work/$suite.log" 2>&1 &
    server=$!
    url=
    for _ in $(seq 100); do
        url=$(grep -o 'http://127\.0\.0\.1:[0-9]*' "$work/$suite.log" 2>/dev/null | head -1)
        [ -n "$url" ] && break
        sleep 0.1
    done
    CATALOG_RCK_SUPPORTS__NAMES__WITH__DOT=true CATALOG_RCK_SUPPORTS__VARIANT=true CATALOG_URI=$url/iceberg CATALOG_WAREHOUSE=warehouse java -Xmx1g -Djava.io.tmpdir="$work" -Drck.local=false \
        -Drck.requires-namespace-create=true -cp "$kit/lib/*" org.junit.platform.console.ConsoleLauncher execute \
        --select-class "org.apache.iceberg.rest.RESTCompatibilityKit${suite}Tests" --details=tree --disable-banner \
        --disable-ansi-colors --details-theme=ascii >"$work/$suite.out" 2>&1
    good=$(sed -n 's/^\[ *\([0-9]*\) tests successful.*/\1/p' "$work/$suite.out")
    bad=$(sed -n 's/^\[ *\([0-9]*\) tests failed.*/\1/p' "$work/$suite.out")
    if [ -z "$good" ] || [ "$good" -eq 0 ]; then
        tail -40 "$work/$suite.out"
        failed=$((failed + 1))
    else
        passed=$((passed + good)) failed=$((failed + bad))
        grep '\[X\]' "$work/$suite.out"
        [ "$bad" -eq 0 ] || sed -n '/^Failures/,/^Test run/p' "$work/$suite.out" | cut -c1-400
        echo "$suite: $good of $((good + bad))"
    fi
    stop
done
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
