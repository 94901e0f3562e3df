/* SPDX-License-Identifier: Apache-2.0 */
#include "iceberg/rewrite.h"

#include "base/map.h"
#include "base/vec.h"
#include "iceberg/metadata.h"

#define TARGET_BYTES_DEFAULT (INT64_C(512) << 20)
#define GROUP_BYTES_DEFAULT (INT64_C(100) << 30)
#define INPUT_FILES_DEFAULT 5
#define DELETE_RATIO_DEFAULT 0.3

bool rewrite_defaults(const struct metadata *m, struct rewrite_options *o, struct error *err)
{
    if (o->target_bytes == 0)
        o->target_bytes =
            metadata_property_int(m, "write.target-file-size-bytes", TARGET_BYTES_DEFAULT);
    if (o->target_bytes <= 0 || o->target_bytes > INT64_MAX / 2)
        return fail(err, ERR_INVALID, "target-file-size-bytes is %lld and has to be above 0",
                    (long long)o->target_bytes);
    if (o->min_bytes == 0)
        o->min_bytes = (int64_t)((double)o->target_bytes * 0.75);
    if (o->max_bytes == 0)
        o->max_bytes = (int64_t)((double)o->target_bytes * 1.8);
    if (o->group_bytes == 0)
        o->group_bytes = GROUP_BYTES_DEFAULT;
    if (o->min_input_files == 0)
        o->min_input_files = INPUT_FILES_DEFAULT;
    if (o->delete_ratio == 0)
        o->delete_ratio = DELETE_RATIO_DEFAULT;
    if (o->min_bytes < 0 || o->min_bytes >= o->target_bytes || o->max_bytes <= o->target_bytes)
        return fail(
            err, ERR_INVALID,
            "target-file-size-bytes (%lld) has to be between min-file-size-bytes (%lld) and "
            "max-file-size-bytes (%lld)",
            (long long)o->target_bytes, (long long)o->min_bytes, (long long)o->max_bytes);
    if (o->group_bytes < 0 || o->min_input_files < 0 || o->delete_files < 0 ||
        !(o->delete_ratio > 0 && o->delete_ratio <= 1))
        return fail(err, ERR_INVALID,
                    "options of a rewrite are above 0, and delete-ratio-threshold at most 1");
    return true;
}

/* Worth it for its own sake, also without company. */
static bool is_worth_it(const struct rewrite_options *o, const struct rewrite_file *f)
{
    return o->all || f->other_spec ||
           (o->delete_files > 0 && f->delete_files >= (size_t)o->delete_files) ||
           (f->deleted_rows > 0 && (double)f->deleted_rows >= o->delete_ratio * (double)f->rows);
}

static bool is_candidate(const struct rewrite_options *o, const struct rewrite_file *f)
{
    return is_worth_it(o, f) || f->size < o->min_bytes || f->size > o->max_bytes;
}

static bool group_is_worth_it(const struct rewrite_options *o, const struct rewrite_file *files,
                              const struct rewrite_group *g)
{
    for (size_t i = 0; i < g->n; i++)
        if (is_worth_it(o, &files[g->files[i]]))
            return true;
    if (g->bytes > o->max_bytes)
        return true;
    return g->n > 1 && ((int64_t)g->n >= o->min_input_files || g->bytes > o->target_bytes);
}

/* A partition's group that is being filled. */
struct open_group {
    VEC(size_t) files;
    int64_t bytes;
};

struct planning {
    const struct rewrite_options *o;
    const struct rewrite_file *files;
    struct arena *a;
    VEC(struct rewrite_group) out;
};

static void close_group(struct planning *p, struct open_group *open)
{
    struct rewrite_group g = { open->files.at, open->files.n, open->bytes };
    if (g.n > 0 && group_is_worth_it(p->o, p->files, &g))
        *vec_push(p->a, &p->out) = g;
    *open = (struct open_group){ 0 };
}

void rewrite_plan(const struct rewrite_options *o, const struct rewrite_file *files, size_t n,
                  struct arena *a, struct rewrite_group **out, size_t *groups_n)
{
    struct planning p = { .o = o, .files = files, .a = a };
    struct map open;
    map_init(&open, a);
    for (size_t i = 0; i < n; i++) {
        if (!is_candidate(o, &files[i]))
            continue;
        struct open_group *g = map_get(&open, files[i].partition);
        if (!g) {
            g = arena_new(a, struct open_group);
            map_put(&open, files[i].partition, g);
        }
        if (g->files.n > 0 && g->bytes > o->group_bytes - files[i].size)
            close_group(&p, g);
        *vec_push(a, &g->files) = i;
        g->bytes += files[i].size;
    }
    for (size_t i = 0; i < open.n; i++)
        close_group(&p, open.entries[i].value);
    *out = p.out.at;
    *groups_n = p.out.n;
}
