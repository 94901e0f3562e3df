#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Iceberg's own REST compatibility kit (RESTCompatibilityKitCatalogTests, ...ViewCatalogTests), unmodified, against `firn serve`: a
# fresh server each.  Needs Java 17 and Maven, which brings the kit into build/rck (150 MB).  Ends with "N passed, N failed".
# shellcheck source=tests/interop/lib.bash
. "$(dirname "$0")/../lib.bash"
kit=build/rck
kit_home() {
    [[ -f $kit/complete ]] && return 0
    maven -f tests/interop/engines/rck.xml dependency:copy-dependencies -DoutputDirectory="$PWD/$kit/lib" && touch "$kit/complete"
}
# suite NAME: its tests, whose failures are shown.
suite() {
    local out=$work/$1.out good wrong
    serve "$work/$1" || finish
    CATALOG_RCK_SUPPORTS__NAMES__WITH__DOT=true CATALOG_RCK_SUPPORTS__VARIANT=true CATALOG_URI=$url/iceberg CATALOG_WAREHOUSE=warehouse java -Xmx1g -Djava.io.tmpdir="$work" -Drck.local=false \
        -Drck.requires-namespace-create=true -cp "$kit/lib/*" org.junit.platform.console.ConsoleLauncher execute \
        --select-class "org.apache.iceberg.rest.RESTCompatibilityKit${1}Tests" --details=tree --disable-banner \
        --disable-ansi-colors --details-theme=ascii >"$out" 2>&1
    good=$(sed -n 's/^\[ *\([0-9]*\) tests successful.*/\1/p' "$out")
    wrong=$(sed -n 's/^\[ *\([0-9]*\) tests failed.*/\1/p' "$out")
    if ((${good:-0} == 0)); then
        bad "$1" "$(tail -n 40 "$out")"
    else
        passed=$((passed + good)) failed=$((failed + wrong))
        ((wrong)) && { grep '\[X\]' "$out" | sed 's/^/FAILED /'; sed -n '/^Failures/,/^Test run/p' "$out" | cut -c1-400; }
        echo "$1: $good of $((good + wrong))"
    fi
    stop "$server_pid"
}
needs "the compatibility kit" kit_home
suite Catalog
suite ViewCatalog
finish
