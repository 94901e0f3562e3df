/* SPDX-License-Identifier: Apache-2.0
 *
 * The procedures of CALL, with the names, arguments and answers of Iceberg's Spark procedures where there is one. */
#include "base/time.h"
#include "govern/access.h"
#include "iceberg/expire.h"
#include "iceberg/metadata.h"
#include "sql/lake.h"
#include "sql/maintain.h"
#include "sql/procedure_priv.h"

/* Deletes nothing itself: files go to the list of garbage (catalog/garbage.h), and are counted. */
static bool expire_snapshots(struct call *c, struct error *err)
{
    struct catalog_expire_options o = { .cancel = c->run->req->cancel };
    struct catalog_expire_result done;
    struct write_info info = call_info(c);
    int64_t retain, ignored, *ids;
    bool stream;
    str ns, name;
    if (!call_table(c, TABLE_REMOVE_SNAPSHOTS, &ns, &name, err) ||
        !call_time(c, "older_than", EXPIRE_AGE_NONE, &o.older_than_ms, err) ||
        !call_int(c, "retain_last", 0, 1, &retain, err) ||
        !call_int(c, "max_concurrent_deletes", 0, 1, &ignored, err) ||
        !call_bool(c, "stream_results", false, &stream, err) ||
        !call_ints(c, "snapshot_ids", &ids, &o.ids_n, err) ||
        !call_bool(c, "clean_expired_metadata", false, &o.clean_metadata, err))
        return false;
    if (retain > INT32_MAX)
        return fail(err, ERR_INVALID, "retain_last is too large");
    o.retain_last = (int32_t)retain;
    o.ids = ids;
    if (!catalog_expire(c->run->lake->catalog, c->run->req->branch, ns, name, &o, &info, c->run->a,
                        &done, err))
        return false;
    c->run->out->commit_id = done.commit_id;
    return call_answer(c,
                       "deleted_data_files_count deleted_position_delete_files_count "
                       "deleted_equality_delete_files_count deleted_manifest_files_count "
                       "deleted_manifest_lists_count deleted_statistics_files_count",
                       (int64_t[]){ done.files[REACH_DATA_FILE], done.files[REACH_POSITION_DELETES],
                                    done.files[REACH_EQUALITY_DELETES], done.files[REACH_MANIFEST],
                                    done.files[REACH_MANIFEST_LIST], done.files[REACH_STATISTICS] },
                       err);
}

static bool collect_garbage(struct call *c, struct error *err)
{
    struct collect_result done;
    int64_t safety_us = COLLECT_SAFETY_US;
    bool dry_run;
    str text;
    if (!access_check_in(c->run->lake->govern, c->run->req->access, SERVICE_OPERATE,
                         &SECURE_SERVICE, (str){ 0 }, err) ||
        !call_text(c, "safety_age", (str){ 0 }, &text, err) ||
        !call_bool(c, "dry_run", false, &dry_run, err))
        return false;
    if (text.len && !time_parse_duration(text, &safety_us))
        return fail(err, ERR_INVALID, "the argument safety_age has to be a duration like '3d'");
    return maintain_collect(c->run->lake, safety_us, dry_run, c->run->req->cancel, c->run->a, &done,
                            err) &&
           call_answer(
               c, "listed waiting in_use removed_files_count removed_bytes",
               (int64_t[]){ done.listed, done.waiting, done.in_use, done.removed, done.bytes },
               err);
}

const struct procedure procedures[] = {
    { "rewrite_data_files", "table strategy sort_order options where branch",
      procedure_rewrite_data_files },
    { "rewrite_position_delete_files", "table options where branch",
      procedure_rewrite_position_delete_files },
    { "rewrite_manifests", "table use_caching spec_id sort_by branch",
      procedure_rewrite_manifests },
    { "expire_snapshots",
      "table older_than retain_last max_concurrent_deletes stream_results snapshot_ids "
      "clean_expired_metadata",
      expire_snapshots },
    { "remove_orphan_files",
      "table older_than location dry_run max_concurrent_deletes file_list_view equal_schemes "
      "equal_authorities prefix_mismatch_mode prefix_listing stream_results any_age",
      procedure_remove_orphan_files },
    { "collect_garbage", "safety_age dry_run", collect_garbage },
    { "rollback_to_snapshot", "table snapshot_id branch", call_rollback_to_snapshot },
    { "rollback_to_timestamp", "table timestamp branch", call_rollback_to_timestamp },
    { "set_current_snapshot", "table snapshot_id ref branch", call_set_current_snapshot },
    { "cherrypick_snapshot", "table snapshot_id branch", call_cherrypick_snapshot },
    { "publish_changes", "table wap_id branch", call_publish_changes },
    { "fast_forward", "table branch to", call_fast_forward },
    { "ancestors_of", "table snapshot_id", call_ancestors_of },
    { "register_table", "table metadata_file", call_register_table },
    { "upgrade", "table format_version", call_upgrade },
    { "add_files", "table source_table partition_filter check_duplicate_files parallelism branch",
      call_add_files },
    { "compute_table_stats", "table snapshot_id columns", call_compute_table_stats },
    { "create_changelog_view",
      "table changelog_view options compute_updates identifier_columns net_changes "
      "remove_carryovers",
      call_create_changelog_view },
    { "compute_partition_stats", "table snapshot_id", call_compute_partition_stats },
    { 0 },
};
