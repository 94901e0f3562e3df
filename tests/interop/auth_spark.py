# SPDX-License-Identifier: Apache-2.0
"""Spark logs in with a credential and stays logged in beyond its token's life: auth_spark.py URL ID:SECRET.

The last line is "N passed, N failed"."""

import sys
import time

from spark import session

URL, CREDENTIAL = sys.argv[1:3]
ROUNDS = 3
spark = session(URL, {"good": {"credential": CREDENTIAL}, "bad": {"credential": "x:y"}, "none": {}}, cores=1)
passed = failed = 0


def check(name, ok):
    global passed, failed
    passed += ok
    failed += not ok
    if not ok:
        print("FAILED", name)


def refusal(catalog):
    try:
        spark.sql(f"SHOW NAMESPACES IN {catalog}").collect()
    except Exception as e:
        return str(e)
    return ""


spark.sql("CREATE NAMESPACE good.ns")
spark.sql("CREATE TABLE good.ns.s (a INT) USING iceberg")
for i in range(ROUNDS):
    spark.sql(f"INSERT INTO good.ns.s VALUES ({i})")
    time.sleep(8)
check("rows", spark.sql("SELECT count(*) FROM good.ns.s").collect()[0][0] == ROUNDS)
check("a wrong secret", "invalid_client" in refusal("bad"))
check("no credential", "needs credentials" in refusal("none"))
print(f"{passed} passed, {failed} failed")
