#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Definitions through the command line and a server: ALTER TABLE, views, CREATE OR REPLACE, defaults; what other clients of
# the catalog see of them.
# shellcheck source=tests/e2e/lib.bash
source "$(dirname "${BASH_SOURCE[0]}")/lib.bash"

works "make a table" sql -c "CREATE TABLE shop.orders (id BIGINT NOT NULL, placed TIMESTAMP, what TEXT) PARTITIONED BY (day(placed)) COMMENT 'all orders'"
works "fill it" sql -c "INSERT INTO shop.orders VALUES (1, '2001-02-03', 'tea'), (2, '2001-02-04', 'milk')"
works "evolve it" sql -c "ALTER TABLE shop.orders SET TBLPROPERTIES ('format-version' = '3'), ADD COLUMN price DECIMAL(10, 2) DEFAULT 1.50 AFTER id, RENAME COLUMN what TO item, ADD PARTITION FIELD bucket(4, id)"
equal "old rows have the default" "$(query 'SELECT * FROM shop.orders ORDER BY id')" $'1,1.50,2001-02-03 00:00:00,tea\n2,1.50,2001-02-04 00:00:00,milk'
works "new rows" sql -c "INSERT INTO shop.orders (id, placed, item) VALUES (3, '2001-02-04', 'bread')"
equal "old and new files" "$(query "SELECT sum(price), count(*) FROM shop.orders WHERE placed >= '2001-02-04'")" 3.00,2
fails "what is not possible" 1 "cannot go from string to int" sql -c "ALTER TABLE shop.orders ALTER COLUMN item TYPE INT"
fails "nor this" 1 "partitioned by column" sql -c "ALTER TABLE shop.orders DROP COLUMN placed"
works "a view" sql -c "CREATE VIEW shop.days AS SELECT CAST(placed AS DATE) AS day, sum(price) AS total FROM orders GROUP BY ALL"
equal "is read" "$(query 'SELECT * FROM shop.days ORDER BY day')" $'2001-02-03,1.50\n2001-02-04,3.00'
works "a branch" branch try
works "replaces its own" sql --branch try -c "CREATE OR REPLACE TABLE shop.orders (id INT, price INT, placed DATE)"
equal "the view there reads that" "$("$FIRN" --data "$data" sql --branch try --format csv -c 'SELECT count(*) FROM shop.days' | tail -n +2)" 0
equal "and here what it did" "$(query "SELECT count(*) FROM shop.days")" 2
equal "or there from here" "$(query "SELECT count(*) FROM shop.days FOR VERSION AS OF 'try'")" 0
created=$(query 'SHOW CREATE TABLE shop.orders')
contains "a definition is shown" "$created" "PARTITIONED BY (day(placed), bucket(4, id))"

serve "$data" || finish
get() { curl -s "$url$1"; }
table=$(get /iceberg/v1/namespaces/shop/tables/orders)
equal "clients see the new column" "$(value "[f['name'] for f in d['metadata']['schemas'][-1]['fields']]" <<<"$table")" '["id", "price", "placed", "item"]'
equal "and its default" "$(value "d['metadata']['schemas'][-1]['fields'][1]['write-default']" <<<"$table")" 1.50
view=$(get /iceberg/v1/namespaces/shop/views/days)
equal "and the view" "$(value "d['metadata']['versions'][-1]['representations'][0]['dialect']" <<<"$view")" firn
# A view as Spark would store it, with its quotes and its catalog's name.
body='{"name":"spark","schema":{"type":"struct","schema-id":0,"fields":[{"id":1,"name":"n","type":"long","required":false}]},
  "view-version":{"version-id":1,"schema-id":0,"timestamp-ms":1700000000000,"summary":{},"default-catalog":"prod","default-namespace":["shop"],
  "representations":[{"type":"sql","dialect":"spark","sql":"SELECT count(*) FROM prod.shop.orders AS `o` WHERE `o`.item <> \"tea\""}]},"properties":{}}'
equal "a client makes a view" "$(curl -s -o "$work/body" -w '%{http_code}' -H 'Content-Type: application/json' -d "$body" "$url/iceberg/v1/namespaces/shop/views")" 200
equal "SQL reads it" "$("$FIRN" --server "$url" sql --format csv -c 'SELECT n FROM shop.spark' | tail -n +2)" 2
equal "dropped" "$("$FIRN" --server "$url" sql -c 'DROP VIEW shop.spark' >/dev/null; curl -s -o /dev/null -w '%{http_code}' "$url/iceberg/v1/namespaces/shop/views/spark")" 404
finish
