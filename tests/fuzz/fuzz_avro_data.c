/* SPDX-License-Identifier: Apache-2.0
 *
 * Records of an Avro file as Arrow arrays: offsets never go back and end where the children end, validity bits say as many nulls as are
 * counted, structs' children are as long as they, texts are UTF-8. */
#include "engine/avro_arrow_priv.h"

#include "fuzz.h"

#define ROWS_MAX 100000

static bool has_bit(const void *bits, int64_t i)
{
    return ((const uint8_t *)bits)[i / 8] >> i % 8 & 1;
}

static void check_offsets(const struct ArrowArray *a)
{
    const int32_t *offsets = a->buffers[1];
    HOLDS(offsets[0] == 0);
    for (int64_t i = 0; i < a->length; i++)
        HOLDS(offsets[i] <= offsets[i + 1]);
}

static void check_array(const struct ArrowSchema *s, const struct ArrowArray *a)
{
    const char *f = s->format;
    int64_t nulls = 0;
    HOLDS(a->n_children == s->n_children);
    for (int64_t i = 0; a->n_buffers && i < a->length; i++)
        nulls += !has_bit(a->buffers[0], i);
    HOLDS(!a->n_buffers || nulls == a->null_count);
    if (*f == 'u' || *f == 'z') {
        check_offsets(a);
        const int32_t *offsets = a->buffers[1];
        HOLDS(*f != 'u' || str_is_utf8(str_make(a->buffers[2], (size_t)offsets[a->length])));
    }
    if (strcmp(f, "+l") == 0 || strcmp(f, "+m") == 0) {
        check_offsets(a);
        HOLDS(((const int32_t *)a->buffers[1])[a->length] == a->children[0]->length);
    }
    for (int64_t i = 0; i < a->n_children; i++) {
        HOLDS(*f != '+' || f[1] != 's' || a->children[i]->length == a->length);
        check_array(s->children[i], a->children[i]);
    }
}

static void read_all(struct ArrowArrayStream *stream, struct error *why)
{
    struct ArrowSchema schema;
    struct ArrowArray batch;
    int64_t rows = 0;
    HOLDS(stream->get_schema(stream, &schema) == 0);
    while (rows < ROWS_MAX) {
        if (stream->get_next(stream, &batch) != 0) {
            HOLDS(fuzz_expected(why) && stream->get_last_error(stream)[0]);
            break;
        }
        if (!batch.release)
            break;
        check_array(&schema, &batch);
        rows += batch.length;
        batch.release(&batch);
    }
    schema.release(&schema);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *a = arena_create((size_t)256 << 20);
    struct ArrowArrayStream stream;
    struct avro_reader r;
    struct error err = { 0 }, why = { 0 };
    if (avro_open(&r, str_make(data, size), a, &err) &&
        avro_arrow_stream(&r, a, &why, &stream, &err))
        read_all(&stream, &why);
    else
        HOLDS(fuzz_expected(&err));
    arena_destroy(a);
    return 0;
}
