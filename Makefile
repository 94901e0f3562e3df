# SPDX-License-Identifier: Apache-2.0
# make demo   installs what is missing, builds, runs the whole path on three million real flights
# make test   installs what is missing, builds, runs all tests
# make help   the rest
SHELL := /bin/bash
.DEFAULT_GOAL := dev
JOBS ?= $(shell nproc)
PREFIX ?= /usr/local
DEMO_DATA ?= firn-data
T ?=
SECONDS_EACH ?= 60

.PHONY: help dev demo deps deps-test build test interop unit check check-all checks fuzz bench fmt docs clean install

help:
	@awk '/^## /{ sub(/^## /, ""); print }' Makefile

## make dev        debug build (ASan + UBSan) of program and tests, in build/dev
dev: deps
	@cmake --preset dev >build/dev-configure.log || { cat build/dev-configure.log; exit 1; }
	@ninja -C build/dev -j $(JOBS)

## make deps       installs what deps.txt lists for building
deps:
	@tools/deps build

deps-test:
	@tools/deps build test

## make build      release build; the program is build/release/firn
build: deps
	@cmake --preset release >build/release-configure.log || { cat build/release-configure.log; exit 1; }
	@ninja -C build/release -j $(JOBS) firn firn_shared firn_example_lake

## make demo       the main job end to end; leaves its data in DEMO_DATA (firn-data)
demo: build
	@build/release/firn demo --data $(DEMO_DATA) --input build/deps/vega --project examples/flights

## make check      style checks, unit, golden and fault tests, fuzz corpus replay, all under sanitizers
check: checks unit

checks:
	@for c in layers banned lengths headers format docs; do tools/check-$$c || { echo "tools/check-$$c failed"; exit 1; }; done
	@echo "style checks passed"

unit: deps-test dev
	@tools/run-ctest build/dev

## make test       all tests: check, then end to end with real clients and a browser
test: deps-test
	@tools/run-tests

## make interop    all other engines and the compatibility kits (fetches 2 GB into build/; 48 minutes on two cores); T=trino for one
interop: build deps-test
	@tools/run-interop $(T)

## make check-all  test, then ThreadSanitizer, static analysis, longer sweeps: every fault, 10,000 kills, 20,000 power cuts
check-all: test
	@cmake --preset tsan >build/tsan-configure.log && ninja -C build/tsan -j $(JOBS) && tools/run-ctest build/tsan
	@tools/check-static
	@FIRN_TEST_ALL=1 FIRN_TEST_TIMEOUT_S=7200 build/dev/tests/test_fault_commit
	@FIRN_TEST_ALL=1 FIRN_TEST_TIMEOUT_S=7200 build/dev/tests/test_fault_moves
	@FIRN_TEST_ALL=1 FIRN_TEST_TIMEOUT_S=7200 build/dev/tests/test_fault_operations
	@FIRN_TEST_ALL=1 FIRN_TEST_TIMEOUT_S=7200 build/dev/tests/test_fault_upkeep
	@FIRN_TEST_ALL=1 FIRN_TEST_TIMEOUT_S=7200 build/dev/tests/test_sql_isolation
	@FIRN_TEST_STEPS=60 FIRN_TEST_TIMEOUT_S=7200 build/dev/tests/test_sql_dml_histories
	@FIRN_KILLS=10000 FIRN_TEST_TIMEOUT_S=7200 build/dev/tests/test_catalog_kill
	@FIRN_KILLS=10000 FIRN_TEST_TIMEOUT_S=14400 tools/with-postgres build/dev/tests/test_catalog_kill
	@FIRN_POWER_CUTS=20000 FIRN_TEST_TIMEOUT_S=7200 build/dev/tests/test_io_db_power
	@LOST_SECONDS=60 bash tests/e2e/lost_replies.sh
	@CUTS=100 bash tests/e2e/power_cut.sh
	@SHARED_SECONDS=60 bash tests/e2e/two_servers.sh
	@SHARED_SECONDS=180 bash tests/e2e/two_servers_mixed.sh
	@HOSTILE_SECONDS=600 HOSTILE_SEED=$$RANDOM$$RANDOM bash tests/e2e/hostile.sh
	@MIXED_SECONDS=600 bash tests/e2e/mixed_writers.sh
	@HISTORY_SECONDS=900 HISTORY_SEED=$$RANDOM$$RANDOM bash tests/interop/histories.sh --steps 60

## make fuzz       libFuzzer on every target, SECONDS_EACH (60) seconds each; T=avro for one
fuzz:
	@tools/deps build fuzz
	@cmake --preset fuzz >build/fuzz-configure.log && ninja -C build/fuzz -j $(JOBS) && tools/run-fuzz "$(T)" $(SECONDS_EACH)

## make bench      Firn beside its rivals, on the same data in one run; T=pit for one
bench: build deps-test
	@bench/run $(T)

## make fmt        formats the sources
fmt:
	@find src tests bench include -name '*.[ch]' | xargs clang-format -i

## make docs       man page, shell completion and command reference from the command table
docs: build
	@tools/make-docs build/release/firn

## make install    program, library, man page and completion below PREFIX (/usr/local)
install: build docs
	install -D -m 755 build/release/firn $(DESTDIR)$(PREFIX)/bin/firn
	install -D -m 644 build/release/libduckdb.so $(DESTDIR)$(PREFIX)/lib/firn/libduckdb.so
	@tools/install-library build/release $(DESTDIR)$(PREFIX) $(PREFIX)
	install -D -m 644 build/docs/firn.1 $(DESTDIR)$(PREFIX)/share/man/man1/firn.1
	install -D -m 644 build/docs/firn.bash $(DESTDIR)$(PREFIX)/share/bash-completion/completions/firn

## make clean      removes builds, keeps downloads
clean:
	rm -rf build/dev build/release build/tsan build/fuzz build/docs build/*.log
