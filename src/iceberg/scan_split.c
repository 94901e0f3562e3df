/* SPDX-License-Identifier: Apache-2.0
 *
 * Files into pieces, pieces into groups of about the same work. */
#include "base/mem.h"
#include "iceberg/metadata.h"
#include "iceberg/scan.h"

#define TARGET_SIZE ((int64_t)128 << 20)
#define OPEN_FILE_COST ((int64_t)4 << 20)
#define LOOKBACK 10
#define LOOKBACK_MAX 10000
#define PIECES_MAX 100000 /* of one file: at a larger target than was asked for, rather than more */

static int64_t property_at_least(const struct metadata *m, const char *key, int64_t fallback)
{
    int64_t v = metadata_property_int(m, key, fallback);
    return v >= 1 ? v : fallback;
}

struct split_options split_options_of(const struct metadata *m)
{
    int64_t lookback = property_at_least(m, "read.split.planning-lookback", LOOKBACK);
    return (struct split_options){
        .target_size = property_at_least(m, "read.split.target-size", TARGET_SIZE),
        .open_file_cost = property_at_least(m, "read.split.open-file-cost", OPEN_FILE_COST),
        .lookback = lookback < LOOKBACK_MAX ? (size_t)lookback : LOOKBACK_MAX,
    };
}

static bool can_be_cut(const struct data_file *f)
{
    return str_is(f->format, "parquet") || str_is(f->format, "orc") || str_is(f->format, "avro");
}

static bool offsets_make_sense(const struct data_file *f)
{
    for (size_t i = 0; i < f->split_offsets_n; i++)
        if (f->split_offsets[i] < 0 || f->split_offsets[i] >= f->size ||
            (i > 0 && f->split_offsets[i] <= f->split_offsets[i - 1]))
            return false;
    return f->split_offsets_n > 0;
}

/* As few pieces as the offsets allow without one above the target; the first begins at 0, so that pieces cover the
 * file whatever stands before the first row group. */
static size_t cut_at_offsets(const struct data_file *f, int64_t target, struct file_piece *out)
{
    size_t n = 0;
    int64_t start = 0;
    for (size_t i = 1; i < f->split_offsets_n; i++) {
        int64_t end = i + 1 < f->split_offsets_n ? f->split_offsets[i + 1] : f->size;
        if (end - start <= target)
            continue;
        out[n++] = (struct file_piece){ start, f->split_offsets[i] - start };
        start = f->split_offsets[i];
    }
    out[n++] = (struct file_piece){ start, f->size - start };
    return n;
}

static size_t cut_evenly(const struct data_file *f, int64_t target, struct arena *a,
                         struct file_piece **out)
{
    int64_t least = f->size / PIECES_MAX + 1;
    int64_t step = target > least ? target : least;
    size_t n = (size_t)(f->size / step) + (f->size % step != 0);
    *out = arena_array(a, struct file_piece, n);
    for (size_t i = 0; i < n; i++) {
        int64_t start = (int64_t)i * step;
        (*out)[i] = (struct file_piece){ start, f->size - start < step ? f->size - start : step };
    }
    return n;
}

void data_file_split(const struct data_file *f, int64_t target_size, struct arena *a,
                     struct file_piece **out, size_t *n)
{
    ASSERT(target_size > 0);
    if (offsets_make_sense(f)) {
        *out = arena_array(a, struct file_piece, f->split_offsets_n);
        *n = cut_at_offsets(f, target_size, *out);
    } else if (can_be_cut(f) && f->size > 0) {
        *n = cut_evenly(f, target_size, a, out);
    } else {
        *out = arena_new(a, struct file_piece);
        **out = (struct file_piece){ 0, f->size };
        *n = 1;
    }
}

int64_t split_weight(const struct scan_task *t, const struct file_piece *piece,
                     const struct split_options *o)
{
    int64_t bytes = piece->length, least = o->open_file_cost;
    for (size_t i = 0; i < t->deletes_n; i++) {
        const struct data_file *d = t->deletes[i];
        int64_t size = d->content_size >= 0 ? d->content_size : d->size;
        if (__builtin_add_overflow(bytes, size, &bytes) ||
            __builtin_add_overflow(least, o->open_file_cost, &least))
            return INT64_MAX;
    }
    return bytes > least ? bytes : least;
}

/* --- groups --- */

struct group {
    int64_t weight;
    size_t number;
};

/* The first open group with room; lookback: none. */
static size_t find_room(const struct group *open, size_t n, int64_t weight, int64_t target)
{
    for (size_t i = 0; i < n; i++)
        if (open[i].weight <= target && weight <= target - open[i].weight)
            return i;
    return n;
}

size_t split_pack(const int64_t *weights, size_t n, int64_t target, size_t lookback, size_t *group)
{
    struct group *open = mem_array(struct group, lookback);
    size_t open_n = 0, groups = 0;
    ASSERT(lookback > 0 && target > 0);
    for (size_t i = 0; i < n; i++) {
        size_t at = find_room(open, open_n, weights[i], target);
        if (at == open_n) { /* a new one; the oldest is full enough */
            if (open_n == lookback)
                memmove(open, open + 1, --open_n * sizeof *open);
            at = open_n++;
            open[at] = (struct group){ 0, groups++ };
        }
        open[at].weight =
            weights[i] > INT64_MAX - open[at].weight ? INT64_MAX : open[at].weight + weights[i];
        group[i] = open[at].number;
    }
    mem_free(open);
    return groups;
}
