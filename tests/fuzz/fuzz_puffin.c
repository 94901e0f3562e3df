/* SPDX-License-Identifier: Apache-2.0
 *
 * Puffin files and deletion vectors.  Blobs of what is accepted lie inside the file; a file written from them
 * reads as the same; a vector that is accepted survives being written. */
#include "codec/puffin.h"

#include "codec/roaring.h"
#include "fuzz.h"

#define CONTENT_MAX ((size_t)4 << 20)

static void rewrite(const struct puffin *p, str file, struct arena *a)
{
    struct buf out = BUF_INIT((size_t)64 << 20);
    struct puffin_writer w;
    struct puffin_blob stored;
    struct puffin again;
    struct error err;
    puffin_begin(&w, &out, a);
    for (size_t i = 0; i < p->blobs_n; i++) {
        struct puffin_blob b = p->blobs[i];
        b.codec = (str){ 0 };
        str bytes = str_sub(file, (size_t)b.offset, (size_t)(b.offset + b.length));
        HOLDS(puffin_add(&w, &b, bytes, &stored, &err));
    }
    HOLDS(puffin_finish(&w, NULL, 0, file.len % 2, &err));
    HOLDS(puffin_parse(buf_str(&out), a, &again, &err) && again.blobs_n == p->blobs_n);
    for (size_t i = 0; i < p->blobs_n; i++)
        HOLDS(str_eq(again.blobs[i].type, p->blobs[i].type) &&
              again.blobs[i].length == p->blobs[i].length &&
              again.blobs[i].properties_n == p->blobs[i].properties_n);
    buf_deinit(&out);
}

static void fuzz_file(str file, struct arena *a)
{
    struct puffin p;
    struct error err = { 0 };
    uint64_t total = 0;
    if (!puffin_parse(file, a, &p, &err)) {
        HOLDS(fuzz_expected(&err));
        return;
    }
    for (size_t i = 0; i < p.blobs_n; i++) {
        const struct puffin_blob *b = &p.blobs[i];
        HOLDS(b->offset >= 4 && b->length >= 0 &&
              (uint64_t)b->offset + (uint64_t)b->length <= file.len);
        str content, stored = str_sub(file, (size_t)b->offset, (size_t)(b->offset + b->length));
        if (i < 16 && !puffin_blob_content(b, stored, CONTENT_MAX, a, &content, &err))
            HOLDS(fuzz_expected(&err));
        total += (uint64_t)b->length;
    }
    if (total < CONTENT_MAX)
        rewrite(&p, file, a);
}

static void fuzz_vector(str bytes, struct arena *a)
{
    struct positions *p;
    struct error err = { 0 };
    struct buf out = BUF_INIT((size_t)64 << 20);
    if (deletion_vector_read(bytes, a, &p, &err)) {
        deletion_vector_write(p, &out);
        struct positions *again;
        HOLDS(deletion_vector_read(buf_str(&out), a, &again, &err));
        HOLDS(positions_count(again) == positions_count(p));
    } else {
        HOLDS(fuzz_expected(&err));
    }
    buf_deinit(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *a = arena_create(0);
    fuzz_file(str_make(data, size), a);
    arena_reset(a);
    fuzz_vector(str_make(data, size), a);
    arena_destroy(a);
    return 0;
}
