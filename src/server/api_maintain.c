/* SPDX-License-Identifier: Apache-2.0
 *
 * Maintenance of tables: what the procedures of SQL do (sql/procedures.c), as requests. */
#include "base/time.h"
#include "base/vec.h"
#include "iceberg/expire.h"
#include "server/tables_priv.h"
#include "server/upkeep.h"
#include "sql/lake.h"
#include "sql/maintain.h"

#define MAINTAIN_TIMEOUT_MS (24 * 3600 * 1000) /* large tables take their time */
#define IDS_MAX 100000

/* --- bodies --- */

static bool opt_time(const struct json *doc, const char *key, int64_t fallback, int64_t *out,
                     struct error *err)
{
    const struct json *v = json_get(doc, key);
    *out = fallback;
    return !v || v->kind == JSON_NULL || body_time(doc, key, out, err);
}

static bool read_ids(const struct json *doc, const char *key, struct arena *a, int64_t **out,
                     size_t *n, struct error *err)
{
    const struct json *list;
    VEC(int64_t) ids = { 0 };
    if (!json_opt_array(doc, key, &list, err))
        return false;
    for (size_t i = 0; list && i < list->array.n; i++) {
        if (list->array.items[i].kind != JSON_INT || ids.n == IDS_MAX)
            return fail(err, ERR_INVALID, "%s has to be a list of at most %d whole numbers", key,
                        IDS_MAX);
        *vec_push(a, &ids) = list->array.items[i].i;
    }
    *out = ids.at;
    *n = ids.n;
    return true;
}

/* --- expire --- */

static void write_expired(const struct catalog_expire_result *r, bool dry_run,
                          struct json_writer *w)
{
    jw_begin_object(w);
    jw_kv_bool(w, "dry_run", dry_run);
    jw_kv_int(w, "snapshots", r->snapshots);
    jw_kv_int(w, "refs", r->refs);
    jw_kv_int(w, "specs", r->specs);
    jw_kv_int(w, "schemas", r->schemas);
    jw_kv_int(w, "data_files", r->files[REACH_DATA_FILE]);
    jw_kv_int(w, "position_delete_files", r->files[REACH_POSITION_DELETES]);
    jw_kv_int(w, "equality_delete_files", r->files[REACH_EQUALITY_DELETES]);
    jw_kv_int(w, "manifests", r->files[REACH_MANIFEST]);
    jw_kv_int(w, "manifest_lists", r->files[REACH_MANIFEST_LIST]);
    jw_kv_int(w, "statistics_files", r->files[REACH_STATISTICS]);
    kv_text(w, "commit_id", r->commit_id);
    jw_end_object(w);
}

static bool expire(struct app *app, struct api_request *req, struct api_answer *answer,
                   struct json_writer *w, struct error *err)
{
    const struct json *doc;
    struct catalog_expire_options o = { 0 };
    struct catalog_expire_result done;
    int64_t retain, *ids = NULL;
    str branch, ns, name;
    (void)answer;
    if (!api_body(req, &doc, err) ||
        !body_only(doc, "older_than retain_last snapshot_ids clean_metadata dry_run branch", err) ||
        !opt_time(doc, "older_than", EXPIRE_AGE_NONE, &o.older_than_ms, err) ||
        !json_opt_int(doc, "retain_last", 0, &retain, err) ||
        !read_ids(doc, "snapshot_ids", req->arena, &ids, &o.ids_n, err) ||
        !json_opt_bool(doc, "clean_metadata", false, &o.clean_metadata, err) ||
        !json_opt_bool(doc, "dry_run", false, &o.dry_run, err) ||
        !json_opt_str(doc, "branch", api_query(req, "branch", ""), &branch, err) ||
        !name_split(req->params[0], req->arena, &ns, &name, err))
        return false;
    if (retain < 0 || retain > INT32_MAX)
        return fail(err, ERR_INVALID, "retain_last is %lld and has to be from 1 to %d",
                    (long long)retain, INT32_MAX);
    struct write_info info = request_write_info(req, MAINTAIN_TIMEOUT_MS);
    o.retain_last = (int32_t)retain;
    o.ids = ids;
    o.cancel = info.cancel;
    info.commit.message =
        arena_printf(req->arena, "expire snapshots of " STR_FMT, STR_ARG(req->params[0]));
    if (!catalog_expire(app->lake->catalog, branch, ns, name, &o, &info, req->arena, &done, err))
        return false;
    write_expired(&done, o.dry_run, w);
    return true;
}

/* --- compact --- */

static bool read_options(const struct json *doc, struct compact_request *out, struct error *err)
{
    struct rewrite_options *o = &out->options;
    const struct {
        const char *key;
        int64_t *to;
    } numbers[] = {
        { "target_bytes", &o->target_bytes },
        { "min_bytes", &o->min_bytes },
        { "max_bytes", &o->max_bytes },
        { "group_bytes", &o->group_bytes },
        { "min_input_files", &o->min_input_files },
        { "delete_files", &o->delete_files },
        { "max_commits", &out->max_commits },
    };
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        if (!json_opt_int(doc, numbers[i].key, 0, numbers[i].to, err))
            return false;
        if (*numbers[i].to < 0)
            return fail(err, ERR_INVALID, "%s is negative", numbers[i].key);
    }
    bool keep;
    if (!json_opt_bool(doc, "keep_dangling", false, &keep, err))
        return false;
    out->drop_dangling = !keep;
    return json_opt_f64(doc, "delete_ratio", 0, &o->delete_ratio, err) &&
           json_opt_bool(doc, "all", false, &o->all, err) &&
           json_opt_bool(doc, "partial_progress", false, &out->partial_progress, err) &&
           json_opt_bool(doc, "dry_run", false, &out->dry_run, err) &&
           json_opt_str(doc, "strategy", (str){ 0 }, &out->strategy, err) &&
           json_opt_str(doc, "sort_order", (str){ 0 }, &out->sort_order, err) &&
           json_opt_str(doc, "where", (str){ 0 }, &out->where, err);
}

static bool compact(struct app *app, struct api_request *req, struct api_answer *answer,
                    struct json_writer *w, struct error *err)
{
    const struct json *doc;
    struct compact_result done;
    struct compact_request c = { .table = req->params[0], .access = req->access };
    (void)answer;
    if (!api_body(req, &doc, err) ||
        !body_only(doc,
                   "target_bytes min_bytes max_bytes group_bytes min_input_files delete_files "
                   "delete_ratio all where strategy sort_order partial_progress max_commits "
                   "keep_dangling dry_run branch",
                   err) ||
        !read_options(doc, &c, err) ||
        !json_opt_str(doc, "branch", api_query(req, "branch", ""), &c.branch, err))
        return false;
    c.cancel = request_cancel(req, MAINTAIN_TIMEOUT_MS);
    c.progress = req->progress;
    if (!maintain_compact(app->lake, &c, req->arena, &done, err))
        return false;
    jw_begin_object(w);
    jw_kv_bool(w, "dry_run", c.dry_run);
    jw_kv_int(w, "groups", done.groups);
    jw_kv_int(w, "files", done.files);
    jw_kv_int(w, "bytes", done.bytes);
    jw_kv_int(w, "files_written", done.files_written);
    jw_kv_int(w, "delete_files", done.delete_files);
    jw_kv_int(w, "failed_files", done.failed_files);
    jw_kv_int(w, "commits", done.commits);
    kv_snapshot(w, "snapshot_id", done.snapshot_id);
    kv_text(w, "commit_id", done.commit_id);
    jw_end_object(w);
    return true;
}

/* --- delete files --- */

static bool read_deletes(const struct json *doc, struct deletes_request *r, struct error *err)
{
    const struct {
        const char *key;
        int64_t *to;
    } numbers[] = { { "target_bytes", &r->target_bytes },
                    { "min_bytes", &r->min_bytes },
                    { "max_bytes", &r->max_bytes },
                    { "min_input_files", &r->min_input_files } };
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        if (!json_opt_int(doc, numbers[i].key, 0, numbers[i].to, err))
            return false;
        if (*numbers[i].to < 0)
            return fail(err, ERR_INVALID, "%s is negative", numbers[i].key);
    }
    return json_opt_bool(doc, "all", false, &r->all, err) &&
           json_opt_bool(doc, "equality", false, &r->equality, err) &&
           json_opt_bool(doc, "only_dangling", false, &r->only_dangling, err) &&
           json_opt_bool(doc, "dry_run", false, &r->dry_run, err) &&
           json_opt_str(doc, "where", (str){ 0 }, &r->where, err);
}

static bool rewrite_deletes(struct app *app, struct api_request *req, struct api_answer *answer,
                            struct json_writer *w, struct error *err)
{
    const struct json *doc;
    struct deletes_outcome done;
    struct deletes_request r = { .table = req->params[0],
                                 .access = req->access,
                                 .drop_dangling = true };
    (void)answer;
    if (!api_body(req, &doc, err) ||
        !body_only(doc,
                   "target_bytes min_bytes max_bytes min_input_files all where equality "
                   "only_dangling dry_run branch",
                   err) ||
        !read_deletes(doc, &r, err) ||
        !json_opt_str(doc, "branch", api_query(req, "branch", ""), &r.branch, err))
        return false;
    r.cancel = request_cancel(req, MAINTAIN_TIMEOUT_MS);
    if (!maintain_deletes(app->lake, &r, req->arena, &done, err))
        return false;
    jw_begin_object(w);
    jw_kv_bool(w, "dry_run", r.dry_run);
    jw_kv_int(w, "rewritten_files", done.rewritten_files);
    jw_kv_int(w, "rewritten_bytes", done.rewritten_bytes);
    jw_kv_int(w, "added_files", done.added_files);
    jw_kv_int(w, "added_bytes", done.added_bytes);
    jw_kv_int(w, "dangling", done.dangling);
    kv_snapshot(w, "snapshot_id", done.snapshot_id);
    kv_text(w, "commit_id", done.commit_id);
    jw_end_object(w);
    return true;
}

/* --- manifests --- */

static bool rewrite_manifests(struct app *app, struct api_request *req, struct api_answer *answer,
                              struct json_writer *w, struct error *err)
{
    const struct json *doc;
    struct write_info info = request_write_info(req, MAINTAIN_TIMEOUT_MS);
    struct manifests_request r = { .table = req->params[0], .info = &info };
    struct manifests_outcome done;
    struct manifests_options *o = &r.options;
    (void)answer;
    if (!api_body(req, &doc, err) ||
        !body_only(doc, "spec_id target_bytes all dry_run branch", err) ||
        !json_opt_i32(doc, "spec_id", MANIFESTS_SPEC_DEFAULT, &o->spec_id, err) ||
        !json_opt_int(doc, "target_bytes", 0, &o->target_bytes, err) ||
        !json_opt_bool(doc, "all", false, &o->all, err) ||
        !json_opt_bool(doc, "dry_run", false, &r.dry_run, err) ||
        !json_opt_str(doc, "branch", api_query(req, "branch", ""), &r.branch, err))
        return false;
    if (o->target_bytes < 0 || o->spec_id < MANIFESTS_SPEC_DEFAULT)
        return fail(err, ERR_INVALID, "target_bytes and spec_id are not negative");
    o->cancel = info.cancel;
    info.commit.message =
        arena_printf(req->arena, "rewrite manifests of " STR_FMT, STR_ARG(req->params[0]));
    if (!maintain_manifests(app->lake, &r, req->arena, &done, err))
        return false;
    jw_begin_object(w);
    jw_kv_bool(w, "dry_run", r.dry_run);
    jw_kv_int(w, "rewritten", done.counts.rewritten);
    jw_kv_int(w, "added", done.counts.added);
    jw_kv_int(w, "kept", done.counts.kept);
    jw_kv_int(w, "entries", done.counts.entries);
    kv_snapshot(w, "snapshot_id", done.snapshot_id);
    kv_text(w, "commit_id", done.commit_id);
    jw_end_object(w);
    return true;
}

/* --- orphans --- */

/* {"s3a,s3n": "s3"} */
static bool read_equals(const struct json *doc, const char *key, struct arena *a,
                        const struct orphans_equal **out, size_t *n, struct error *err)
{
    const struct json *map;
    struct orphans_equal *list;
    VEC(str) pairs = { 0 };
    if (!json_opt_obj(doc, key, &map, err))
        return false;
    for (size_t i = 0; map && i < map->object.n; i++) {
        const struct json_member *m = &map->object.members[i];
        if (m->value.kind != JSON_STR)
            return fail(err, ERR_INVALID, "%s has to be an object of texts", key);
        *vec_push(a, &pairs) = m->key;
        *vec_push(a, &pairs) = m->value.s;
    }
    bool ok = orphans_equals(pairs.at, pairs.n, a, &list, n, err);
    *out = list;
    return ok;
}

static bool read_orphans(const struct json *doc, struct arena *a, struct orphans_options *o,
                         struct error *err)
{
    str mode;
    return opt_time(doc, "older_than", INT64_MIN, &o->older_than_ms, err) &&
           json_opt_str(doc, "location", (str){ 0 }, &o->location, err) &&
           json_opt_bool(doc, "dry_run", false, &o->dry_run, err) &&
           json_opt_bool(doc, "any_age", false, &o->any_age, err) &&
           json_opt_str(doc, "prefix_mismatch_mode", (str){ 0 }, &mode, err) &&
           orphans_mismatch_parse(mode, &o->mismatch, err) &&
           read_equals(doc, "equal_schemes", a, &o->schemes, &o->schemes_n, err) &&
           read_equals(doc, "equal_authorities", a, &o->authorities, &o->authorities_n, err);
}

static bool orphans(struct app *app, struct api_request *req, struct api_answer *answer,
                    struct json_writer *w, struct error *err)
{
    const struct json *doc;
    struct orphan_locations found = { .a = req->arena };
    struct orphans_options o = { .fn = orphan_locations_add, .ctx = &found };
    struct orphans_result done;
    str branch;
    (void)answer;
    if (!api_body(req, &doc, err) ||
        !body_only(doc,
                   "older_than location dry_run any_age prefix_mismatch_mode equal_schemes "
                   "equal_authorities branch",
                   err) ||
        !read_orphans(doc, req->arena, &o, err) ||
        !json_opt_str(doc, "branch", api_query(req, "branch", ""), &branch, err))
        return false;
    o.cancel = request_cancel(req, MAINTAIN_TIMEOUT_MS);
    if (!maintain_orphans(app->lake, branch, req->params[0], &o, req->arena, &done, err))
        return false;
    jw_begin_object(w);
    jw_kv_bool(w, "dry_run", o.dry_run);
    jw_kv_int(w, "listed", done.listed);
    jw_kv_int(w, "young", done.young);
    jw_kv_int(w, "removed", done.removed);
    jw_kv_int(w, "bytes", done.bytes);
    jw_kv_array(w, "locations");
    for (size_t i = 0; i < found.list.n; i++)
        jw_str(w, found.list.at[i]);
    jw_end_array(w);
    jw_end_object(w);
    return true;
}

/* --- collect --- */

static bool collect(struct app *app, struct api_request *req, struct api_answer *answer,
                    struct json_writer *w, struct error *err)
{
    const struct json *doc;
    struct collect_result done;
    int64_t safety_us = COLLECT_SAFETY_US;
    bool dry_run;
    str text;
    (void)answer;
    if (!api_body(req, &doc, err) || !body_only(doc, "safety_age dry_run", err) ||
        !json_opt_str(doc, "safety_age", (str){ 0 }, &text, err) ||
        !json_opt_bool(doc, "dry_run", false, &dry_run, err))
        return false;
    if (text.len && !time_parse_duration(text, &safety_us))
        return fail(err, ERR_INVALID, "safety_age: \"" STR_FMT "\" is not a duration like 3d",
                    STR_ARG(text));
    if (!maintain_collect(app->lake, safety_us, dry_run, request_cancel(req, MAINTAIN_TIMEOUT_MS),
                          req->arena, &done, err))
        return false;
    jw_begin_object(w);
    jw_kv_bool(w, "dry_run", dry_run);
    jw_kv_int(w, "listed", done.listed);
    jw_kv_int(w, "waiting", done.waiting);
    jw_kv_int(w, "in_use", done.in_use);
    jw_kv_int(w, "removed", done.removed);
    jw_kv_int(w, "bytes", done.bytes);
    jw_kv_bool(w, "more", done.more);
    jw_end_object(w);
    return true;
}

/* --- what runs by itself --- */

static bool tell_upkeep(struct app *app, struct api_request *req, struct api_answer *answer,
                        struct json_writer *w, struct error *err)
{
    (void)answer;
    return upkeep_write(app->upkeep, req->arena, w, err);
}

const struct route maintain_routes[] = {
    ROUTE("GET", "/api/maintenance", PERMISSION_ADMIN, tell_upkeep,
          "What the server's own maintenance did: each table's last and next run"),
    ROUTE(
        "POST", "/api/tables/{name}/expire", PERMISSION_WRITE, expire,
        "Expire snapshots: {older_than, retain_last, snapshot_ids, clean_metadata, dry_run, branch}",
        .slow = true),
    ROUTE(
        "POST", "/api/tables/{name}/compact", PERMISSION_WRITE, compact,
        "Write small, large and much deleted files again: {target_bytes, min_input_files, delete_files, "
        "all, where, strategy, sort_order, partial_progress, keep_dangling, dry_run, branch ...}",
        .slow = true),
    ROUTE(
        "POST", "/api/tables/{name}/rewrite-deletes", PERMISSION_WRITE, rewrite_deletes,
        "Write delete files again: {target_bytes, min_input_files, all, where, equality, only_dangling, "
        "dry_run, branch ...}",
        .slow = true),
    ROUTE(
        "POST", "/api/tables/{name}/rewrite-manifests", PERMISSION_WRITE, rewrite_manifests,
        "Write manifests again, clustered by partition: {spec_id, target_bytes, all, dry_run, branch}",
        .slow = true),
    ROUTE(
        "POST", "/api/tables/{name}/orphans", PERMISSION_WRITE, orphans,
        "Remove files in the table's folder that nothing names: {older_than, location, dry_run, any_age, "
        "prefix_mismatch_mode, equal_schemes, equal_authorities, branch}",
        .slow = true),
    ROUTE("POST", "/api/garbage/collect", PERMISSION_ADMIN, collect,
          "Remove files that nothing needs any more: {safety_age, dry_run}", .slow = true),
    { 0 },
};
