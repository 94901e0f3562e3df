/* SPDX-License-Identifier: Apache-2.0
 *
 * The first byte picks the codec.  Unpacking stays within its limit; what it gives can be packed and
 * unpacked again; the input itself survives packing. */
#include "codec/compress.h"

#include "fuzz.h"

#define UNPACKED_MAX ((size_t)1 << 20)

static void check_survives(enum compression how, str bytes)
{
    struct buf packed = BUF_INIT(2 * UNPACKED_MAX + 4096), back = BUF_INIT(UNPACKED_MAX);
    struct error err;
    HOLDS(compress_bytes(how, 1, bytes, &packed, &err));
    HOLDS(decompress_bytes(how, buf_str(&packed), bytes.len, &back, &err));
    HOLDS(str_eq(buf_str(&back), bytes));
    buf_deinit(&packed);
    buf_deinit(&back);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0 || size > UNPACKED_MAX)
        return 0;
    enum compression how = (enum compression)(data[0] % COMPRESSION_KINDS);
    struct buf out = BUF_INIT(UNPACKED_MAX);
    struct error err = { 0 };
    str in = str_make(data + 1, size - 1);
    if (decompress_bytes(how, in, UNPACKED_MAX, &out, &err))
        check_survives(how, buf_str(&out));
    else
        HOLDS(out.len == 0 && fuzz_expected(&err));
    check_survives(how, in);
    buf_deinit(&out);
    return 0;
}
