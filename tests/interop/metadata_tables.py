# SPDX-License-Identifier: Apache-2.0
"""metadata_tables.py FIRN DATA WORK: Firn's metadata tables beside PyIceberg's table.inspect, over WORK/tables.

Ends with "N passed, N failed"."""

import base64
import json
import subprocess
import sys

import pyarrow
from pyiceberg.table import StaticTable

firn, data, work = sys.argv[1:4]
passed = failed = 0

SNAPSHOTS = "epoch_ms(committed_at) AS committed_at, snapshot_id, parent_id, operation, manifest_list"
REFS = "name, type, snapshot_id, max_reference_age_in_ms, min_snapshots_to_keep, max_snapshot_age_in_ms"
HISTORY = "epoch_ms(made_current_at) AS made_current_at, snapshot_id, parent_id, is_current_ancestor"
MANIFESTS = "content, path, length, partition_spec_id, added_snapshot_id, added_data_files_count, existing_data_files_count, " \
    "deleted_data_files_count, added_delete_files_count, existing_delete_files_count, deleted_delete_files_count"
FILES = "content, file_path, file_format, spec_id, record_count, file_size_in_bytes, sort_order_id"
LOG = "epoch_ms(timestamp) AS timestamp, latest_snapshot_id, latest_schema_id, latest_sequence_number"
PARTITIONS = "record_count, file_count, total_data_file_size_in_bytes, position_delete_record_count, position_delete_file_count, " \
    "last_updated_snapshot_id, epoch_ms(last_updated_at) AS last_updated_at"


def check(name, good, detail=""):
    global passed, failed
    if good:
        passed += 1
    else:
        failed += 1
        print(f"FAILED {name} {detail}"[:1500])


def sql(text):
    out = subprocess.run([firn, "--data", data, "sql", "--format", "json", "-c", text], capture_output=True, text=True)
    if out.returncode:
        raise RuntimeError(f"{text}: {out.stderr}")
    return json.loads(out.stdout)


def plain(value):
    if hasattr(value, "timestamp"):
        from datetime import timezone
        return round(value.replace(tzinfo=timezone.utc).timestamp() * 1000)
    return value


def quoted(name):
    ns, _, table = name.partition(".")
    return '"' + ns.replace('"', '""') + '"', table.replace('"', '""')


def compare(name, kind, columns, theirs):
    ns, table = quoted(name)
    mine = sql(f'SELECT {columns} FROM {ns}."{table}${kind}"')
    keys = [c.strip().split(" AS ")[-1] for c in columns.replace("epoch_ms(", "").replace(")", "").split(",")]
    rows = [[plain(r.get(k)) for k in keys] for r in theirs.to_pylist()]
    mine = [[r[k] for k in keys] for r in mine]
    rows.sort(key=repr), mine.sort(key=repr)
    check(f"{name}.{kind}", rows == mine, f"\n theirs {rows[:2]}\n ours   {mine[:2]}")


def bounds(name, table):
    """Metrics by field id: counts, and bounds as bytes."""
    ns, t = quoted(name)
    maps = ["column_sizes", "value_counts", "null_value_counts", "nan_value_counts", "lower_bounds", "upper_bounds"]
    mine = {r["file_path"]: r for r in sql(f'SELECT file_path, {", ".join(maps)} FROM {ns}."{t}$data_files"')}
    for row in table.inspect.data_files().to_pylist():
        for m in maps:
            theirs = {k: v for k, v in (row[m] or [])}
            ours = {}
            for pair in mine[row["file_path"]][m] or []:
                v = pair["value"]
                ours[pair["key"]] = base64.b64decode(v) if m.endswith("bounds") else v
            if theirs != ours:
                check(f"{name}: {m}", False, f"{theirs} and {ours}")
                return
    check(f"{name}: metrics", True)


def check_table(name, location):
    table = StaticTable.from_metadata(location)
    compare(name, "snapshots", SNAPSHOTS, table.inspect.snapshots())
    compare(name, "refs", REFS, table.inspect.refs())
    compare(name, "history", HISTORY, table.inspect.history())
    compare(name, "metadata_log_entries", LOG, table.inspect.metadata_log_entries())
    if table.current_snapshot() is None:
        return
    compare(name, "manifests", MANIFESTS, table.inspect.manifests())
    compare(name, "files", FILES, table.inspect.files())
    compare(name, "data_files", FILES, table.inspect.data_files())
    compare(name, "delete_files", FILES, table.inspect.delete_files())
    compare(name, "all_manifests", MANIFESTS + ", reference_snapshot_id", table.inspect.all_manifests())
    compare(name, "partitions", PARTITIONS, table.inspect.partitions())
    bounds(name, table)


with open(f"{work}/tables") as lines:
    for line in lines:
        # the location begins with a slash: names may hold blanks
        name, _, location = line.rstrip("\n").partition(" /")
        try:
            check_table(name, "/" + location)
        except pyarrow.ArrowNotImplementedError as e:
            print(f"{name}: PyIceberg cannot show it: {e}")  # bounds of uuid columns, in 0.12
        except Exception as e:
            check(name, False, f"{type(e).__name__}: {e}")
print(f"{passed} passed, {failed} failed")
