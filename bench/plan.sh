#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Scan planning of a table of 1 M data files (six columns with bounds, random paths, 40 manifests), and of one of 200,000 files
# with 100,000 deletion vectors: Firn, Iceberg's Java library (build/spark, which tests/interop/rest.sh --spark makes: its
# runtime and Spark's Hadoop) and PyIceberg (build/venv) on the same metadata, in this one run, a process each.
bench=plan
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
files=${FIRN_BENCH_FILES:-1000000}
repeats=${FIRN_BENCH_REPEATS:-5}
need bench_plan
dir=$work/plan-$files
small=$work/plan-vectors
make_one() { # DIR FILES MANIFESTS VECTORS
    [[ -f $1/t/metadata/v1.metadata.json ]] && return
    note "making the metadata of a table of $2 files"
    rm -rf "$1"
    mkdir -p "$1"
    "$programs/bench_plan" make "$@"
}
make_one "$dir" "$files" 40 0
make_one "$small" $((files / 5)) 8 $((files / 10))

runtime=$root/build/spark/iceberg-spark-runtime-4.1_2.13-1.12.0.jar
hadoop=$(echo "$root"/build/spark/venv/lib/python3*/site-packages/pyspark/jars)
java_plan() { # DIR CASE
    [[ -f $runtime && -d $hadoop ]] && command -v java >/dev/null || return 1
    [[ -f $work/PlanJava.class ]] || javac -cp "$runtime:$hadoop/*" -d "$work" "$root/bench/PlanJava.java" || return 1
    java -cp "$work:$runtime:$hadoop/*" -Dlog4j2.level=OFF PlanJava "$1/t/metadata/v1.metadata.json" "$2" 3 2>"$work/java.log"
}
python_plan() { # DIR CASE
    "$root/build/venv/bin/python" -c 'import pyiceberg' 2>/dev/null || return 1
    "$root/build/venv/bin/python" "$root/bench/plan_pyiceberg.py" "$1/t/metadata/v1.metadata.json" "$2" 2>"$work/python.log"
}

# compare DIR CASE RIVAL GOAL: one rival's and Firn's line; their files must agree.
compare() {
    local dir=$1 what=$2 rival=$3 goal=$4 theirs ours t_s t_first t_files t_deletes t_mb o_s o_first o_files o_deletes o_mb aim=()
    theirs=$("${rival}_plan" "$dir" "$what" | tail -n 1) || { note "$rival: left out"; return 0; }
    ours=$("$programs/bench_plan" run "$dir" "$what" "$repeats")
    IFS=$'\t' read -r t_s t_first t_files t_deletes t_mb <<<"$theirs"
    IFS=$'\t' read -r o_s o_first o_files o_deletes o_mb <<<"$ours"
    [[ $t_files == "$o_files" && $t_deletes == "$o_deletes" ]] ||
        note "$what: $rival plans $t_files files and $t_deletes deletes, Firn $o_files and $o_deletes"
    [[ -n $goal ]] && aim=("$goal times as fast" "ratio >= $goal")
    row "$what ($o_files files, $o_deletes deletes)" s "$rival" "$t_s" "$o_s" lower "${aim[@]}"
    row "  to the first file" s "$rival" "$t_first" "$o_first" lower
    row "  peak memory" MB "$rival" "$t_mb" "$o_mb" lower "under 64 MB" "firn < 64"
}

for rival in java python; do
    fast=5
    [[ $rival == python ]] && fast=80
    head_line "planning $files files" "$rival"
    for what in full partition point range; do
        goal=
        [[ $what == full ]] && goal=$fast
        compare "$dir" $what $rival "$goal"
    done
    head_line "planning $((files / 5)) files with $((files / 10)) deletion vectors" "$rival"
    compare "$small" full $rival ""
done
head_line "with what is left of the filter for each file" "without"
without=$("$programs/bench_plan" run "$dir" range "$repeats" | cut -f1)
row "range" s without "$without" "$("$programs/bench_plan" run "$dir" residual "$repeats" | cut -f1)" lower
