# SPDX-License-Identifier: Apache-2.0
"""Spark with Iceberg's runtime (SPARK_JAR, which lib.bash sets): the session that every check with Spark begins with."""

import os

ICEBERG = {"type": "rest", "cache-enabled": "false"}


def session(url, catalogs=None, cores=2):
    """Spark on this machine alone. `catalogs` ({name: options}; one, "firn", unless told) are Iceberg's, on the server's REST catalog;
    the first is the default."""
    from pyspark.sql import SparkSession

    catalogs = catalogs or {"firn": {}}
    conf = {
        "spark.jars": os.environ["SPARK_JAR"],
        "spark.sql.extensions": "org.apache.iceberg.spark.extensions.IcebergSparkSessionExtensions",
        "spark.sql.defaultCatalog": next(iter(catalogs)),
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.host": "127.0.0.1",
        "spark.driver.memory": "2g",
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.sql.shuffle.partitions": str(cores),
        "spark.sql.session.timeZone": "UTC",
    }
    for name, options in catalogs.items():
        at = f"spark.sql.catalog.{name}"
        conf[at] = "org.apache.iceberg.spark.SparkCatalog"
        conf |= {f"{at}.{k}": v for k, v in ({**ICEBERG, "uri": f"{url}/iceberg"} | options).items() if v is not None}
    builder = SparkSession.builder.master(f"local[{cores}]").appName("firn")
    for key, value in conf.items():
        builder = builder.config(key, value)
    spark = builder.getOrCreate()
    spark.sparkContext.setLogLevel("ERROR")
    return spark
