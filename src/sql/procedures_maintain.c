/* SPDX-License-Identifier: Apache-2.0
 *
 * The procedures of CALL that keep a table's files in order, as Iceberg's Spark procedures are called and answer. */
#include "base/time.h"
#include "engine/udf.h"
#include "govern/access.h"
#include "sql/lake.h"
#include "sql/maintain.h"
#include "sql/procedure_priv.h"

/* --- remove_orphan_files --- */

static bool fill_location(void *ctx, size_t column, int64_t from, size_t n, void *out,
                          uint64_t *valid, struct error *err)
{
    const struct orphan_locations *l = ctx;
    (void)column, (void)valid, (void)err;
    for (size_t i = 0; i < n; i++)
        ((str *)out)[i] = l->list.at[(size_t)from + i];
    return true;
}

static bool answer_locations(struct call *c, struct orphan_locations *l, struct error *err)
{
    static const struct row_source_column columns[] = { { STR_INIT("orphan_file_location"),
                                                          "VARCHAR" } };
    struct row_source src = { .columns = columns,
                              .columns_n = 1,
                              .rows_n = (int64_t)l->list.n,
                              .fill = fill_location,
                              .ctx = l };
    struct row_source *kept = arena_new(c->run->a, struct row_source);
    str from;
    *kept = src;
    if (!rows_add(c->run->session, kept, c->run->a, &from, err))
        return false;
    str sql = arena_printf(c->run->a, "SELECT * FROM " STR_FMT " ORDER BY 1", STR_ARG(from));
    return session_query(c->run->session, sql, NULL, 0, &c->run->out->rows, err);
}

static bool read_equals(struct call *c, const char *name, struct orphans_equal **out, size_t *n,
                        struct error *err)
{
    const struct argument *x = call_argument(c, name);
    if (x->kind != ARGUMENT_NONE && x->kind != ARGUMENT_MAP)
        return fail(err, ERR_INVALID, "the argument %s has to be a map", name);
    return orphans_equals(x->list, x->list_n, c->run->a, out, n, err);
}

/* What Spark's procedure knows besides: how it lists and deletes. */
static bool read_ignored(struct call *c, struct error *err)
{
    int64_t number;
    bool flag;
    if (call_argument(c, "file_list_view")->kind != ARGUMENT_NONE)
        return fail(err, ERR_UNSUPPORTED,
                    "file_list_view is not supported: the folder itself is listed");
    return call_int(c, "max_concurrent_deletes", 0, 1, &number, err) &&
           call_bool(c, "prefix_listing", false, &flag, err) &&
           call_bool(c, "stream_results", false, &flag, err);
}

bool procedure_remove_orphan_files(struct call *c, struct error *err)
{
    struct run *r = c->run;
    struct orphan_locations found = { .a = r->a };
    struct orphans_options o = { .cancel = r->req->cancel,
                                 .fn = orphan_locations_add,
                                 .ctx = &found };
    struct orphans_result done;
    struct orphans_equal *schemes, *authorities;
    str ns, name, table, mode;
    if (!call_table(c, TABLE_WRITE_DATA, &ns, &name, err) ||
        !call_table(c, TABLE_REMOVE_SNAPSHOTS, &ns, &name, err) ||
        !call_text(c, "table", (str){ 0 }, &table, err) ||
        !call_time(c, "older_than", INT64_MIN, &o.older_than_ms, err) ||
        !call_text(c, "location", (str){ 0 }, &o.location, err) ||
        !call_bool(c, "dry_run", false, &o.dry_run, err) ||
        !call_bool(c, "any_age", false, &o.any_age, err) || !read_ignored(c, err) ||
        !read_equals(c, "equal_schemes", &schemes, &o.schemes_n, err) ||
        !read_equals(c, "equal_authorities", &authorities, &o.authorities_n, err) ||
        !call_text(c, "prefix_mismatch_mode", (str){ 0 }, &mode, err) ||
        !orphans_mismatch_parse(mode, &o.mismatch, err))
        return false;
    o.schemes = schemes;
    o.authorities = authorities;
    struct orphan_locations *kept = arena_new(r->a, struct orphan_locations);
    if (!maintain_orphans(r->lake, r->req->branch, table, &o, r->a, &done, err))
        return false;
    *kept = found;
    return answer_locations(c, kept, err);
}

/* --- rewrite_manifests --- */

bool procedure_rewrite_manifests(struct call *c, struct error *err)
{
    struct run *r = c->run;
    struct write_info info = call_info(c);
    struct manifests_request req = { .branch = r->req->branch, .info = &info };
    struct manifests_outcome done;
    int64_t spec;
    bool caching;
    str ns, name, branch;
    if (!call_table(c, TABLE_WRITE_DATA, &ns, &name, err) ||
        !call_text(c, "table", (str){ 0 }, &req.table, err) ||
        !call_text(c, "branch", (str){ 0 }, &branch, err) ||
        !call_bool(c, "use_caching", false, &caching, err) ||
        !call_int(c, "spec_id", MANIFESTS_SPEC_DEFAULT, 0, &spec, err))
        return false;
    if (call_argument(c, "sort_by")->kind != ARGUMENT_NONE)
        return fail(err, ERR_UNSUPPORTED,
                    "sort_by is not supported: manifests are clustered by all partition fields");
    if (spec > INT32_MAX)
        return fail(err, ERR_INVALID, "spec_id is too large");
    req.options = (struct manifests_options){ .branch = branch,
                                              .spec_id = (int32_t)spec,
                                              .cancel = r->req->cancel };
    if (!maintain_manifests(r->lake, &req, r->a, &done, err))
        return false;
    r->out->snapshot_id = done.snapshot_id;
    r->out->commit_id = done.commit_id;
    return call_answer(c, "rewritten_manifests_count added_manifests_count",
                       (int64_t[]){ done.counts.rewritten, done.counts.added }, err);
}

/* --- options of rewrites --- */

enum option_kind { OPTION_COUNT, OPTION_RATIO, OPTION_SWITCH, OPTION_MOOT };

struct option {
    const char *key;
    enum option_kind kind;
    void *to; /* int64_t, double or bool; NULL for what changes nothing here */
};

static bool wrong_option(str key, str value, struct error *err)
{
    return fail(err, ERR_INVALID, "the option " STR_FMT " cannot be \"" STR_FMT "\"", STR_ARG(key),
                STR_ARG(value));
}

static bool set_option(const struct option *o, str key, str value, struct error *err)
{
    bool *to = o->to;
    switch (o->kind) {
    case OPTION_COUNT:
        return (str_to_i64(value, o->to) && *(int64_t *)o->to > 0) || wrong_option(key, value, err);
    case OPTION_RATIO:
        return str_to_f64(value, o->to) || wrong_option(key, value, err);
    case OPTION_SWITCH:
        *to = str_eq_nocase(value, STR("true"));
        return *to || str_eq_nocase(value, STR("false")) || wrong_option(key, value, err);
    case OPTION_MOOT:
        break;
    }
    return true;
}

/* The argument `options`, by a table that ends with a NULL key. */
static bool read_options(const struct call *c, const struct option *options, struct error *err)
{
    const struct argument *x = call_argument(c, "options");
    if (x->kind != ARGUMENT_NONE && x->kind != ARGUMENT_MAP)
        return fail(err, ERR_INVALID, "the argument options has to be a map");
    for (size_t i = 0; i < x->list_n; i += 2) {
        const struct option *o = options;
        while (o->key && !str_is(x->list[i], o->key))
            o++;
        if (!o->key)
            return fail(err, ERR_INVALID,
                        "there is no option \"" STR_FMT "\" (or it is not supported)",
                        STR_ARG(x->list[i]));
        if (!set_option(o, x->list[i], x->list[i + 1], err))
            return false;
    }
    return true;
}

/* --- rewrite_data_files --- */

bool procedure_rewrite_data_files(struct call *c, struct error *err)
{
    struct run *r = c->run;
    struct compact_request req = { .access = r->req->access, .cancel = r->req->cancel };
    const struct option options[] = {
        { "target-file-size-bytes", OPTION_COUNT, &req.options.target_bytes },
        { "min-file-size-bytes", OPTION_COUNT, &req.options.min_bytes },
        { "max-file-size-bytes", OPTION_COUNT, &req.options.max_bytes },
        { "max-file-group-size-bytes", OPTION_COUNT, &req.options.group_bytes },
        { "min-input-files", OPTION_COUNT, &req.options.min_input_files },
        { "delete-file-threshold", OPTION_COUNT, &req.options.delete_files },
        { "delete-ratio-threshold", OPTION_RATIO, &req.options.delete_ratio },
        { "rewrite-all", OPTION_SWITCH, &req.options.all },
        { "partial-progress.enabled", OPTION_SWITCH, &req.partial_progress },
        { "partial-progress.max-commits", OPTION_COUNT, &req.max_commits },
        { "remove-dangling-deletes", OPTION_SWITCH, &req.drop_dangling },
        { "partial-progress.max-failed-commits", OPTION_MOOT, NULL },
        { "max-concurrent-file-group-rewrites", OPTION_MOOT, NULL },
        { "rewrite-job-order", OPTION_MOOT, NULL },
        { "use-starting-sequence-number", OPTION_MOOT, NULL },
        { "compression-factor", OPTION_MOOT, NULL }, /* of Spark's shuffle */
        { "shuffle-partitions-per-file", OPTION_MOOT, NULL },
        { "max-output-size", OPTION_MOOT, NULL }, /* of its curves' keys */
        { "var-length-contribution", OPTION_MOOT, NULL },
        { NULL, OPTION_MOOT, NULL },
    };
    struct compact_result done;
    str ns, name;
    if (!call_table(c, TABLE_WRITE_DATA, &ns, &name, err) ||
        !call_text(c, "strategy", (str){ 0 }, &req.strategy, err) ||
        !call_text(c, "sort_order", (str){ 0 }, &req.sort_order, err) ||
        !call_text(c, "table", (str){ 0 }, &req.table, err) ||
        !call_text(c, "branch", (str){ 0 }, &req.own_branch, err) ||
        !call_text(c, "where", (str){ 0 }, &req.where, err) || !read_options(c, options, err))
        return false;
    return run_compact(r, &req, &done, err) &&
           call_answer(c,
                       "rewritten_data_files_count added_data_files_count rewritten_bytes_count "
                       "failed_data_files_count removed_delete_files_count",
                       (int64_t[]){ done.files, done.files_written, done.bytes, done.failed_files,
                                    done.delete_files },
                       err);
}

/* --- rewrite_position_delete_files --- */

bool procedure_rewrite_position_delete_files(struct call *c, struct error *err)
{
    struct run *r = c->run;
    struct deletes_request req = { .access = r->req->access,
                                   .cancel = r->req->cancel,
                                   .drop_dangling = true };
    const struct option options[] = {
        { "target-file-size-bytes", OPTION_COUNT, &req.target_bytes },
        { "min-file-size-bytes", OPTION_COUNT, &req.min_bytes },
        { "max-file-size-bytes", OPTION_COUNT, &req.max_bytes },
        { "min-input-files", OPTION_COUNT, &req.min_input_files },
        { "rewrite-all", OPTION_SWITCH, &req.all },
        { "convert-equality-deletes", OPTION_SWITCH, &req.equality },
        { "partial-progress.enabled", OPTION_MOOT, NULL },
        { "partial-progress.max-commits", OPTION_MOOT, NULL },
        { "max-file-group-size-bytes", OPTION_MOOT, NULL },
        { "max-concurrent-file-group-rewrites", OPTION_MOOT, NULL },
        { "rewrite-job-order", OPTION_MOOT, NULL },
        { NULL, OPTION_MOOT, NULL },
    };
    struct deletes_outcome done;
    str ns, name;
    if (!call_table(c, TABLE_WRITE_DATA, &ns, &name, err) ||
        !call_text(c, "table", (str){ 0 }, &req.table, err) ||
        !call_text(c, "branch", (str){ 0 }, &req.own_branch, err) ||
        !call_text(c, "where", (str){ 0 }, &req.where, err) || !read_options(c, options, err))
        return false;
    return run_rewrite_deletes(r, &req, &done, err) &&
           call_answer(c,
                       "rewritten_delete_files_count added_delete_files_count "
                       "rewritten_bytes_count added_bytes_count",
                       (int64_t[]){ done.rewritten_files + done.dangling, done.added_files,
                                    done.rewritten_bytes, done.added_bytes },
                       err);
}
