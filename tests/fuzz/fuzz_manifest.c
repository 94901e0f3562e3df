/* SPDX-License-Identifier: Apache-2.0
 *
 * Manifests and manifest lists.  What is accepted points into the input or the arena (the sanitizer
 * sees reads outside), and can be written and read again to the same entries. */
#include "base/str.h"
#include "fuzz.h"
#include "iceberg/manifest.h"
#include "iceberg/partition.h"
#include "iceberg/schema.h"

#define ENTRIES_MAX 2000 /* enough for an input; keeps rounds short */

static const struct schema *fuzz_schema(struct arena *a)
{
    static const struct type *types[4];
    struct error err;
    struct field *f = arena_array(a, struct field, 4);
    types[0] = type_of(TYPE_LONG);
    types[1] = type_of(TYPE_STRING);
    types[2] = type_decimal(a, 9, 2);
    types[3] = type_of(TYPE_TIMESTAMPTZ);
    for (int i = 0; i < 4; i++)
        f[i] = (struct field){ .id = i + 1, .name = arena_printf(a, "c%d", i), .type = types[i] };
    const struct schema *schema;
    HOLDS(schema_build(0, f, 4, NULL, 0, a, &schema, &err));
    return schema;
}

static const struct partition_spec *fuzz_spec(struct arena *a)
{
    struct partition_field *f = arena_array(a, struct partition_field, 3);
    for (int i = 0; i < 3; i++)
        f[i] = (struct partition_field){
            .source_id = i + 1,
            .field_id = 1000 + i,
            .name = arena_printf(a, "p%d", i),
            .transform = transform_make(TRANSFORM_IDENTITY, 0, a),
        };
    struct partition_spec *spec = arena_new(a, struct partition_spec);
    *spec = (struct partition_spec){ .fields = f, .fields_n = 3 };
    return spec;
}

static uint64_t touch(str s)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < s.len; i++)
        sum += (unsigned char)s.ptr[i];
    return sum;
}

static bool writable(const struct manifest_entry *e)
{
    return e->file.records >= 0 && e->file.format.len > 0 &&
           (e->status == ENTRY_ADDED ||
            (e->snapshot_id >= 0 && e->sequence_number >= 0 && e->file_sequence_number >= 0));
}

/* Writes the data files again and expects to read them back. */
static void round_trip(const struct manifest_entry *entries, size_t n,
                       const struct manifest_read_options *o, struct arena *a)
{
    struct error err;
    struct buf *b = arena_new(a, struct buf);
    buf_init(b, (size_t)64 << 20);
    buf_in_arena(b, a);
    struct manifest_write_options w = {
        .format_version = 3, .schema = o->schema, .spec = o->spec, .snapshot_id = 1
    };
    struct manifest_writer *writer;
    HOLDS(manifest_writer_create(&w, b, a, &writer, &err));
    size_t written = 0;
    for (size_t i = 0; i < n; i++)
        if (entries[i].file.content == FILE_DATA && writable(&entries[i]))
            written += manifest_writer_add(writer, &entries[i], &err);
    struct manifest_file file;
    if (!manifest_writer_finish(writer, &file, &err))
        return;
    struct manifest_entry *again;
    size_t again_n;
    HOLDS(manifest_parse(buf_str(b), o, a, &again, &again_n, &err));
    HOLDS(again_n == written);
}

static void fuzz_manifest(str bytes, struct arena *a)
{
    struct error err = { 0 };
    struct manifest_entry *entries;
    size_t n;
    uint64_t sum = 0;
    struct manifest_read_options o = { .spec = fuzz_spec(a),
                                       .schema = fuzz_schema(a),
                                       .all_columns = true };
    if (!manifest_parse(bytes, &o, a, &entries, &n, &err)) {
        HOLDS(fuzz_expected(&err));
        return;
    }
    for (size_t i = 0; i < n; i++) {
        const struct data_file *f = &entries[i].file;
        sum += touch(f->path) + touch(f->format) + touch(f->referenced_file);
        HOLDS(f->path.len > 0 && f->partition_n == 3);
        for (size_t k = 0; k < f->columns_n; k++) {
            sum += touch(f->columns[k].lower) + touch(f->columns[k].upper);
            HOLDS(data_file_column(f, f->columns[k].field_id) == &f->columns[k]);
            if (k > 64)
                break; /* the search is linear */
        }
    }
    if (n > 0 && n <= ENTRIES_MAX)
        round_trip(entries, n, &o, a);
    HOLDS(sum < UINT64_MAX);
}

static void fuzz_list(str bytes, struct arena *a)
{
    struct error err = { 0 };
    struct manifest_file *m;
    size_t n;
    if (!manifest_list_parse(bytes, a, &m, &n, &err)) {
        HOLDS(fuzz_expected(&err));
        return;
    }
    for (size_t i = 0; i < n; i++) {
        HOLDS(m[i].path.len > 0 && touch(m[i].path) < UINT64_MAX);
        for (size_t k = 0; k < m[i].partitions_n; k++)
            HOLDS(touch(m[i].partitions[k].lower) < UINT64_MAX);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *a = arena_create(0);
    fuzz_manifest(str_make(data, size), a);
    arena_reset(a);
    fuzz_list(str_make(data, size), a);
    arena_destroy(a);
    return 0;
}
