#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Nessie's clients, unmodified, against `firn serve`: every command of the program nessie (pynessie).  --spark runs Spark through
# org.apache.iceberg.nessie.NessieCatalog instead.
. "$(dirname "$0")/lib.bash"
nessie_venv() { venv build/venv-nessie 'pynessie==0.67.0' 'marshmallow<4'; }
if [[ ${1:-} == --spark ]]; then
    needs Spark spark_home
    program=("$spark_python" tests/interop/nessie_spark.py) more=("$data/warehouse")
else
    needs pynessie nessie_venv
    program=(build/venv-nessie/bin/python tests/interop/nessie.py) more=(build/venv-nessie/bin/nessie "$work")
fi
serve "$data" || finish
checks "${program[@]}" "$url" "$FIRN" "${more[@]}"
finish_served
