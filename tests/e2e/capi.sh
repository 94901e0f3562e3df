#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# libfirn as it is installed: what it shows, that a program is built with pkg-config alone, and that the program's data are the command line's, too.
. "$(dirname "$0")/lib.bash"
build=$(dirname "$FIRN")
lib=$build/libfirn.so.0

shown=$(nm -D --defined-only "$lib" | awk '$2 != "A" { print $3 }' | sed 's/@.*//' | sort)
declared=$(tr '\n' ' ' <include/firn.h | grep -oE 'FIRN_API [^;(]*\(' | grep -oE 'firn_[a-z_]+ *\(' | tr -d ' (' | sort)
equal "only the header's functions are visible" "$shown" "$declared"
listed=$(grep -v '^#' tests/e2e/libfirn.symbols)
equal "and those are the ones of the list, which only grows" "$declared" "$(cut -d' ' -f1 <<<"$listed")"
equal "none is newer than the header's number" "$(awk -v now="$(sed -n 's/^#define FIRN_ABI_VERSION //p' include/firn.h)" '$2 > now' <<<"$listed")" ""
contains "the name to link by" "$(readelf -d "$lib")" "Library soname: [libfirn.so.0]"
lacks "no path of the machine that built it" "$(readelf -d "$lib" | grep -i runpath)" "$root"

check "install" tools/install-library "$build" "$work/usr" "$work/usr"
install -D "$build/libduckdb.so" "$work/usr/lib/firn/libduckdb.so"
export PKG_CONFIG_PATH=$work/usr/lib/pkgconfig
equal "the package's version" "$(pkg-config --modversion firn)" "$(<VERSION)"
read -ra flags < <(pkg-config --cflags --libs firn)
check "the example is built" cc -std=c99 -Wall -Wextra -Wpedantic -Werror examples/c/lake.c "${flags[@]}" -Wl,-rpath,"$work/usr/lib" -o "$work/example"
printf '#include <firn.h>\nint main() { firn_scan_options o = FIRN_SCAN_OPTIONS_INIT; return o.size == 0 || firn_abi_version() < 1; }\n' >"$work/plus.cc"
if command -v c++ >/dev/null; then
    check "the header is C++, too" c++ -std=c++20 -Wall -Werror "$work/plus.cc" "${flags[@]}" -Wl,-rpath,"$work/usr/lib" -o "$work/plus"
    check "a C++ program" "$work/plus"
fi
out=$("$work/example" "$data" 2>"$work/stderr")
equal "the example runs" "$out" 'appended 3 rows
files for id 4: 1
four and more: 4=Dan
before: 1=Ann 2=Bob 3=Cid
now: 2=Robert 3=Cid 4=Dan
tables: ["shop.people"]
properties: {"write.parquet.compression-codec":"zstd","owner":"example"}'
equal "no complaints" "$(<"$work/stderr")" ""
equal "the command line reads what it wrote" "$(query "SELECT string_agg(name, ' ' ORDER BY id) FROM shop.people")" "Robert Cid Dan"
finish
