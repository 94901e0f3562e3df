/* SPDX-License-Identifier: Apache-2.0
 *
 * Training sets: entities from a query, a table or a file; one point-in-time join a view, all in one session; the answer written as
 * a table, whose snapshot says what it was made from, or as a file, which appears whole or not at all. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "base/vec.h"
#include "engine/quote.h"
#include "engine/result_write.h"
#include "engine/session.h"
#include "features/features_priv.h"
#include "features/source.h"
#include "io/store.h"
#include "sql/bind.h"
#include "govern/access.h"
#include "sql/lake.h"
#include "sql/lex.h"
#include "sql/write.h"

#define SQL_MAX ((size_t)256 << 20)
#define REFS_TEXT_MAX ((size_t)1 << 20)
#define DEFAULT_TIME STR("event_timestamp")

struct training {
    struct features *f;
    const struct features_historical_request *req;
    struct arena *arena;
    struct session *session;
    struct registry registry;
    struct feature_selection *views;
    size_t views_n;
    str *names; /* of all feature columns */
    size_t names_n;
    struct pit_entities entities;
    struct bound bound; /* of the entities' query */
    struct source *sources;
    struct pit_joined *joined;
    struct features_historical_report *out;
};

/* ---- Memory: the highest mark of the process, counted from the call's begin where the system allows it */

static void reset_peak(void)
{
    int fd = open("/proc/self/clear_refs", O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return;
    if (write(fd, "5", 1) != 1) {
        /* The mark of the whole process is reported then. */
    }
    close(fd);
}

static int64_t read_peak(void)
{
    char text[4096];
    int fd = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return 0;
    ssize_t n = read(fd, text, sizeof text);
    close(fd);
    str rest = str_make(text, n > 0 ? (size_t)n : 0), line;
    while (str_next(&rest, '\n', &line)) {
        int64_t kb;
        str number, unit;
        if (!str_starts(line, STR("VmHWM:")))
            continue;
        str_cut(str_trim(str_from(line, 6)), ' ', &number, &unit);
        return str_to_i64(number, &kb) ? kb * 1024 : 0;
    }
    return 0;
}

/* ---- Entities */

static bool is_path(str s)
{
    return s.len && s.ptr[0] == '/';
}

static bool check_files(const struct training *t, str path, struct error *err)
{
    return t->req->local_files ||
           fail(err, ERR_DENIED, "the file " STR_FMT ": files of this machine are not allowed here",
                STR_ARG(path));
}

/* A query over the lake; a table's name is one, too. */
static bool bind_entities(struct training *t, str *query, struct error *err)
{
    str text = t->req->entities;
    if (!sql_is_query(text, t->arena)) {
        str ns, name;
        struct buf sql = BUF_INIT(SQL_MAX);
        if (!name_split(text, t->arena, &ns, &name, err))
            return fail_hint(err,
                             "entities are \"SELECT ...\", a table such as silver.orders, or the "
                             "absolute path of a .parquet or .csv file");
        buf_lit(&sql, "SELECT * FROM ");
        quote_name(&sql, (const str[]){ ns_to_text(ns, t->arena), name }, 2);
        text = arena_str(t->arena, buf_str(&sql));
        buf_deinit(&sql);
    }
    struct bind_request b = { .query = text,
                              .branch = t->req->branch,
                              .local_files = t->req->local_files,
                              .access = t->req->access,
                              .cancel = t->req->cancel };
    if (!sql_bind(t->f->lake, t->session, &b, t->arena, &t->bound, err))
        return false;
    *query = t->bound.query;
    return true;
}

static bool csv_query(struct training *t, str path, str *query, struct error *err)
{
    struct buf sql = BUF_INIT(SQL_MAX);
    buf_lit(&sql, "SELECT * FROM read_csv(");
    quote_text(&sql, path);
    buf_lit(&sql, ")");
    bool ok = buf_ok(&sql, "the entities' query", err);
    *query = arena_str(t->arena, buf_str(&sql));
    buf_deinit(&sql);
    return ok;
}

static bool open_entities(struct training *t, struct error *err)
{
    str given = t->req->entities, path = { 0 }, query = { 0 };
    str time = t->req->timestamp.len ? t->req->timestamp : DEFAULT_TIME;
    if (is_path(given) && !check_files(t, given, err))
        return false;
    if (!is_path(given)) {
        if (!bind_entities(t, &query, err))
            return false;
    } else if (str_ends(given, STR(".parquet"))) {
        path = given;
    } else if (!csv_query(t, given, &query, err)) {
        return false;
    }
    if (pit_entities_open(t->session, path, query, time, t->arena, &t->entities, err))
        return true;
    if (err->code == ERR_NOT_FOUND && !err->hint[0])
        fail_hint(err, "name the column that holds the time: --timestamp COLUMN");
    return false;
}

/* Names of features must not be names of entity columns, whatever their case: the engine would rename them. */
static bool check_names(struct training *t, struct error *err)
{
    struct result_column *columns;
    size_t n;
    str sql = arena_printf(t->arena, "SELECT * FROM " STR_FMT, STR_ARG(t->entities.from));
    if (!session_describe(t->session, sql, t->arena, &columns, &n, err))
        return false;
    for (size_t i = 0; i < n; i++) {
        for (size_t k = 0; k < t->names_n; k++) {
            if (!str_eq_nocase(columns[i].name, t->names[k]))
                continue;
            fail(err, ERR_INVALID, "the entities have a column named like the feature " STR_FMT,
                 STR_ARG(t->names[k]));
            return fail_hint(err,
                             t->req->full_feature_names
                                 ? "rename the column in the entities' query"
                                 : "ask with full_feature_names: columns are view__feature then");
        }
    }
    return true;
}

/* ---- Joins */

static bool join_view(struct training *t, size_t i, const str *names, struct error *err)
{
    const struct feature_selection *sel = &t->views[i];
    const struct feature_view *v = sel->view;
    struct source *s = &t->sources[i];
    struct pit_view *p = arena_new(t->arena, struct pit_view);
    str *keys = arena_array(t->arena, str, v->keys_n),
        *features = arena_array(t->arena, str, sel->columns_n);
    for (size_t k = 0; k < v->keys_n; k++)
        keys[k] = v->keys[k].name;
    for (size_t c = 0; c < sel->columns_n; c++)
        features[c] = sel->columns[c]->name;
    *p = (struct pit_view){ .name = v->head.name,
                            .schema = s->schema,
                            .entity_keys = keys,
                            .keys = keys,
                            .keys_n = v->keys_n,
                            .ts = v->timestamp_field,
                            .created = v->created_column,
                            .features = features,
                            .names = names,
                            .features_n = sel->columns_n,
                            .ttl_us = v->ttl_us,
                            .plan = source_plan,
                            .ctx = s };
    if (t->req->known_at)
        p->cutoff = v->created_column.len ? PIT_CUTOFF_CREATED : PIT_CUTOFF_COMMIT;
    if (!pit_join(t->session, t->f->lake->pool, &t->entities, p, t->arena, &t->joined[i], err))
        return false;
    t->out->views[i] = (struct features_view_report){
        .view = v->head.name,
        .table = v->table,
        .snapshot_id = source_snapshot_id(s),
        .version = v->head.version,
        .matched = (int64_t)t->joined[i].matched,
        .files_read = (int64_t)t->joined[i].files_read,
    };
    return true;
}

static bool join_views(struct training *t, struct error *err)
{
    const str *names = t->names;
    t->joined = arena_array(t->arena, struct pit_joined, t->views_n);
    t->out->views = arena_array(t->arena, struct features_view_report, t->views_n);
    t->out->views_n = t->views_n;
    for (size_t i = 0; i < t->views_n; i++) {
        progress_report(t->req->progress, "join", (int64_t)i, (int64_t)t->views_n);
        if (!cancel_check(t->req->cancel, err) || !join_view(t, i, names, err))
            return false;
        names += t->views[i].columns_n;
    }
    progress_report(t->req->progress, "join", (int64_t)t->views_n, (int64_t)t->views_n);
    return true;
}

/* Every source is read at one snapshot, fixed before any of them is read. */
static bool open_sources(struct training *t, struct error *err)
{
    t->sources = arena_array(t->arena, struct source, t->views_n);
    for (size_t i = 0; i < t->views_n; i++)
        if (!source_open(t->f->lake, t->req->branch, t->views[i].view, 0, t->req->cancel, t->arena,
                         &t->sources[i], err))
            return false;
    return true;
}

static bool may_read(struct training *t, str view, struct error *err)
{
    struct securable on = { .kind = SECURABLE_FEATURE_VIEW, .name = view };
    return access_check_in(t->f->lake->govern, t->req->access, FEATURE_VIEW_READ_DATA, &on,
                           t->req->branch, err);
}

/* Named views before they are looked up, those of a service once they are known. */
static bool may_read_named(struct training *t, struct error *err)
{
    str view, rest;
    for (size_t i = 0; i < t->req->features.n; i++) {
        str_cut(t->req->features.refs[i], ':', &view, &rest);
        if (!may_read(t, view, err))
            return false;
    }
    return true;
}

static bool may_read_selected(struct training *t, struct error *err)
{
    for (size_t i = 0; t->req->features.service.len && i < t->views_n; i++)
        if (!may_read(t, t->views[i].view->head.name, err))
            return false;
    return true;
}

static bool select_features(struct training *t, struct error *err)
{
    enum feast_error why;
    return may_read_named(t, err) && features_registry(t->f, t->arena, &t->registry, err) &&
           registry_select(&t->registry, &t->req->features, t->arena, &t->views, &t->views_n, &why,
                           err) &&
           may_read_selected(t, err) &&
           registry_column_names(t->views, t->views_n, t->req->full_feature_names, t->arena,
                                 &t->names, &t->names_n, &why, err);
}

/* ---- The answer as a table */

static str refs_text(struct training *t)
{
    VEC(str) refs = { 0 };
    for (size_t i = 0; i < t->views_n; i++)
        for (size_t c = 0; c < t->views[i].columns_n; c++)
            *vec_push(t->arena, &refs) = arena_printf(
                t->arena, STR_FMT "@v%lld:" STR_FMT, STR_ARG(t->views[i].view->head.name),
                (long long)t->views[i].view->head.version, STR_ARG(t->views[i].columns[c]->name));
    return arena_join(t->arena, refs.at, refs.n, STR(","));
}

struct summary {
    struct write_prop *at;
    size_t n;
};

/* firn.input.<table> once a table, whether entities or views read it. */
static void add_input(struct training *t, struct summary *s, str table, int64_t snapshot_id)
{
    str key = arena_printf(t->arena, "firn.input." STR_FMT, STR_ARG(table));
    for (size_t i = 0; i < s->n; i++)
        if (str_eq(s->at[i].key, key))
            return;
    s->at[s->n++] =
        (struct write_prop){ key, arena_printf(t->arena, "%lld", (long long)snapshot_id) };
}

static struct summary make_summary(struct training *t)
{
    struct summary s = { 0 };
    str time = t->req->timestamp.len ? t->req->timestamp : DEFAULT_TIME;
    s.at = arena_array(t->arena, struct write_prop, t->views_n + t->bound.scans_n + 5);
    s.at[s.n++] = (struct write_prop){ STR("firn.feature-refs"), refs_text(t) };
    s.at[s.n++] = (struct write_prop){ STR("firn.entities"), t->req->entities };
    s.at[s.n++] = (struct write_prop){ STR("firn.entities-timestamp"), time };
    if (t->req->features.service.len)
        s.at[s.n++] = (struct write_prop){ STR("firn.feature-service"), t->req->features.service };
    if (t->req->known_at)
        s.at[s.n++] = (struct write_prop){ STR("firn.known-at"), STR("true") };
    for (size_t i = 0; i < t->views_n; i++)
        add_input(t, &s, t->views[i].view->table, source_snapshot_id(&t->sources[i]));
    for (size_t i = 0; i < t->bound.scans_n; i++)
        add_input(t, &s, t->bound.scans[i].table, t->bound.scans[i].snapshot_id);
    return s;
}

static bool write_table(struct training *t, struct error *err)
{
    struct write_result written;
    struct summary summary = make_summary(t);
    struct buf sql = BUF_INIT(SQL_MAX);
    pit_select_sql(&t->entities, t->joined, t->views_n, &sql);
    struct write_request w = { .branch = t->req->branch,
                               .table = t->req->out,
                               .query = buf_str(&sql),
                               .mode = t->req->overwrite ? WRITE_REPLACE : WRITE_CREATE,
                               .local_files = true, /* the query is ours */
                               .access = t->req->access,
                               .summary = summary.at,
                               .summary_n = summary.n,
                               .cancel = t->req->cancel,
                               .session = t->session };
    bool ok = buf_ok(&sql, "the query for the training set", err) &&
              sql_write_query(t->f->lake, &w, t->arena, &written, err);
    buf_deinit(&sql);
    if (ok) {
        t->out->snapshot_id = written.snapshot_id;
        t->out->commit_id = written.commit_id;
    }
    return ok;
}

/* ---- The answer as a file */

static bool write_csv(struct training *t, str local, struct error *err)
{
    struct buf sql = BUF_INIT(SQL_MAX);
    struct result *result = NULL;
    struct fd_sink sink;
    struct result_write_options o = { .format = FORMAT_CSV };
    bool ok = false;
    int fd = open(arena_cstr(t->arena, local), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (fd < 0) {
        fail_errno(err, errno, "make " STR_FMT, STR_ARG(local));
        goto out;
    }
    pit_select_sql(&t->entities, t->joined, t->views_n, &sql);
    fd_sink_init(&sink, fd);
    ok = buf_ok(&sql, "the query for the training set", err) &&
         session_query(t->session, buf_str(&sql), NULL, 0, &result, err) &&
         result_write(result, &o, &sink.sink, NULL, err);
out:
    result_close(result);
    buf_deinit(&sql);
    if (fd >= 0 && close(fd) != 0 && ok)
        ok = fail_errno(err, errno, "write " STR_FMT, STR_ARG(local));
    return ok;
}

static bool write_local(struct training *t, str local, struct error *err)
{
    if (str_ends(t->req->out, STR(".csv")))
        return write_csv(t, local, err);
    return pit_write_parquet(t->session, &t->entities, t->joined, t->views_n, local, err);
}

/* Written beside its place under a temporary name, then made durable and renamed. */
static bool write_file(struct training *t, struct error *err)
{
    struct store *folder;
    ptrdiff_t slash = str_rfind_char(t->req->out, '/');
    str name = str_from(t->req->out, (size_t)slash + 1), local;
    struct store_fs_options o = { .root =
                                      slash ? str_sub(t->req->out, 0, (size_t)slash) : STR("/") };
    enum store_put_flags flags = t->req->overwrite ? STORE_REPLACE : STORE_CREATE_NEW;
    if (!store_fs_open(&o, &folder, err))
        return false;
    bool ok = store_stage(folder, name, t->arena, &local, err);
    if (ok) {
        ok = write_local(t, local, err) && store_publish(folder, name, local, flags, err);
        store_discard(folder, local);
    }
    store_destroy(folder);
    return ok;
}

/* What would fail after all the work is asked first. */
static bool check_out(struct training *t, struct error *err)
{
    str out = t->req->out, ns, name;
    bool exists = false;
    if (is_path(out)) {
        if (!check_files(t, out, err))
            return false;
        if (!str_ends(out, STR(".parquet")) && !str_ends(out, STR(".csv")))
            return fail(err, ERR_INVALID, "the file " STR_FMT " must end in .parquet or .csv",
                        STR_ARG(out));
        exists = access(arena_cstr(t->arena, out), F_OK) == 0;
    } else if (!name_split(out, t->arena, &ns, &name, err) ||
               !catalog_table_exists(t->f->lake->catalog, t->req->branch, ns, name, &exists, err)) {
        return fail_in(err, "out");
    }
    return !exists || t->req->overwrite ||
           fail(err, ERR_EXISTS, STR_FMT " exists already", STR_ARG(out)) ||
           fail_hint(err, "overwrite it with --overwrite, or choose another name");
}

/* ---- All of it */

static bool run(struct training *t, struct error *err)
{
    progress_report(t->req->progress, "entities", 0, 0);
    if (!open_sources(t, err) || !open_entities(t, err) || !check_names(t, err) ||
        !join_views(t, err))
        return false;
    t->out->rows = t->entities.rows_n;
    progress_report(t->req->progress, "write", 0, t->out->rows);
    if (!(is_path(t->req->out) ? write_file(t, err) : write_table(t, err)))
        return false;
    progress_report(t->req->progress, "write", t->out->rows, t->out->rows);
    return true;
}

bool features_get_historical(struct features *f, const struct features_historical_request *req,
                             struct arena *a, struct features_historical_report *out,
                             struct error *err)
{
    struct training t = { .f = f, .req = req, .arena = a, .out = out };
    int64_t begin = env_monotonic_ns(f->lake->env);
    *out = (struct features_historical_report){ .snapshot_id = -1, .out = req->out };
    reset_peak();
    if (!select_features(&t, err) || !check_out(&t, err) ||
        !session_open(f->lake->engine, &t.session, err))
        return false;
    session_set_cancel(t.session, req->cancel);
    bool ok = run(&t, err);
    session_close(t.session); /* before the kernels, which its functions read */
    for (size_t i = 0; t.joined && i < t.views_n; i++)
        pit_joined_close(&t.joined[i]);
    out->wall_us = (env_monotonic_ns(f->lake->env) - begin) / 1000;
    out->peak_bytes = read_peak();
    return ok;
}
