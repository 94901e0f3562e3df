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

/* --- rewrite_data_files --- */

/* Options that change nothing here: groups are written one after the other, in order. */
static bool is_moot(str key)
{
    static const char *const moot[] = { "max-concurrent-file-group-rewrites", "rewrite-job-order",
                                        "use-starting-sequence-number",
                                        "partial-progress.max-failed-commits" };
    for (size_t i = 0; i < sizeof moot / sizeof *moot; i++)
        if (str_is(key, moot[i]))
            return true;
    return false;
}

static bool wrong_option(str key, str value, struct error *err)
{
    return fail(err, ERR_INVALID, "the option " STR_FMT " cannot be \"" STR_FMT "\"", STR_ARG(key),
                STR_ARG(value));
}

static bool bool_option(str key, str value, bool *out, struct error *err)
{
    *out = str_eq_nocase(value, STR("true"));
    return *out || str_eq_nocase(value, STR("false")) || wrong_option(key, value, err);
}

static bool rewrite_option(struct compact_request *req, str key, str value, struct error *err)
{
    const struct {
        const char *key;
        int64_t *to;
    } numbers[] = {
        { "target-file-size-bytes", &req->options.target_bytes },
        { "min-file-size-bytes", &req->options.min_bytes },
        { "max-file-size-bytes", &req->options.max_bytes },
        { "max-file-group-size-bytes", &req->options.group_bytes },
        { "min-input-files", &req->options.min_input_files },
        { "delete-file-threshold", &req->options.delete_files },
        { "partial-progress.max-commits", &req->max_commits },
    };
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        if (str_is(key, numbers[i].key))
            return (str_to_i64(value, numbers[i].to) && *numbers[i].to > 0) ||
                   wrong_option(key, value, err);
    if (str_is(key, "delete-ratio-threshold"))
        return str_to_f64(value, &req->options.delete_ratio) || wrong_option(key, value, err);
    if (str_is(key, "rewrite-all"))
        return bool_option(key, value, &req->options.all, err);
    if (str_is(key, "partial-progress.enabled"))
        return bool_option(key, value, &req->partial_progress, err);
    return is_moot(key) ||
           fail(err, ERR_INVALID, "there is no option \"" STR_FMT "\" (or it is not supported)",
                STR_ARG(key));
}

static bool check_strategy(const struct call *c, struct error *err)
{
    str strategy, order;
    if (!call_text(c, "strategy", STR("binpack"), &strategy, err) ||
        !call_text(c, "sort_order", (str){ 0 }, &order, err))
        return false;
    if (!str_eq_nocase(strategy, STR("binpack")) && !str_eq_nocase(strategy, STR("sort")))
        return fail(err, ERR_INVALID, "the strategy is binpack or sort, not \"" STR_FMT "\"",
                    STR_ARG(strategy));
    return order.len == 0 ||
           fail(err, ERR_UNSUPPORTED,
                "sort_order is not supported: rows are sorted by the table's own order");
}

static bool rewrite_data_files(struct call *c, struct error *err)
{
    struct run *r = c->run;
    struct compact_request req = { .access = r->req->access, .cancel = r->req->cancel };
    struct compact_result done;
    const struct argument *options = call_argument(c, "options");
    str ns, name;
    if (!call_table(c, TABLE_WRITE_DATA, &ns, &name, err) || !check_strategy(c, err) ||
        !call_text(c, "table", (str){ 0 }, &req.table, err) ||
        !call_text(c, "where", (str){ 0 }, &req.where, err))
        return false;
    if (options->kind != ARGUMENT_NONE && options->kind != ARGUMENT_MAP)
        return fail(err, ERR_INVALID, "the argument options has to be a map");
    for (size_t i = 0; i < options->list_n; i += 2)
        if (!rewrite_option(&req, options->list[i], options->list[i + 1], err))
            return false;
    return run_compact(r, &req, &done, err) &&
           call_answer(c,
                       "rewritten_data_files_count added_data_files_count rewritten_bytes_count "
                       "failed_data_files_count removed_delete_files_count",
                       (int64_t[]){ done.files, done.files_written, done.bytes, done.failed_files,
                                    done.delete_files },
                       err);
}

const struct procedure procedures[] = {
    { "rewrite_data_files", "table strategy sort_order options where", rewrite_data_files },
    { "rewrite_manifests", "table use_caching spec_id sort_by", procedure_rewrite_manifests },
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
    { "compute_partition_stats", "table snapshot_id", call_compute_partition_stats },
    { 0 },
};
