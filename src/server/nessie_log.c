/* SPDX-License-Identifier: Apache-2.0 */
#include "server/nessie_priv.h"

#include "base/time.h"
#include "base/vec.h"

#define RECORDS_DEFAULT 1000
#define TYPE_OF(op) ((op)->kind == DIFF_REMOVED ? "DELETE" : "PUT")

static void write_list(const char *name, str value, struct json_writer *w)
{
    jw_kv_array(w, name);
    if (value.len)
        jw_str(w, value);
    jw_end_array(w);
}

static void write_time(const char *name, int64_t us, struct json_writer *w)
{
    char text[TIME_TEXT_MAX];
    time_format_iso(us, text);
    jw_kv_str(w, name, str_of(text));
}

/* The committer is the author: what a commit says of who made it. */
void nessie_meta_write(const struct commit_entry *c, bool v1, struct json_writer *w)
{
    jw_begin_object(w);
    jw_kv_str(w, "hash", c->id);
    jw_kv_str(w, "committer", c->author);
    if (v1) {
        jw_kv_str(w, "author", c->author);
        jw_kv_null(w, "signedOffBy");
    } else {
        write_list("authors", c->author, w);
        write_list("allSignedOffBy", (str){ 0 }, w);
    }
    jw_kv_str(w, "message", c->message);
    write_time("commitTime", c->time_us, w);
    write_time("authorTime", c->time_us, w);
    jw_kv_object(w, v1 ? "properties" : "allProperties");
    jw_end_object(w);
    if (!v1) {
        jw_kv_array(w, "parentCommitHashes");
        for (int i = 0; i < 2; i++)
            if (c->parents[i].len)
                jw_str(w, c->parents[i]);
        jw_end_array(w);
    }
    jw_end_object(w);
}

struct log_writer {
    struct app *app;
    struct api_request *req;
    const struct cel *filter;
    bool operations; /* the filter looks at them */
    bool all, v1;
};

static str path_of(const struct diff_entry *d, struct arena *a)
{
    return d->name.len
               ? arena_printf(a, STR_FMT "%c" STR_FMT, STR_ARG(d->ns), NS_SEP, STR_ARG(d->name))
               : d->ns;
}

/* What a commit did against its first parent. */
static bool operations_of(struct log_writer *l, const struct commit_entry *c, struct arena *a,
                          struct diff_entry **out, size_t *n, struct error *err)
{
    size_t all, kept = 0;
    *n = 0;
    if (c->parents[0].len == 0)
        return true;
    if (!catalog_diff(l->app->lake->catalog, c->parents[0], c->id, 0, a, out, &all, err))
        return false;
    for (size_t i = 0; i < all; i++)
        if ((*out)[i].type != ENTRY_FUNCTION)
            (*out)[kept++] = (*out)[i];
    *n = kept;
    return true;
}

static struct cel_value operation_value(const struct diff_entry *d, struct arena *a)
{
    struct cel_value key = nessie_key_value(path_of(d, a), nessie_type_name(d->type), a);
    struct cel_member *m = arena_array(a, struct cel_member, key.object.n + 1);
    memcpy(m, key.object.members, key.object.n * sizeof *m);
    m[key.object.n] =
        (struct cel_member){ STR("type"), { .kind = CEL_STR, .s = str_of(TYPE_OF(d)) } };
    return (struct cel_value){ .kind = CEL_OBJECT, .object = { m, key.object.n + 1 } };
}

static bool operations_value(struct log_writer *l, const struct commit_entry *c, struct arena *a,
                             struct cel_value *out, struct error *err)
{
    struct diff_entry *ops = NULL;
    size_t n = 0;
    if (l->operations && !operations_of(l, c, a, &ops, &n, err))
        return false;
    struct cel_value *items = arena_array(a, struct cel_value, n);
    for (size_t i = 0; i < n; i++)
        items[i] = operation_value(&ops[i], a);
    *out = (struct cel_value){ .kind = CEL_LIST, .list = { items, n } };
    return true;
}

/* struct log_filter's keep. */
static bool keep_commit(void *ctx, const struct commit_entry *c, bool *out, struct error *err)
{
    struct log_writer *l = ctx;
    struct arena *a = arena_create(0);
    struct cel_value operations;
    struct cel_member commit[] = {
        { STR("hash"), { .kind = CEL_STR, .s = c->id } },
        { STR("author"), { .kind = CEL_STR, .s = c->author } },
        { STR("committer"), { .kind = CEL_STR, .s = c->author } },
        { STR("message"), { .kind = CEL_STR, .s = c->message } },
        { STR("commitTime"), { .kind = CEL_TIME, .i = c->time_us } },
        { STR("authorTime"), { .kind = CEL_TIME, .i = c->time_us } },
        { STR("properties"), { .kind = CEL_OBJECT, .object = { NULL, 0 } } },
    };
    bool ok = operations_value(l, c, a, &operations, err);
    if (ok) {
        struct cel_member variables[] = {
            { STR("commit"), { .kind = CEL_OBJECT, .object = { commit, 7 } } },
            { STR("operations"), operations },
        };
        ok = cel_holds(l->filter, variables, 2, a, out, err);
    }
    arena_destroy(a);
    return ok;
}

static bool write_operations(struct log_writer *l, const struct commit_entry *c,
                             struct json_writer *w, struct error *err)
{
    struct arena *a = l->req->arena;
    struct diff_entry *ops = NULL;
    struct catalog *catalog = l->app->lake->catalog;
    size_t n;
    jw_kv_array(w, "operations");
    if (!operations_of(l, c, a, &ops, &n, err))
        return false;
    for (size_t i = 0; i < n; i++) {
        struct catalog_entry e;
        str path = path_of(&ops[i], a), commit;
        jw_begin_object(w);
        jw_kv_str(w, "type", str_of(TYPE_OF(&ops[i])));
        jw_key(w, STR("key"));
        nessie_key_write(path, w);
        if (ops[i].kind != DIFF_REMOVED) {
            if (!catalog_entries(catalog, c->id, &path, 1, a, &e, &commit, err))
                return false;
            jw_key(w, STR("content"));
            nessie_content_write(l->app, &e, l->v1, w);
        }
        jw_end_object(w);
    }
    jw_end_array(w);
    return true;
}

static bool write_log_entry(struct log_writer *l, const struct commit_entry *c,
                            struct json_writer *w, struct error *err)
{
    jw_begin_object(w);
    jw_key(w, STR("commitMeta"));
    nessie_meta_write(c, l->v1, w);
    if (l->all) {
        kv_text(w, "parentCommitHash", c->parents[0]);
        if (!write_operations(l, c, w, err))
            return false;
    }
    jw_end_object(w);
    return true;
}

/* The newest commit to begin with: in the path, or v1's endHash. */
static bool log_start(struct app *app, struct api_request *req, struct nessie_ref *out,
                      struct error *err)
{
    return nessie_resolve(app, req, req->params[0], nessie_hash_query(req), out, err);
}

static bool read_log(struct log_writer *l, const struct nessie_ref *from, struct log_page *page,
                     struct error *err)
{
    struct api_request *req = l->req;
    struct nessie_ref until;
    struct log_filter filter = { 0 };
    str limit = nessie_query(req, "limit-hash", "startHash"), text = api_query(req, "filter", "");
    size_t max;
    if (limit.len) {
        if (!nessie_resolve(l->app, req, from->text, limit, &until, err))
            return false;
        filter.until_commit = until.hash;
    }
    if (text.len) {
        if (!cel_parse(text, req->arena, &l->filter, err))
            return false;
        l->operations = str_find(text, STR("operations")) >= 0;
        filter.keep = keep_commit;
        filter.ctx = l;
    }
    return nessie_max_records(req, &max, err) &&
           catalog_log_filtered(l->app->lake->catalog, from->hash, &filter,
                                nessie_query(req, "page-token", "pageToken"),
                                max < RECORDS_DEFAULT ? max : RECORDS_DEFAULT, req->arena, page,
                                err);
}

NESSIE_HANDLER(nessie_show_log)
{
    struct log_writer l = { .app = app,
                            .req = req,
                            .all = str_eq_nocase(api_query(req, "fetch", ""), STR("ALL")),
                            .v1 = nessie_is_v1(req) };
    struct nessie_ref from;
    struct log_page page;
    (void)answer;
    if (!log_start(app, req, &from, err) || !read_log(&l, &from, &page, err))
        return false;
    jw_begin_object(w);
    jw_kv_array(w, "logEntries");
    for (size_t i = 0; i < page.n; i++)
        if (!write_log_entry(&l, &page.commits[i], w, err))
            return false;
    jw_end_array(w);
    nessie_page_write(page.next, w);
    jw_end_object(w);
    return true;
}
