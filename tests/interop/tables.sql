-- Tables of every shape that Firn writes, for other readers.
CREATE TABLE t.types AS SELECT * FROM (VALUES
    (1, true, 9223372036854775807, 1.5::FLOAT, 2.25::DOUBLE, 1234567.89::DECIMAL(9, 2), 123456789012345.678::DECIMAL(18, 3), 1234567890123456789012345678.0123456789::DECIMAL(38, 10), DATE '1969-12-31', TIME '23:59:59.999999', TIMESTAMP '1969-12-31 23:59:59.999999', TIMESTAMPTZ '2038-01-19 03:14:08+00', 'häßlich 🙂', '\x00\xFF'::BLOB, '12151fd2-7586-11e9-8f9e-2a86e4085a59'::UUID),
    (2, false, -9223372036854775808, -0.0::FLOAT, -1e308::DOUBLE, -0.01::DECIMAL(9, 2), -1::DECIMAL(18, 3), -0.0000000001::DECIMAL(38, 10), DATE '9999-12-31', TIME '00:00:00', TIMESTAMP '1900-01-01 00:00:00', TIMESTAMPTZ '1583-01-01 00:00:00+00', '', ''::BLOB, 'ffffffff-ffff-ffff-ffff-ffffffffffff'::UUID),
    (3, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL)
    ) v(id, b, l, f, d, d1, d2, d3, dt, tm, ts, tz, s, x, u);
CREATE TABLE t.nested AS SELECT * FROM (VALUES
    (1, {'a': 1, 'b': {'c': 'x', 'd': [1.5, NULL]}}, [{'k': 'a', 'v': 1}, NULL], MAP {'p': [1, NULL], 'q': NULL}, MAP {1: 'one'}),
    (2, {'a': NULL, 'b': NULL}, [], MAP {}, MAP {}),
    (3, NULL, NULL, NULL, NULL)
    ) v(id, st, li, m, mi);
CREATE TABLE t.plain AS
    SELECT i AS id, CASE WHEN i % 7 = 0 THEN NULL ELSE 's' || (i % 5) END AS s,
        TIMESTAMP '1969-12-25 22:00:00' + to_minutes(97 * i) AS ts, DATE '1969-12-01' + (i % 60)::INT AS d,
        ((i - 100) * 1.25)::DECIMAL(10, 2) AS n
    FROM range(300) r(i);
CREATE TABLE t.by_identity PARTITIONED BY (s) AS SELECT * FROM t.plain;
CREATE TABLE t.by_bucket PARTITIONED BY (bucket(4, id)) AS SELECT * FROM t.plain;
CREATE TABLE t.by_bucket_text PARTITIONED BY (bucket(3, s)) AS SELECT * FROM t.plain;
CREATE TABLE t.by_bucket_time PARTITIONED BY (bucket(3, ts)) AS SELECT * FROM t.plain;
CREATE TABLE t.by_bucket_decimal PARTITIONED BY (bucket(3, n)) AS SELECT * FROM t.plain;
CREATE TABLE t.by_truncate PARTITIONED BY (truncate(50, id)) AS SELECT * FROM t.plain;
CREATE TABLE t.by_truncate_text PARTITIONED BY (truncate(1, s)) AS SELECT * FROM t.plain;
CREATE TABLE t.by_truncate_decimal PARTITIONED BY (truncate(5000, n)) AS SELECT * FROM t.plain;
CREATE TABLE t.by_year PARTITIONED BY (year(ts)) AS SELECT * FROM t.plain;
CREATE TABLE t.by_month PARTITIONED BY (month(d)) AS SELECT * FROM t.plain;
CREATE TABLE t.by_day PARTITIONED BY (day(ts)) AS SELECT * FROM t.plain;
CREATE TABLE t.by_hour PARTITIONED BY (hour(ts)) AS SELECT * FROM t.plain WHERE id < 60;
CREATE TABLE t.by_two PARTITIONED BY (day(d), bucket(2, s)) AS SELECT * FROM t.plain WHERE id < 120;
CREATE TABLE t.appended (id BIGINT NOT NULL, s TEXT) PARTITIONED BY (truncate(10, id));
INSERT INTO t.appended SELECT i, 'first' FROM range(30) r(i);
INSERT INTO t.appended SELECT i, NULL FROM range(20, 50) r(i);
INSERT INTO t.appended VALUES (-1, 'minus one'), (-11, 'größe');
CREATE TABLE t.replaced AS SELECT 1 AS id, 'old' AS name, 5 AS gone;
CREATE OR REPLACE TABLE t.replaced AS SELECT 2::BIGINT AS id, 'new' AS title, 1.5 AS name;
CREATE TABLE t.empty (id BIGINT, s TEXT);
CREATE TABLE t."odd name" AS SELECT 1 AS "a b", 'x' AS "größe", 2 AS "select", 3 AS "q""uote";
CREATE TABLE t.big AS SELECT i AS id, i % 1000 AS k, md5(i::VARCHAR) AS s, i / 7 AS v FROM range(200000) r(i);
