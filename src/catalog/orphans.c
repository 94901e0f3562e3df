/* SPDX-License-Identifier: Apache-2.0
 *
 * Two passes over the folder: the first only looks, so that whatever speaks against a removal is known before the first file
 * goes; the second removes, a batch at a time. */
#include "catalog/orphans.h"

#include "base/map.h"
#include "base/time.h"
#include "base/vec.h"
#include "catalog/catalog_priv.h"
#include "catalog/garbage.h"
#include "catalog/seen_priv.h"
#include "codec/uri.h"
#include "iceberg/metadata.h"
#include "io/store.h"

#define BATCH_MAX 10000 /* files removed between two looks at the catalog */

struct orphan {
    str path; /* in the store */
    int64_t bytes;
};

struct orphans {
    struct catalog *catalog;
    const struct orphans_options *o;
    const struct metadata *metadata;
    struct arena *a;       /* of the call */
    struct arena *scratch; /* of one location */
    struct arena *batch_arena;
    struct seen *seen;
    struct reach *reach;
    struct map versions;
    VEC(struct orphan) batch;
    str mismatch; /* the first one */
    int64_t now_us, cutoff_us;
    bool removing;
    struct orphans_result *out;
};

/* --- spellings --- */

static str equal_of(const struct orphans_equal *list, size_t n, str text)
{
    for (size_t i = 0; i < n; i++)
        if (str_eq_nocase(list[i].from, text))
            return list[i].to;
    return text;
}

static str scheme_of(const struct orphans *x, str scheme)
{
    str out = equal_of(x->o->schemes, x->o->schemes_n, scheme);
    return str_eq_nocase(out, STR("s3a")) || str_eq_nocase(out, STR("s3n")) ? STR("s3") : out;
}

/* What is before the path, in one spelling (empty for files of this machine), and the path. */
static str split_origin(const struct orphans *x, str location, str *path)
{
    ptrdiff_t colon = str_find_char(location, ':'), slash = str_find_char(location, '/');
    str authority = { 0 };
    *path = location;
    if (colon <= 0 || (slash >= 0 && slash < colon))
        return (str){ 0 };
    str scheme = scheme_of(x, str_sub(location, 0, (size_t)colon));
    *path = str_sub(location, (size_t)colon + 1, location.len);
    if (str_starts(*path, STR("//"))) {
        str rest = str_sub(*path, 2, path->len);
        slash = str_find_char(rest, '/');
        authority = slash < 0 ? rest : str_sub(rest, 0, (size_t)slash);
        *path = slash < 0 ? (str){ 0 } : str_sub(rest, (size_t)slash, rest.len);
    }
    authority = equal_of(x->o->authorities, x->o->authorities_n, authority);
    if (str_eq_nocase(scheme, STR("file")) &&
        (!authority.len || str_eq_nocase(authority, STR("localhost"))))
        return (str){ 0 };
    return arena_printf(x->scratch, STR_FMT "://" STR_FMT, STR_ARG(scheme), STR_ARG(authority));
}

static str one_slash(str path, struct arena *a)
{
    char *out = arena_alloc(a, path.len + 1);
    size_t n = 0;
    for (size_t i = 0; i < path.len; i++)
        if (path.ptr[i] != '/' || !n || out[n - 1] != '/')
            out[n++] = path.ptr[i];
    return str_make(out, n);
}

/* A location under which a file may be known: as it is and with escapes decoded, in full and by its path alone. */
struct names {
    str full[2], path[2];
    size_t n;
};

static struct names names_of(const struct orphans *x, str location)
{
    struct names out = { 0 };
    struct error ignored = { 0 };
    str path, decoded, origin = split_origin(x, location, &path);
    str spellings[2] = { path };
    size_t n = 1;
    if (str_find_char(path, '%') >= 0 &&
        percent_decode(path, false, x->scratch, &decoded, &ignored))
        spellings[n++] = decoded;
    for (size_t i = 0; i < n; i++) {
        str p = one_slash(spellings[i], x->scratch);
        out.path[i] = arena_printf(x->scratch, "|" STR_FMT, STR_ARG(p));
        out.full[i] = arena_printf(x->scratch, STR_FMT "|" STR_FMT, STR_ARG(origin), STR_ARG(p));
    }
    out.n = n;
    return out;
}

/* Local files have no origin: their full name is not their path's. */
static str full_key(const struct orphans *x, str full)
{
    return arena_printf(x->scratch, "=" STR_FMT, STR_ARG(full));
}

static void add_names(struct orphans *x, str location)
{
    struct names n = names_of(x, location);
    for (size_t i = 0; i < n.n; i++) {
        seen_add(x->seen, full_key(x, n.full[i]));
        seen_add(x->seen, n.path[i]);
    }
}

static bool note_reached(void *ctx, enum reach_kind kind, str location, struct error *err)
{
    struct orphans *x = ctx;
    struct error elsewhere = { 0 };
    str path;
    (void)kind, (void)err;
    arena_reset(x->scratch);
    add_names(x, location);
    if (store_from_uri(x->catalog->store, location, x->scratch, &path, &elsewhere))
        add_names(x, store_uri(x->catalog->store, path, x->scratch));
    return true;
}

enum verdict { ORPHAN, REACHED, MISMATCH };

static enum verdict judge(struct orphans *x, str location)
{
    struct names n = names_of(x, location);
    bool by_path = false;
    for (size_t i = 0; i < n.n; i++) {
        if (seen_has(x->seen, full_key(x, n.full[i])))
            return REACHED;
        by_path = by_path || seen_has(x->seen, n.path[i]);
    }
    return by_path ? MISMATCH : ORPHAN;
}

/* --- what is reached --- */

/* O2, O3: strictly what heads reach, then what is left of history. */
static bool look(struct orphans *x, struct error *err)
{
    size_t before;
    do {
        before = x->versions.n;
        reach_forgive_missing(x->reach, false);
        if (!catalog_reach(x->catalog, INT64_MAX, x->reach, &x->versions, note_reached, x, err))
            return fail_in(err, "nothing is removed: it is not known what is in use");
        reach_forgive_missing(x->reach, true);
        if (!catalog_reach(x->catalog, INT64_MIN, x->reach, &x->versions, note_reached, x, err))
            return fail_in(err, "nothing is removed: it is not known what is in use");
    } while (x->versions.n > before);
    return true;
}

/* --- the folder --- */

static bool is_partition_folder(const struct orphans *x, str part)
{
    ptrdiff_t equals = str_find_char(part, '=');
    if (equals <= 0)
        return false;
    str name = str_sub(part, 0, (size_t)equals);
    for (size_t i = 0; i < x->metadata->specs_n; i++) {
        const struct partition_spec *s = x->metadata->specs[i];
        for (size_t k = 0; k < s->fields_n; k++)
            if (str_eq(s->fields[k].name, name))
                return true;
    }
    return false;
}

/* O4. */
static bool is_hidden(const struct orphans *x, str below)
{
    str rest = below, part, last = { 0 };
    while (str_next(&rest, '/', &part)) {
        bool marked = str_starts(part, STR("_")) || str_starts(part, STR("."));
        if (marked && !is_partition_folder(x, part))
            return true;
        last = part;
    }
    return str_is(last, "version-hint.text");
}

static bool remove_one(struct orphans *x, const struct orphan *f, struct error *err)
{
    struct store *store = x->catalog->store;
    arena_reset(x->scratch);
    str location = store_uri(store, f->path, x->scratch);
    if (judge(x, location) == REACHED) /* since the first look */
        return true;
    if (!x->o->dry_run && !store_delete(store, f->path, err)) {
        if (err->code != ERR_NOT_FOUND)
            return fail_in(err, "remove " STR_FMT, STR_ARG(f->path));
        *err = (struct error){ 0 };
        return true;
    }
    x->out->removed++;
    x->out->bytes += f->bytes;
    return !x->o->fn || x->o->fn(x->o->ctx, location, f->bytes, err);
}

static bool remove_batch(struct orphans *x, struct error *err)
{
    bool ok = x->batch.n == 0 || look(x, err);
    for (size_t i = 0; ok && i < x->batch.n; i++)
        ok = cancel_check(x->o->cancel, err) && remove_one(x, &x->batch.at[i], err);
    arena_reset(x->batch_arena);
    memset(&x->batch, 0, sizeof x->batch);
    return ok;
}

struct listing {
    struct orphans *x;
    size_t folder_len;
};

static void note_mismatch(struct orphans *x, str location)
{
    if (!x->mismatch.len)
        x->mismatch = arena_str(x->a, location);
}

static bool list_one(void *ctx, str path, const struct store_info *info, struct error *err)
{
    struct listing *l = ctx;
    struct orphans *x = l->x;
    if (!cancel_check(x->o->cancel, err))
        return false;
    if (is_hidden(x, str_sub(path, l->folder_len < path.len ? l->folder_len : 0, path.len)))
        return true;
    x->out->listed += !x->removing;
    if (info->mtime_us >= x->cutoff_us) {
        x->out->young += !x->removing;
        return true;
    }
    arena_reset(x->scratch);
    str location = store_uri(x->catalog->store, path, x->scratch);
    enum verdict v = judge(x, location);
    if (v == MISMATCH)
        note_mismatch(x, location);
    if (!x->removing || v == REACHED || (v == MISMATCH && x->o->mismatch != ORPHANS_DELETE))
        return true;
    *vec_push(x->batch_arena, &x->batch) =
        (struct orphan){ arena_str(x->batch_arena, path), info->size };
    return x->batch.n < BATCH_MAX || remove_batch(x, err);
}

static bool list_folder(struct orphans *x, str folder, bool removing, struct error *err)
{
    struct listing l = { x, folder.len };
    x->removing = removing;
    if (!store_list(x->catalog->store, folder, list_one, &l, err)) {
        if (err->code != ERR_NOT_FOUND)
            return false;
        *err = (struct error){ 0 };
    }
    return remove_batch(x, err);
}

static bool check_mismatch(const struct orphans *x, struct error *err)
{
    if (!x->mismatch.len || x->o->mismatch != ORPHANS_ERROR)
        return true;
    fail(err, ERR_CONFLICT,
         "nothing is removed: " STR_FMT " is in use under another scheme or authority",
         STR_ARG(x->mismatch));
    return fail_hint(err, "say which are the same (equal_schemes, equal_authorities), or set "
                          "prefix_mismatch_mode to IGNORE or DELETE");
}

/* --- what may be asked for --- */

static bool is_own(const struct metadata *m, str location)
{
    static const char *const keys[] = { "write.data.path", "write.metadata.path",
                                        "write.object-storage.path", "write.folder-storage.path" };
    struct error ignored = { 0 };
    struct uri place, asked;
    str rest;
    if (!uri_parse(location, &asked, &ignored))
        return false;
    for (size_t i = 0; i <= sizeof keys / sizeof *keys; i++) {
        str own = i ? metadata_property(m, keys[i - 1], (str){ 0 }) : m->location;
        while (str_ends(own, STR("/")))
            own.len--;
        if (own.len && uri_parse(own, &place, &ignored) &&
            (str_eq(place.path, asked.path) || uri_below(&place, &asked, &rest)))
            return str_eq_nocase(place.host, asked.host);
    }
    return false;
}

static bool find_folder(const struct orphans *x, str *path, struct error *err)
{
    str location = x->o->location.len ? x->o->location : x->metadata->location;
    while (location.len > 1 && str_ends(location, STR("/")))
        location.len--;
    if (str_eq_nocase(metadata_property(x->metadata, "gc.enabled", STR("true")), STR("false")))
        return fail(err, ERR_DENIED,
                    "orphans cannot be removed: gc.enabled of the table is false, other tables may "
                    "need its files");
    if (!is_own(x->metadata, location))
        return fail(err, ERR_DENIED,
                    STR_FMT " is not the table's location, nor below it or its write.data.path",
                    STR_ARG(location));
    return store_from_uri(x->catalog->store, location, x->a, path, err) || fail_in(err, "location");
}

/* O1. */
static bool find_cutoff(struct orphans *x, struct error *err)
{
    int64_t asked = x->o->older_than_ms;
    if (asked == INT64_MIN)
        x->cutoff_us = x->now_us - ORPHANS_AGE_US;
    else if (__builtin_mul_overflow(asked, (int64_t)US_PER_MS, &x->cutoff_us))
        x->cutoff_us = asked < 0 ? INT64_MIN : INT64_MAX;
    if (!x->o->any_age && x->cutoff_us > x->now_us - ORPHANS_AGE_MIN_US) {
        fail(err, ERR_INVALID,
             "files younger than 24 hours may belong to writers that have not committed yet");
        return fail_hint(err,
                         "any_age removes them nevertheless: when nothing writes to the table");
    }
    if (x->cutoff_us > x->o->oldest_scan_us)
        x->cutoff_us = x->o->oldest_scan_us;
    return true;
}

bool catalog_orphans(struct catalog *c, str ref, str ns, str name, const struct orphans_options *o,
                     struct arena *a, struct orphans_result *out, struct error *err)
{
    struct table t;
    str folder;
    struct orphans x = { .catalog = c, .o = o, .a = a, .now_us = env_now_us(c->env), .out = out };
    *out = (struct orphans_result){ 0 };
    if (!catalog_load_table(c, ref, ns, name, a, &t, err))
        return false;
    x.metadata = t.metadata;
    if (!find_folder(&x, &folder, err) || !find_cutoff(&x, err))
        return false;
    x.scratch = arena_create(0);
    x.batch_arena = arena_create(0);
    x.seen = seen_create(env_random_u64(c->env));
    struct arena *reached = arena_create(0);
    x.reach = reach_create(c->store, o->cancel, false, reached);
    map_init(&x.versions, reached);
    bool ok = look(&x, err) && list_folder(&x, folder, false, err) && check_mismatch(&x, err) &&
              list_folder(&x, folder, true, err);
    arena_destroy(reached);
    seen_destroy(x.seen);
    arena_destroy(x.batch_arena);
    arena_destroy(x.scratch);
    return ok;
}

bool orphan_locations_add(void *ctx, str location, int64_t bytes, struct error *err)
{
    struct orphan_locations *l = ctx;
    (void)bytes, (void)err;
    if (l->list.n < ORPHANS_TOLD_MAX)
        *vec_push(l->a, &l->list) = arena_str(l->a, location);
    return true;
}

bool orphans_equals(const str *pairs, size_t n, struct arena *a, struct orphans_equal **out,
                    size_t *out_n, struct error *err)
{
    VEC(struct orphans_equal) list = { 0 };
    for (size_t i = 0; i + 1 < n; i += 2) {
        str rest = pairs[i], word;
        while (str_next(&rest, ',', &word)) {
            if (list.n == ORPHANS_EQUALS_MAX)
                return fail(err, ERR_LIMIT, "more than %d spellings", ORPHANS_EQUALS_MAX);
            *vec_push(a, &list) = (struct orphans_equal){ str_trim(word), str_trim(pairs[i + 1]) };
        }
    }
    *out = list.at;
    *out_n = list.n;
    return true;
}

bool orphans_mismatch_parse(str text, enum orphans_mismatch *out, struct error *err)
{
    static const char *const modes[] = { "ERROR", "IGNORE", "DELETE" };
    for (int i = 0; i < 3; i++)
        if (!text.len || str_eq_nocase(text, str_of(modes[i]))) {
            *out = (enum orphans_mismatch)i;
            return true;
        }
    return fail(err, ERR_INVALID,
                "prefix_mismatch_mode is ERROR, IGNORE or DELETE, not \"" STR_FMT "\"",
                STR_ARG(text));
}
