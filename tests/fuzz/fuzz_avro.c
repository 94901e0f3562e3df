/* SPDX-License-Identifier: Apache-2.0
 *
 * Every block that is accepted holds as many records as it says, side by side; written again with
 * some codec, the same bytes are read back. */
#include "codec/avro.h"

#include "fuzz.h"

#define FILE_MAX ((size_t)64 << 20)

/* The records of a block are what lies between rd->p before and after; false for damaged ones. */
static bool skip_records(const struct avro_reader *r, struct avro_rd *rd, size_t count)
{
    const uint8_t *before = rd->p;
    for (size_t i = 0; i < count && !rd->bad; i++) {
        avro_skip(r->schema, rd);
        HOLDS(rd->p >= before && rd->p <= rd->end);
        HOLDS(rd->bad || rd->p > before || r->schema->empty == r->schema->nodes);
        before = rd->p;
    }
    return !rd->bad && rd->p == rd->end;
}

static void check_rewrite(const struct avro_reader *r, str records, size_t count,
                          enum avro_codec codec)
{
    struct arena *a = arena_create((size_t)256 << 20);
    struct buf out = BUF_INIT(FILE_MAX);
    struct avro_writer w;
    struct avro_reader again;
    struct avro_rd rd;
    struct error err;
    size_t n;
    HOLDS(avro_writer_init(&w, &out, r->schema_text, NULL, 0, codec, r->sync, &err));
    buf_add_str(&w.block, records);
    w.count = count;
    HOLDS(avro_writer_finish(&w, &err));
    avro_writer_deinit(&w);
    HOLDS(avro_open(&again, buf_str(&out), a, &err));
    /* Zstandard alone can pack better than the reader believes. */
    if (avro_next_block(&again, NULL, &rd, &n, &err))
        HOLDS(n == count && str_eq(str_make(rd.p, (size_t)(rd.end - rd.p)), records));
    else
        HOLDS(codec == AVRO_CODEC_ZSTD && err.code == ERR_LIMIT);
    buf_deinit(&out);
    arena_destroy(a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *a = arena_create((size_t)64 << 20);
    struct avro_reader r;
    struct avro_rd rd;
    struct error err = { 0 };
    size_t count = 1, total = 0;
    bool ok = avro_open(&r, str_make(data, size), a, &err);
    while (ok && count > 0 && total < (4 << 20)) {
        ok = avro_next_block(&r, NULL, &rd, &count, &err);
        if (!ok || count == 0)
            break;
        str records = str_make(rd.p, (size_t)(rd.end - rd.p));
        total += records.len;
        bool good = skip_records(&r, &rd, count);
        ok = avro_end_block(&r, &rd, &err);
        HOLDS(good == ok);
        if (ok && records.len < (1 << 20))
            check_rewrite(&r, records, count, (enum avro_codec)(size % 4));
    }
    HOLDS(ok || fuzz_expected(&err));
    arena_destroy(a);
    return 0;
}
