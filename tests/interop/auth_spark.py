# SPDX-License-Identifier: Apache-2.0
"""Spark logs in with a credential and stays logged in beyond its token's life: auth_spark.py URL ID:SECRET JAR.

The last line is "N passed, N failed"."""

import sys
import time

from pyspark.sql import SparkSession

URL, CREDENTIAL, JAR = sys.argv[1:4]
ROUNDS = 3
conf = {
    "spark.jars": JAR,
    "spark.sql.extensions": "org.apache.iceberg.spark.extensions.IcebergSparkSessionExtensions",
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.driver.host": "127.0.0.1",
    "spark.ui.enabled": "false",
    "spark.driver.memory": "1g",
}
for name, credential in ("good", CREDENTIAL), ("bad", "x:y"), ("none", None):
    at = f"spark.sql.catalog.{name}"
    conf |= {at: "org.apache.iceberg.spark.SparkCatalog", f"{at}.type": "rest", f"{at}.uri": f"{URL}/iceberg"}
    if credential:
        conf[f"{at}.credential"] = credential
builder = SparkSession.builder.master("local[1]").appName("firn")
for key, value in conf.items():
    builder = builder.config(key, value)
spark = builder.getOrCreate()
spark.sparkContext.setLogLevel("ERROR")
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
