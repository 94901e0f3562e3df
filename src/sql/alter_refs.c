/* SPDX-License-Identifier: Apache-2.0 */
#include "sql/alter_refs.h"

#include "catalog/table_ops.h"
#include "govern/access.h"
#include "iceberg/metadata.h"
#include "iceberg/update.h"
#include "sql/lake.h"

struct ref_change {
    bool create, replace, drop, quiet; /* quiet: IF [NOT] EXISTS */
    bool done;                         /* it changes something */
    struct snapshot_ref ref;           /* snapshot_id 0: the current one; ages 0: not said */
};

/* ---- The words */

static bool next_is(const struct run *r, size_t *i, const char *words)
{
    size_t n = lex_match(&r->lex, *i, words);
    *i += n;
    return n > 0;
}

static bool read_verb(const struct lex *lex, size_t *i, struct ref_change *c)
{
    static const struct {
        const char *words;
        bool create, replace, drop;
    } verbs[] = {
        { "CREATE OR REPLACE", true, true, false },
        { "CREATE", true, false, false },
        { "REPLACE", false, true, false },
        { "DROP", false, false, true },
    };
    for (size_t v = 0; v < sizeof verbs / sizeof *verbs; v++) {
        size_t n = lex_match(lex, *i, verbs[v].words);
        if (!n)
            continue;
        bool tag = lex_is(lex, *i + n, "TAG");
        if (!tag && !lex_is(lex, *i + n, "BRANCH"))
            return false;
        *i += n + 1;
        c->create = verbs[v].create;
        c->replace = verbs[v].replace;
        c->drop = verbs[v].drop;
        c->ref.kind = tag ? REF_TAG : REF_BRANCH;
        return true;
    }
    return false;
}

bool alter_refs_begins(const struct lex *lex, size_t i)
{
    struct ref_change ignored = { 0 };
    return read_verb(lex, &i, &ignored);
}

static bool read_name(const struct run *r, size_t *i, str *out, struct error *err)
{
    struct lex_token t = r->lex.at[*i < r->lex.n ? *i : r->lex.n];
    if (t.kind != LEX_WORD && t.kind != LEX_QUOTED)
        return fail(err, ERR_INVALID, "the name of a branch or tag is missing");
    *out = lex_ident(t, r->a);
    *i += 1;
    return out->len > 0 || fail(err, ERR_INVALID, "the name of a branch or tag is empty");
}

static bool read_number(const struct run *r, size_t *i, const char *what, int64_t max, int64_t *out,
                        struct error *err)
{
    struct lex_token t = r->lex.at[*i < r->lex.n ? *i : r->lex.n];
    if (t.kind != LEX_NUMBER || !str_to_i64(t.text, out) || *out <= 0 || *out > max)
        return fail(err, ERR_INVALID,
                    "%s has to be a whole number from 1 to %lld, not \"" STR_FMT "\"", what,
                    (long long)max, STR_ARG(t.text));
    *i += 1;
    return true;
}

/* DAYS, HOURS or MINUTES behind a number, as milliseconds. */
static bool read_unit(const struct run *r, size_t *i, int64_t *ms)
{
    static const struct {
        const char *word;
        int64_t ms;
    } units[] = { { "DAYS", 86400000 }, { "DAY", 86400000 },  { "HOURS", 3600000 },
                  { "HOUR", 3600000 },  { "MINUTES", 60000 }, { "MINUTE", 60000 } };
    for (size_t u = 0; u < sizeof units / sizeof *units; u++)
        if (next_is(r, i, units[u].word)) {
            *ms = units[u].ms;
            return true;
        }
    return false;
}

static bool read_age(const struct run *r, size_t *i, int64_t *out, struct error *err)
{
    int64_t n, ms;
    if (!read_number(r, i, "a time", 1000000, &n, err))
        return false;
    if (!read_unit(r, i, &ms))
        return fail(err, ERR_INVALID, "a time is given in DAYS, HOURS or MINUTES");
    *out = n * ms;
    return true;
}

/* n SNAPSHOTS, n DAYS, or both in this order */
static bool read_retention(const struct run *r, size_t *i, struct ref_change *c, struct error *err)
{
    int64_t n;
    bool snapshots = lex_is(&r->lex, *i + 1, "SNAPSHOTS") || lex_is(&r->lex, *i + 1, "SNAPSHOT");
    if (c->ref.kind == REF_TAG)
        return fail(err, ERR_INVALID, "a tag keeps one snapshot: it has no snapshot retention");
    if (snapshots) {
        if (!read_number(r, i, "the number of snapshots", INT32_MAX, &n, err))
            return false;
        c->ref.min_snapshots_to_keep = (int32_t)n;
        *i += 1;
        if (*i >= r->lex.n || r->lex.at[*i].kind != LEX_NUMBER)
            return true;
    }
    return read_age(r, i, &c->ref.max_snapshot_age_ms, err);
}

static bool read_change(const struct run *r, size_t i, struct ref_change *c, struct error *err)
{
    if (!read_verb(&r->lex, &i, c))
        return fail(err, ERR_INVALID, "CREATE, REPLACE or DROP of a BRANCH or TAG is missing");
    c->quiet = c->drop ? next_is(r, &i, "IF EXISTS")
                       : c->create && !c->replace && next_is(r, &i, "IF NOT EXISTS");
    if (!read_name(r, &i, &c->ref.name, err))
        return false;
    if (!c->drop) {
        if (next_is(r, &i, "AS OF VERSION") &&
            !read_number(r, &i, "AS OF VERSION", INT64_MAX, &c->ref.snapshot_id, err))
            return false;
        if (next_is(r, &i, "RETAIN") && !read_age(r, &i, &c->ref.max_ref_age_ms, err))
            return false;
        if (next_is(r, &i, "WITH SNAPSHOT RETENTION") && !read_retention(r, &i, c, err))
            return false;
    }
    return i == r->lex.n || fail(err, ERR_INVALID, "\"" STR_FMT "\" was not expected here",
                                 STR_ARG(r->lex.at[i].text));
}

/* ---- The change */

static const char *kind_name(enum ref_kind k)
{
    return k == REF_TAG ? "tag" : "branch";
}

static bool check_old(const struct ref_change *c, const struct snapshot_ref *old, struct error *err)
{
    str name = c->ref.name;
    if (old && old->kind != c->ref.kind)
        return fail(err, ERR_INVALID, "\"" STR_FMT "\" is a %s of the table, not a %s",
                    STR_ARG(name), kind_name(old->kind), kind_name(c->ref.kind));
    if (old && c->create && !c->replace && !c->quiet)
        return fail(err, ERR_EXISTS, "the table has a %s \"" STR_FMT "\" already",
                    kind_name(old->kind), STR_ARG(name));
    if (!old && !c->create && !c->quiet)
        return fail(err, ERR_NOT_FOUND, "the table has no %s \"" STR_FMT "\"",
                    kind_name(c->ref.kind), STR_ARG(name));
    return !c->drop || !str_is(name, "main") ||
           fail(err, ERR_INVALID, "the branch main cannot be dropped");
}

/* What is not said stays as it was. */
static bool settle_ref(const struct ref_change *c, const struct metadata *m,
                       const struct snapshot_ref *old, struct snapshot_ref *out, struct error *err)
{
    *out = old ? *old : c->ref;
    out->snapshot_id = c->ref.snapshot_id ? c->ref.snapshot_id : m->current_snapshot_id;
    if (out->snapshot_id == SNAPSHOT_NONE)
        return fail(err, ERR_INVALID, "the table has no snapshot that a %s could name",
                    kind_name(c->ref.kind));
    if (c->ref.max_ref_age_ms)
        out->max_ref_age_ms = c->ref.max_ref_age_ms;
    if (c->ref.max_snapshot_age_ms)
        out->max_snapshot_age_ms = c->ref.max_snapshot_age_ms;
    if (c->ref.min_snapshots_to_keep)
        out->min_snapshots_to_keep = c->ref.min_snapshots_to_keep;
    return metadata_snapshot_by_id(m, out->snapshot_id) ||
           fail(err, ERR_NOT_FOUND, "the table has no snapshot %lld", (long long)out->snapshot_id);
}

static bool plan(void *ctx, const struct table *t, struct arena *a, struct table_change *out,
                 struct error *err)
{
    struct ref_change *c = ctx;
    const struct metadata *m = t->metadata;
    const struct snapshot_ref *old = metadata_ref(m, c->ref.name);
    struct table_update *u = arena_new(a, struct table_update);
    struct table_requirement *r = arena_array(a, struct table_requirement, 2);
    *out = (struct table_change){ .ns = t->ns, .name = t->name };
    if (!check_old(c, old, err))
        return false;
    c->done = c->drop ? old != NULL : !old || c->replace;
    if (!c->done)
        return true;
    *u = (struct table_update){ .kind =
                                    c->drop ? UPDATE_REMOVE_SNAPSHOT_REF : UPDATE_SET_SNAPSHOT_REF,
                                .ref.name = c->ref.name };
    if (!c->drop && !settle_ref(c, m, old, &u->ref, err))
        return false;
    r[0] = require_ref(c->ref.name, old ? old->snapshot_id : SNAPSHOT_NONE);
    r[1] = require_uuid(m->uuid);
    out->updates = u;
    out->updates_n = 1;
    out->requirements = r;
    out->requirements_n = m->uuid.len ? 2 : 1;
    return true;
}

bool run_alter_refs(struct run *r, str table, size_t i, struct error *err)
{
    struct ref_change c = { 0 };
    struct write_info info = { .cancel = r->req->cancel };
    struct write_outcome done;
    struct table t;
    struct table_change ignored;
    str ns, name;
    if (!read_change(r, i, &c, err) || !name_split(table, r->a, &ns, &name, err))
        return false;
    struct securable on = secure_in(SECURABLE_TABLE, ns, name, r->a);
    enum privilege p = c.drop ? TABLE_REMOVE_SNAPSHOT_REF : TABLE_SET_SNAPSHOT_REF;
    if (!access_check_in(r->lake->govern, r->req->access, p, &on, r->req->branch, err) ||
        !catalog_load_table(r->lake->catalog, r->req->branch, ns, name, r->a, &t, err) ||
        !plan(&c, &t, r->a, &ignored, err))
        return false;
    if (!c.done)
        return true;
    access_sign(r->req->access, r->a, &info.commit);
    if (!catalog_retry(r->lake->catalog, r->req->branch, ns, name, plan, &c, &info, r->a, &done,
                       err))
        return false;
    r->out->commit_id = done.commit_id;
    return true;
}
