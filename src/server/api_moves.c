/* SPDX-License-Identifier: Apache-2.0
 *
 * A table's snapshots, format version and files as requests: what the procedures of SQL do (sql/procedures_snapshots.c,
 * procedures_files.c).  "branch" is the catalog's, "table_branch" the table's own. */
#include "base/vec.h"
#include "catalog/moves.h"
#include "server/tables_priv.h"
#include "sql/add_files.h"
#include "sql/lake.h"

#define MOVE_TIMEOUT_MS (3600 * 1000)

/* What all requests of this file begin with. */
struct begun {
    const struct json *doc;
    str branch, ns, name;
    bool dry_run;
};

static bool begin(struct api_request *req, const char *members, struct begun *b, struct error *err)
{
    return api_body(req, &b->doc, err) && body_only(b->doc, members, err) &&
           json_opt_bool(b->doc, "dry_run", false, &b->dry_run, err) &&
           json_opt_str(b->doc, "branch", api_query(req, "branch", ""), &b->branch, err) &&
           name_split(req->params[0], req->arena, &b->ns, &b->name, err);
}

static bool answer_move(struct app *app, struct api_request *req, const struct begun *b,
                        struct move *v, const char *what, struct json_writer *w, struct error *err)
{
    struct write_info info = request_write_info(req, MOVE_TIMEOUT_MS);
    struct moved done;
    v->dry_run = b->dry_run;
    info.commit.message = arena_printf(req->arena, "%s " STR_FMT, what, STR_ARG(req->params[0]));
    if (!json_opt_str(b->doc, "table_branch", (str){ 0 }, &v->branch, err) ||
        !catalog_move(app->lake->catalog, b->branch, b->ns, b->name, v, &info, req->arena, &done,
                      err))
        return false;
    jw_begin_object(w);
    jw_kv_str(w, "name", name_to_text(b->ns, b->name, req->arena));
    jw_kv_bool(w, "dry_run", b->dry_run);
    kv_snapshot(w, "source_snapshot_id", done.source_id);
    kv_snapshot(w, "previous_snapshot_id", done.previous_id);
    kv_snapshot(w, "snapshot_id", done.current_id);
    if (v->kind == MOVE_CHERRY_PICK || v->kind == MOVE_PUBLISH)
        jw_kv_bool(w, "fast_forward", done.fast_forward);
    kv_text(w, "commit_id", done.commit_id);
    jw_end_object(w);
    return true;
}

static bool roll_back(struct app *app, struct api_request *req, struct api_answer *answer,
                      struct json_writer *w, struct error *err)
{
    struct begun b;
    struct move v = { .kind = MOVE_ROLLBACK };
    (void)answer;
    if (!begin(req, "snapshot_id timestamp table_branch dry_run branch", &b, err))
        return false;
    bool by_time = json_get(b.doc, "timestamp") != NULL;
    if (by_time && json_get(b.doc, "snapshot_id"))
        return fail(err, ERR_INVALID, "either snapshot_id or timestamp, not both");
    if (by_time)
        v.kind = MOVE_ROLLBACK_TIME;
    if (by_time ? !body_time(b.doc, "timestamp", &v.timestamp_ms, err)
                : !json_need_int(b.doc, "snapshot_id", &v.snapshot_id, err))
        return false;
    if (answer_move(app, req, &b, &v, "roll back", w, err))
        return true;
    return err->code == ERR_NOT_FOUND
               ? fail_hint(err, "GET /api/tables/{name}/snapshots lists the snapshots")
               : false;
}

static bool cherry_pick(struct app *app, struct api_request *req, struct api_answer *answer,
                        struct json_writer *w, struct error *err)
{
    struct begun b;
    struct move v = { .kind = MOVE_CHERRY_PICK };
    (void)answer;
    if (!begin(req, "snapshot_id wap_id table_branch dry_run branch", &b, err) ||
        !json_opt_str(b.doc, "wap_id", (str){ 0 }, &v.wap_id, err))
        return false;
    if (v.wap_id.len && json_get(b.doc, "snapshot_id"))
        return fail(err, ERR_INVALID, "either snapshot_id or wap_id, not both");
    if (v.wap_id.len)
        v.kind = MOVE_PUBLISH;
    else if (!json_need_int(b.doc, "snapshot_id", &v.snapshot_id, err))
        return false;
    return answer_move(app, req, &b, &v, "cherry-pick in", w, err);
}

static bool upgrade(struct app *app, struct api_request *req, struct api_answer *answer,
                    struct json_writer *w, struct error *err)
{
    struct begun b;
    int32_t version;
    int was;
    str commit_id;
    (void)answer;
    if (!begin(req, "format_version dry_run branch", &b, err) ||
        !json_need_i32(b.doc, "format_version", &version, err))
        return false;
    struct write_info info = request_write_info(req, MOVE_TIMEOUT_MS);
    info.commit.message = arena_printf(req->arena, "upgrade " STR_FMT " to format version %d",
                                       STR_ARG(req->params[0]), (int)version);
    if (!catalog_upgrade_table(app->lake->catalog, b.branch, b.ns, b.name, (int)version, b.dry_run,
                               &info, req->arena, &was, &commit_id, err))
        return false;
    jw_begin_object(w);
    jw_kv_str(w, "name", name_to_text(b.ns, b.name, req->arena));
    jw_kv_bool(w, "dry_run", b.dry_run);
    jw_kv_int(w, "previous_format_version", was);
    jw_kv_int(w, "format_version", version);
    kv_text(w, "commit_id", commit_id);
    jw_end_object(w);
    return true;
}

/* {"p": "a"}: values of folders, as texts. */
static bool read_only(const struct json *doc, struct arena *a, struct add_files_request *out,
                      struct error *err)
{
    const struct json *map;
    VEC(struct property) values = { 0 };
    if (!json_opt_obj(doc, "only", &map, err))
        return false;
    for (size_t i = 0; map && i < map->object.n; i++) {
        const struct json_member *m = &map->object.members[i];
        if (m->value.kind != JSON_STR)
            return fail(err, ERR_INVALID, "only: the value of \"" STR_FMT "\" has to be a text",
                        STR_ARG(m->key));
        *vec_push(a, &values) = (struct property){ m->key, m->value.s };
    }
    out->only = values.at;
    out->only_n = values.n;
    return true;
}

static bool add(struct app *app, struct api_request *req, struct api_answer *answer,
                struct json_writer *w, struct error *err)
{
    struct begun b;
    struct add_files_request r = { .table = req->params[0], .access = req->access };
    struct add_files_result done;
    str from;
    (void)answer;
    if (!begin(req, "source from_table only allow_duplicates table_branch dry_run branch", &b,
               err) ||
        !json_opt_str(b.doc, "source", (str){ 0 }, &r.source, err) ||
        !json_opt_str(b.doc, "from_table", (str){ 0 }, &from, err) ||
        !json_opt_bool(b.doc, "allow_duplicates", false, &r.allow_duplicates, err) ||
        !json_opt_str(b.doc, "table_branch", (str){ 0 }, &r.table_branch, err) ||
        !read_only(b.doc, req->arena, &r, err))
        return false;
    if ((r.source.len > 0) == (from.len > 0))
        return fail(err, ERR_INVALID,
                    "either source (a folder, file or pattern) or from_table has to be given");
    r.from_table = from.len > 0;
    r.source = from.len ? from : r.source;
    r.branch = b.branch;
    r.dry_run = b.dry_run;
    r.cancel = request_cancel(req, MOVE_TIMEOUT_MS);
    if (!add_files(app->lake, &r, req->arena, &done, err))
        return false;
    jw_begin_object(w);
    jw_kv_bool(w, "dry_run", b.dry_run);
    jw_kv_int(w, "files", done.files);
    jw_kv_int(w, "rows", done.rows);
    jw_kv_int(w, "bytes", done.bytes);
    jw_kv_int(w, "partitions", done.partitions);
    jw_kv_bool(w, "name_mapping_made", done.mapping);
    kv_snapshot(w, "snapshot_id", done.snapshot_id);
    kv_text(w, "commit_id", done.commit_id);
    jw_end_object(w);
    return true;
}

const struct route moves_routes[] = {
    ROUTE(
        "POST", "/api/tables/{name}/rollback", PERMISSION_WRITE, roll_back,
        "Make an earlier snapshot current again: {snapshot_id | timestamp, table_branch, dry_run, branch}",
        .slow = true),
    ROUTE(
        "POST", "/api/tables/{name}/cherry-pick", PERMISSION_WRITE, cherry_pick,
        "Take over what a snapshot did, or publish a staged one: {snapshot_id | wap_id, table_branch, dry_run, branch}",
        .slow = true),
    ROUTE("POST", "/api/tables/{name}/upgrade", PERMISSION_WRITE, upgrade,
          "Set the format version of a table: {format_version, dry_run, branch}", .slow = true),
    ROUTE(
        "POST", "/api/tables/{name}/add-files", PERMISSION_WRITE, add,
        "Add existing Parquet files: {source | from_table, only, allow_duplicates, table_branch, dry_run, branch}",
        .slow = true),
    { 0 },
};
