/* SPDX-License-Identifier: Apache-2.0 */
#include "server/events.h"

#include <stdio.h>

#include "base/vec.h"
#include "govern/access.h"
#include "server/answer_priv.h"
#include "sql/lake.h"

#define CHANGES_AT_ONCE 200                 /* rows looked at for one page */
#define PAGE_MEMORY_MAX ((size_t)128 << 20) /* a page ends when its entries took that much */
#define TYPE_PATTERN_MAX 100

/* ---- Types ---- */

static const char *const change_types[CHANGE_KINDS] = {
    [CHANGE_COMMIT] = "commit.created",    [CHANGE_MERGE] = "merge.applied",
    [CHANGE_REF_CREATED] = "ref.created",  [CHANGE_REF_ASSIGNED] = "ref.assigned",
    [CHANGE_REF_RENAMED] = "ref.renamed",  [CHANGE_REF_DELETED] = "ref.deleted",
    [CHANGE_RULE_SET] = "branch-rule.set", [CHANGE_RULE_DROPPED] = "branch-rule.dropped",
};

#define ENTRY_TYPES_N 5
static const char *const entry_types[ENTRY_TYPES_N][4] = {
    [ENTRY_NAMESPACE] = { "namespace.created", "namespace.updated", "namespace.dropped",
                          "namespace.renamed" },
    [ENTRY_TABLE] = { "table.created", "table.updated", "table.dropped", "table.renamed" },
    [ENTRY_VIEW] = { "view.created", "view.updated", "view.dropped", "view.renamed" },
    [ENTRY_FUNCTION] = { "function.created", "function.updated", "function.dropped",
                         "function.renamed" },
};

const char *event_type(const struct event *e)
{
    return e->entry ? entry_types[e->entry->type][e->entry->change] : change_types[e->change->kind];
}

/* ---- Cursors ---- */

str event_cursor_format(struct event_cursor c, char out[EVENT_CURSOR_TEXT_MAX])
{
    int n = c.index == EVENT_ALL ? snprintf(out, EVENT_CURSOR_TEXT_MAX, "%lld", (long long)c.seq)
                                 : snprintf(out, EVENT_CURSOR_TEXT_MAX, "%lld-%lld",
                                            (long long)c.seq, (long long)c.index);
    return str_make(out, (size_t)n);
}

bool event_cursor_parse(str text, struct event_cursor *out, struct error *err)
{
    str seq = text, index = { 0 };
    bool part = str_cut(text, '-', &seq, &index);
    *out = (struct event_cursor){ 0, EVENT_ALL };
    if (text.len == 0)
        return true;
    if (str_to_i64(seq, &out->seq) && out->seq >= 0 &&
        (!part || (str_to_i64(index, &out->index) && out->index >= 0 && out->seq > 0)))
        return true;
    return fail(err, ERR_INVALID, "\"" STR_FMT "\" is not a place in the feed",
                STR_ARG(str_sub(text, 0, 100)));
}

/* ---- Filters ---- */

static str short_type(str pattern)
{
    return str_starts(pattern, STR(EVENT_TYPE_PREFIX))
               ? str_from(pattern, sizeof EVENT_TYPE_PREFIX - 1)
               : pattern;
}

static bool type_passes(const struct event_filter *f, const char *type)
{
    for (size_t i = 0; i < f->types_n; i++)
        if (ref_pattern_matches(f->types[i], str_of(type)))
            return true;
    return f->types_n == 0;
}

static bool any_entry_passes(const struct event_filter *f)
{
    for (int t = ENTRY_NAMESPACE; t < ENTRY_TYPES_N; t++)
        for (int c = 0; c < 4; c++)
            if (type_passes(f, entry_types[t][c]))
                return true;
    return false;
}

static bool any_change_passes(const struct event_filter *f)
{
    for (int k = CHANGE_COMMIT; k < CHANGE_KINDS; k++)
        if (type_passes(f, change_types[k]))
            return true;
    return false;
}

static bool add_type(struct event_filter *f, str pattern, struct error *err)
{
    struct event_filter alone = { .types = { short_type(pattern) }, .types_n = 1 };
    if (pattern.len > TYPE_PATTERN_MAX || (!any_entry_passes(&alone) && !any_change_passes(&alone)))
        return fail(err, ERR_INVALID, "there is no type of events \"" STR_FMT "\"",
                    STR_ARG(str_sub(pattern, 0, TYPE_PATTERN_MAX)));
    if (f->types_n == EVENT_TYPES_MAX)
        return fail(err, ERR_LIMIT, "more than %d types of events", EVENT_TYPES_MAX);
    f->types[f->types_n++] = alone.types[0];
    return true;
}

bool event_filter_parse(str types, str ns, str table, str ref, struct arena *a,
                        struct event_filter *out, struct error *err)
{
    str rest = types, type;
    *out = (struct event_filter){ .ref = ref, .entries = ns.len || table.len };
    if (ns.len && table.len)
        return fail(err, ERR_INVALID, "a table or a namespace, not both");
    while (str_next(&rest, ',', &type))
        if (type.len && !add_type(out, type, err))
            return false;
    if (table.len && !name_split(table, a, &out->ns, &out->name, err))
        return false;
    if (ns.len) {
        out->ns = ns_from_dotted(ns, a);
        if (!ns_check(out->ns, err))
            return false;
    }
    out->wants_entries = any_entry_passes(out);
    return true;
}

static bool is_below(str ns, str top)
{
    return str_eq(ns, top) ||
           (str_starts(ns, top) && ns.len > top.len && ns.ptr[top.len] == NS_SEP);
}

static bool is_named(const struct event_filter *f, str ns, str name)
{
    return f->name.len ? str_eq(ns, f->ns) && str_eq(name, f->name) : is_below(ns, f->ns);
}

static bool entry_passes(const struct event_filter *f, const struct changed_entry *e)
{
    if (!type_passes(f, entry_types[e->type][e->change]))
        return false;
    return !f->entries || is_named(f, e->ns, e->name) ||
           (e->change == ENTRY_RENAMED && is_named(f, e->from_ns, e->from_name));
}

static bool change_passes(const struct event_filter *f, const struct change *c)
{
    return !f->entries && type_passes(f, change_types[c->kind]);
}

/* ---- Reading ---- */

struct reading {
    struct lake *lake;
    const struct event_filter *filter;
    const struct access *access;
    struct arena *arena;
    size_t limit;
    VEC(struct event) events;
    struct event_cursor next;
    bool full;
};

static bool may_see(const struct reading *r, const struct change *c)
{
    bool rule = c->kind == CHANGE_RULE_SET || c->kind == CHANGE_RULE_DROPPED;
    if (!r->access)
        return true;
    if (rule)
        return access_allows(r->access, REFERENCE_LIST, &SECURE_CATALOG, (str){ 0 });
    return access_allows(r->access, REFERENCE_READ, &SECURE_CATALOG, c->ref);
}

static bool may_locate(const struct reading *r, const struct change *c,
                       const struct changed_entry *e)
{
    if (!r->access)
        return true;
    bool view = e->type == ENTRY_VIEW;
    struct securable on =
        secure_in(view ? SECURABLE_VIEW : SECURABLE_TABLE, e->ns, e->name, r->arena);
    return access_allows(r->access, view ? VIEW_READ_PROPERTIES : TABLE_READ_PROPERTIES, &on,
                         c->ref);
}

/* The commit that a ref points to after the change; one that is gone is not told of. */
static bool load_commit(struct reading *r, const struct change *c, const struct commit_entry **out,
                        struct error *err)
{
    struct log_page page;
    struct error gone = { 0 };
    str id = c->to.len ? c->to : c->from;
    *out = NULL;
    if (id.len == 0)
        return true;
    if (catalog_log(r->lake->catalog, id, (str){ 0 }, 1, r->arena, &page, &gone))
        *out = page.commits;
    else if (gone.code != ERR_NOT_FOUND)
        return *err = gone, false;
    return true;
}

static void add_event(struct reading *r, struct event e)
{
    if (r->events.n == r->limit) {
        r->full = true;
        return;
    }
    *vec_push(r->arena, &r->events) = e;
    r->next = e.at;
}

/* Entries of commits that are gone are not told; nothing keeps a reader from going on. */
static bool list_entries(struct reading *r, const struct change *c, struct changed_entry **out,
                         size_t *n, bool *complete, struct error *err)
{
    struct error gone = { 0 };
    *n = 0;
    *complete = true;
    if (!r->filter->wants_entries ||
        catalog_change_entries(r->lake->catalog, c, r->arena, out, n, complete, &gone))
        return true;
    *complete = false;
    return gone.code == ERR_NOT_FOUND || (*err = gone, false);
}

static bool read_change(struct reading *r, const struct change *c, int64_t after, struct error *err)
{
    struct changed_entry *entries = NULL;
    const struct commit_entry *commit;
    size_t n;
    bool complete;
    if ((r->filter->ref.len && !ref_pattern_matches(r->filter->ref, c->ref)) || !may_see(r, c))
        return true;
    if (!list_entries(r, c, &entries, &n, &complete, err) || !load_commit(r, c, &commit, err))
        return false;
    struct event e = {
        .at = { c->seq, 0 }, .change = c, .commit = commit, .entries_omitted = !complete
    };
    if (after < 0 && change_passes(r->filter, c))
        add_event(r, e);
    e.entries_omitted = false;
    for (size_t i = after < 0 ? 0 : (size_t)after; i < n && !r->full; i++) {
        if (!entry_passes(r->filter, &entries[i]))
            continue;
        e.at.index = (int64_t)i + 1;
        e.entry = &entries[i];
        e.with_locations = may_locate(r, c, e.entry);
        add_event(r, e);
    }
    return true;
}

bool events_read(struct lake *lake, struct event_cursor from, const struct event_filter *filter,
                 const struct access *access, size_t limit, struct arena *a, struct event_page *out,
                 struct error *err)
{
    struct reading r = { .lake = lake,
                         .filter = filter,
                         .access = access,
                         .arena = a,
                         .limit = limit < EVENT_PAGE_MAX ? limit : EVENT_PAGE_MAX,
                         .next = from };
    struct change *changes;
    size_t n, i = 0, used = arena_used(a);
    bool part = from.index != EVENT_ALL;
    if (!catalog_changes(lake->catalog, from.seq - part, CHANGES_AT_ONCE, a, &changes, &n, err))
        return false;
    for (; i < n && arena_used(a) - used < PAGE_MEMORY_MAX; i++) {
        int64_t after = part && changes[i].seq == from.seq ? from.index : -1;
        if (!read_change(&r, &changes[i], after, err))
            return false;
        if (r.full)
            break;
        r.next = (struct event_cursor){ changes[i].seq, EVENT_ALL };
    }
    *out = (struct event_page){
        .at = r.events.at, .n = r.events.n, .next = r.next, .more = i < n || n == CHANGES_AT_ONCE
    };
    return true;
}

/* ---- Writing ---- */

static void kv_opt(struct json_writer *w, const char *key, str v)
{
    if (v.len)
        jw_kv_str(w, key, v);
}

static str dotted(str ns, str name, struct arena *a)
{
    return name.len ? name_to_text(ns, name, a) : ns_to_text(ns, a);
}

static str subject_of(const struct event *e, struct arena *a)
{
    return e->entry ? dotted(e->entry->ns, e->entry->name, a) : e->change->ref;
}

static void write_who(const struct event *e, struct json_writer *w)
{
    if (e->commit && (e->entry || e->change->kind <= CHANGE_MERGE))
        kv_opt(w, "author", e->commit->author);
    kv_opt(w, "principal", e->change->who);
}

static void write_levels(str ns, struct json_writer *w)
{
    str level;
    jw_kv_array(w, "namespace");
    while (str_next(&ns, NS_SEP, &level))
        jw_str(w, level);
    jw_end_array(w);
}

static void write_snapshot(struct json_writer *w, const char *key, int64_t id)
{
    if (id != -1)
        jw_kv_int(w, key, id);
}

static void write_entry(const struct event *e, struct arena *a, struct json_writer *w)
{
    const struct changed_entry *x = e->entry;
    jw_kv_str(w, "ref", e->change->ref);
    kv_opt(w, "commit_id", e->change->to);
    write_levels(x->ns, w);
    kv_opt(w, "name", x->name);
    if (x->change == ENTRY_RENAMED)
        jw_kv_str(w, "previous_name", dotted(x->from_ns, x->from_name, a));
    kv_opt(w, "uuid", x->uuid);
    if (e->with_locations) {
        kv_opt(w, "metadata_location", x->to_location);
        kv_opt(w, "previous_metadata_location", x->from_location);
    }
    write_snapshot(w, "snapshot_id", x->to_snapshot_id);
    write_snapshot(w, "previous_snapshot_id", x->from_snapshot_id);
}

static void write_commit_data(const struct event *e, struct json_writer *w)
{
    if (!e->commit)
        return;
    bool merge = e->change->kind == CHANGE_MERGE;
    bool forward = e->change->other.len > 0;
    if (merge)
        jw_kv_bool(w, "fast_forward", forward);
    if (merge && !forward)
        kv_opt(w, "source_commit_id", e->commit->parents[1]);
    jw_kv_str(w, "message", e->commit->message);
}

static void write_change(const struct event *e, struct json_writer *w)
{
    const struct change *c = e->change;
    if (c->kind == CHANGE_RULE_SET || c->kind == CHANGE_RULE_DROPPED) {
        jw_kv_str(w, "pattern", c->ref);
        return;
    }
    jw_kv_str(w, "ref", c->ref);
    jw_kv_str(w, "ref_kind", c->ref_kind == CATALOG_TAG ? STR("tag") : STR("branch"));
    if (c->kind == CHANGE_REF_RENAMED)
        jw_kv_str(w, "previous_ref", c->other);
    kv_opt(w, "commit_id", c->to);
    kv_opt(w, "previous_commit_id", c->from);
    if (c->kind <= CHANGE_MERGE)
        write_commit_data(e, w);
    if (e->entries_omitted)
        jw_kv_bool(w, "entries_omitted", true);
}

void event_write(const struct event *e, str source, struct arena *a, struct json_writer *w)
{
    char id[EVENT_CURSOR_TEXT_MAX];
    jw_begin_object(w);
    jw_kv_str(w, "specversion", STR("1.0"));
    jw_kv_str(w, "id", event_cursor_format(e->at, id));
    jw_kv_str(w, "source", source);
    jw_key(w, STR("type"));
    jw_printf(w, EVENT_TYPE_PREFIX "%s", event_type(e));
    jw_kv_str(w, "subject", subject_of(e, a));
    kv_time(w, "time", e->change->time_us);
    jw_kv_str(w, "datacontenttype", STR("application/json"));
    jw_kv_object(w, "data");
    if (e->entry)
        write_entry(e, a, w);
    else
        write_change(e, w);
    write_who(e, w);
    jw_end_object(w);
    jw_end_object(w);
}
