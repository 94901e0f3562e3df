/* SPDX-License-Identifier: Apache-2.0
 *
 * Batches that were read before a stream turned out to be too long are given again by a stream around it. */
#include "engine/arrow_rows.h"

#include <errno.h>

#include "base/mem.h"
#include "base/vec.h"
#include "iceberg/schema.h"

/* ---- A stream that begins with batches read before. */

struct replay {
    struct ArrowArrayStream inner;
    struct ArrowArray *batches; /* those given have no release */
    size_t n, next;
};

static int replay_schema(struct ArrowArrayStream *s, struct ArrowSchema *out)
{
    struct replay *r = s->private_data;
    return r->inner.get_schema(&r->inner, out);
}

static int replay_next(struct ArrowArrayStream *s, struct ArrowArray *out)
{
    struct replay *r = s->private_data;
    if (r->next == r->n)
        return r->inner.get_next(&r->inner, out);
    *out = r->batches[r->next];
    r->batches[r->next++].release = NULL;
    return 0;
}

static const char *replay_error(struct ArrowArrayStream *s)
{
    struct replay *r = s->private_data;
    return r->inner.get_last_error(&r->inner);
}

static void replay_release(struct ArrowArrayStream *s)
{
    struct replay *r = s->private_data;
    for (size_t i = r->next; i < r->n; i++)
        if (r->batches[i].release)
            r->batches[i].release(&r->batches[i]);
    if (r->inner.release)
        r->inner.release(&r->inner);
    mem_free(r->batches);
    mem_free(r);
    s->release = NULL;
}

/* Takes the batches over. */
static void wrap(struct ArrowArrayStream *in, struct ArrowArray *batches, size_t n)
{
    struct replay *r = mem_new(struct replay);
    r->inner = *in;
    r->batches = mem_array(struct ArrowArray, n + 1);
    r->n = n;
    if (n)
        memcpy(r->batches, batches, n * sizeof *batches);
    *in = (struct ArrowArrayStream){ .get_schema = replay_schema,
                                     .get_next = replay_next,
                                     .get_last_error = replay_error,
                                     .release = replay_release,
                                     .private_data = r };
}

/* ---- Columns. */

static bool format_fits(const char *format, const struct type *t)
{
    str f = str_of(format);
    switch (t->kind) {
    case TYPE_BOOLEAN:
        return str_is(f, "b");
    case TYPE_INT:
        return str_is(f, "i");
    case TYPE_LONG:
        return str_is(f, "l");
    case TYPE_FLOAT:
        return str_is(f, "f");
    case TYPE_DOUBLE:
        return str_is(f, "g");
    case TYPE_DATE:
        return str_is(f, "tdD");
    case TYPE_TIME:
        return str_is(f, "ttu");
    case TYPE_TIMESTAMP:
        return str_is(f, "tsu:");
    case TYPE_TIMESTAMPTZ:
        return str_starts(f, STR("tsu:")) && f.len > 4;
    case TYPE_STRING:
        return str_is(f, "u") || str_is(f, "U");
    case TYPE_BINARY:
        return str_is(f, "z") || str_is(f, "Z");
    default:
        return false;
    }
}

/* from[i] is the stream's column of the table's column i; false when any is missing, left over or of another type. */
static bool match(const struct ArrowSchema *s, const struct schema *schema, size_t *from,
                  bool *wide)
{
    if (str_of(s->format).len != 2 || !str_is(str_of(s->format), "+s") ||
        s->n_children != (int64_t)schema->fields_n)
        return false;
    for (size_t i = 0; i < schema->fields_n; i++)
        from[i] = schema->fields_n;
    for (size_t c = 0; c < schema->fields_n; c++) {
        const struct ArrowSchema *child = s->children[c];
        const struct field *f =
            child->name ? schema_field_by_name(schema, str_of(child->name), false) : NULL;
        ptrdiff_t at = f ? schema_column_index(schema, f->id) : -1;
        if (at < 0 || from[at] != schema->fields_n || child->dictionary || !child->format ||
            !format_fits(child->format, f->type))
            return false;
        from[at] = c;
        wide[at] = child->format[0] == 'U' || child->format[0] == 'Z';
    }
    return true;
}

static bool stream_failed(struct ArrowArrayStream *in, int code, struct error *err)
{
    const char *why = in->get_last_error(in);
    return fail(err, ERR_INVALID, "the stream of rows: %s",
                why              ? why
                : code == ENOMEM ? "out of memory"
                                 : "it failed and does not say why");
}

/* ---- Arrays. */

static bool has_offsets(const struct type *t)
{
    return t->kind == TYPE_STRING || t->kind == TYPE_BINARY;
}

/* Offsets of texts have to ascend: lengths are made of them. */
static bool offsets_ascend(const struct rows_array *v, size_t n)
{
    int64_t last = 0;
    for (size_t i = v->from; i <= v->from + n; i++) {
        int64_t at = v->wide ? ((const int64_t *)v->offsets)[i] : ((const int32_t *)v->offsets)[i];
        if (at < last)
            return false;
        last = at;
    }
    return true;
}

static bool take_column(const struct ArrowArray *top, const struct ArrowArray *child,
                        const struct field *f, bool wide, struct rows_array *out, struct error *err)
{
    bool text = has_offsets(f->type);
    if (child->offset < 0 || child->length < top->offset + top->length ||
        child->n_buffers != (text ? 3 : 2) || (top->length > 0 && !child->buffers[1]))
        return fail(err, ERR_INVALID, "the rows' column " STR_FMT " is no array of its type",
                    STR_ARG(f->name));
    *out = (struct rows_array){ .valid = child->null_count == 0 ? NULL : child->buffers[0],
                                .values = child->buffers[text ? 2 : 1],
                                .offsets = text ? child->buffers[1] : NULL,
                                .wide = wide,
                                .from = (size_t)(top->offset + child->offset) };
    if (text && !out->values)
        out->values = ""; /* all of them are empty */
    return !text || top->length == 0 || offsets_ascend(out, (size_t)top->length) ||
           fail(err, ERR_INVALID, "the rows' column " STR_FMT " has offsets that do not ascend",
                STR_ARG(f->name));
}

static bool take_batch(const struct ArrowArray *top, const struct schema *schema,
                       const size_t *from, const bool *wide, struct arena *a,
                       struct rows_batch *out, struct error *err)
{
    struct rows_array *columns = arena_array(a, struct rows_array, schema->fields_n);
    if (top->length < 0 || top->offset < 0 || top->n_children != (int64_t)schema->fields_n)
        return fail(err, ERR_INVALID, "a batch of the rows has other columns than the stream");
    for (size_t i = 0; i < schema->fields_n; i++)
        if (!take_column(top, top->children[from[i]], &schema->fields[i], wide[i], &columns[i],
                         err))
            return false;
    *out = (struct rows_batch){ (size_t)top->length, columns };
    return true;
}

struct held {
    VEC(struct ArrowArray) arrays;
};

static void release_held(void *held)
{
    struct held *h = held;
    for (size_t i = 0; i < h->arrays.n; i++)
        if (h->arrays.at[i].release)
            h->arrays.at[i].release(&h->arrays.at[i]);
}

static bool has_null_rows(const struct ArrowArray *top)
{
    return top->null_count != 0 && top->n_buffers > 0 && top->buffers[0];
}

/* *whole: to the end, within rows_max. */
static bool read_batches(struct ArrowArrayStream *in, size_t rows_max, struct arena *a,
                         struct held *h, size_t *rows, bool *whole, struct error *err)
{
    *rows = 0;
    for (*whole = true; *whole;) {
        struct ArrowArray *top = vec_push(a, &h->arrays);
        int code = in->get_next(in, top);
        if (code != 0) {
            h->arrays.n--;
            return stream_failed(in, code, err);
        }
        if (!top->release) {
            h->arrays.n--;
            return true;
        }
        *rows += top->length > 0 ? (size_t)top->length : 0;
        *whole = *rows <= rows_max && !has_null_rows(top);
    }
    return true;
}

bool arrow_rows_read(struct ArrowArrayStream *in, const struct schema *schema, size_t rows_max,
                     struct arena *a, struct arrow_rows *out, bool *fits, struct error *err)
{
    struct ArrowSchema described = { 0 };
    size_t *from = arena_array(a, size_t, schema->fields_n);
    bool *wide = arena_array(a, bool, schema->fields_n);
    int code = in->get_schema(in, &described);
    *fits = false;
    if (code != 0)
        return stream_failed(in, code, err);
    bool matches = match(&described, schema, from, wide);
    if (described.release)
        described.release(&described);
    if (!matches)
        return true;
    struct held *h = arena_new(a, struct held);
    arena_defer(a, release_held, h);
    if (!read_batches(in, rows_max, a, h, &out->rows, fits, err))
        return false;
    if (!*fits) {
        wrap(in, h->arrays.at, h->arrays.n);
        h->arrays.n = 0;
        return true;
    }
    out->n = h->arrays.n;
    out->batches = arena_array(a, struct rows_batch, out->n);
    for (size_t i = 0; i < out->n; i++)
        if (!take_batch(&h->arrays.at[i], schema, from, wide, a, &out->batches[i], err))
            return false;
    return true;
}
