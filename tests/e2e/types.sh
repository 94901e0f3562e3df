#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Types of Iceberg that the engine does not have, and Avro data files, through the command line: written, read, changed, compacted.
# shellcheck source=tests/e2e/lib.bash
source "$(dirname "${BASH_SOURCE[0]}")/lib.bash"

works "make a schema" sql -c "CREATE SCHEMA t"
works "make a table" sql -c "CREATE TABLE t.all (id BIGINT, f fixed(4), z timestamptz_ns, n timestamp_ns, u unknown, v variant,
  g geometry('srid:3857'), e geography('srid:4326', 'karney'), d DECIMAL(38, 10), i UUID, s STRUCT(v variant, f fixed(2), u unknown))
  PARTITIONED BY (bucket(2, f)) WITH ('format-version' = '3', 'write.update.mode' = 'merge-on-read')"
works "fill it" sql -c "INSERT INTO t.all SELECT i, ('ab' || lpad(i::VARCHAR, 2, '0'))::BLOB, make_timestamp_ns(1577836800123456789 + i * 86400000000000),
  TIMESTAMP_NS '1969-12-31 23:59:59.999999999', NULL, {'k': [i, 2]}::VARIANT, 'POINT (' || i || ' 2)', st_aswkb('POINT (3 4)'::GEOMETRY),
  12345678901234567890.5, '00000000-0000-0000-0000-000000000001', {'v': i::VARIANT, 'f': 'qq'::BLOB, 'u': NULL} FROM range(20) r(i)"
row="7,ab07,2020-01-08 00:00:00.123456789,1969-12-31 23:59:59.999999999,,\"{\"\"k\"\":[7,2]}\",POINT (7 2),POINT (3 4),12345678901234567890.5000000000,00000000-0000-0000-0000-000000000001,\"{'v': 7, 'f': qq, 'u': NULL}\""
equal "it is read" "$(query "SELECT * FROM t.all WHERE f = 'ab07'::BLOB")" "$row"
contains "a definition says the types" "$(query 'SHOW CREATE TABLE t.all')" 'fixed(4)'
contains "and their parameters" "$out$(query 'SHOW CREATE TABLE t.all')" "geography('srid:4326', 'karney')"
works "rows change" sql -c "UPDATE t.all SET v = 'new'::VARIANT WHERE id < 5"
equal "they have changed" "$(query "SELECT count(*), count(DISTINCT id) FROM t.all WHERE v::VARCHAR = 'new'")" 5,5
works "rows go" sql -c "DELETE FROM t.all WHERE z >= '2020-01-15'"
works "compacted" table compact t.all
equal "after that it is read" "$(query "SELECT * FROM t.all WHERE f = 'ab07'::BLOB")" "$row"
equal "nothing is lost" "$(query "SELECT count(*), sum(id), count(u), count(s.u) FROM t.all")" 14,91,0,0
works "unknown becomes anything" sql -c "ALTER TABLE t.all ALTER COLUMN u TYPE VARCHAR"
works "and takes values" sql -c "INSERT INTO t.all (id, u) VALUES (99, 'known')"
equal "which are there" "$(query "SELECT string_agg(u, ';') FROM t.all")" known
fails "another length" 1 "takes values of 4 bytes only" sql -c "INSERT INTO t.all (id, f) VALUES (1, 'abc'::BLOB)"
fails "a value of no type" 1 "only nulls fit" sql -c "INSERT INTO t.all (id, s) VALUES (1, {'v': NULL, 'f': NULL, 'u': 1})"
fails "an older format" 1 "needs format version 3" sql -c "CREATE TABLE t.old (v variant)"
fails "no partition by a variant" 1 "does not take values of type variant" sql -c "ALTER TABLE t.all ADD PARTITION FIELD v"

works "an Avro table" sql -c "CREATE TABLE t.avro (id INTEGER, l STRUCT(a INTEGER, b VARCHAR)[], m MAP(VARCHAR, DECIMAL(9, 2))) WITH ('write.format.default' = 'avro')"
works "fill that" sql -c "INSERT INTO t.avro SELECT i, [{'a': i, 'b': 'x'}, NULL], MAP {'k': i} FROM range(1000) r(i)"
works "a column more" sql -c "ALTER TABLE t.avro ADD COLUMN later VARCHAR"
works "delete of it" sql -c "DELETE FROM t.avro WHERE id % 2 = 1"
equal "its files" "$(query "SELECT DISTINCT file_format FROM t.avro.data_files")" AVRO
equal "its rows" "$(query "SELECT count(*), sum(l[1].a), sum(m['k']), count(later) FROM t.avro")" 500,249500,249500.00,0
equal "its changes" "$(query 'SELECT count(*) FROM t.avro.changes')" 2500
equal "its deletes" "$(query 'SELECT count(*) FROM t.avro.position_deletes')" 0
works "ORC is asked for" sql -c "CREATE TABLE t.orc (id INTEGER) WITH ('write.format.default' = 'orc')"
fails "ORC is refused" 1 "parquet or avro only" sql -c "INSERT INTO t.orc VALUES (1)"
finish
