/* SPDX-License-Identifier: Apache-2.0
 *
 * What is taken for records lies one behind the other in the bytes, within the limits, all of one epoch; reading on after the end
 * changes nothing. */
#include "io/journal.h"

#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    str all = str_make(data, size), rest = all;
    struct journal_record r;
    uint64_t epoch = 0;
    const char *last = all.ptr;
    while (journal_next(&rest, &epoch, &r)) {
        HOLDS(epoch != 0 && r.epoch == epoch);
        HOLDS(r.path.len > 0 && r.path.len <= JOURNAL_PATH_MAX && r.bytes.len <= JOURNAL_BYTES_MAX);
        HOLDS(r.path.ptr > last && r.bytes.ptr == r.path.ptr + r.path.len);
        HOLDS(r.bytes.ptr + r.bytes.len <= rest.ptr && rest.ptr + rest.len == all.ptr + all.len);
        last = rest.ptr - 1;
    }
    str end = rest;
    HOLDS(!journal_next(&rest, &epoch, &r) && rest.ptr == end.ptr && rest.len == end.len);
    return 0;
}
