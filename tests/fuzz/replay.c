/* SPDX-License-Identifier: Apache-2.0
 *
 * Runs a fuzz target over a corpus without libFuzzer: each file whole, cut short at many places, and
 * with single bits changed. */
#include <dirent.h>
#include <string.h>

#include "base/rand.h"
#include "fuzz.h"

#define CUTS 64
#define FLIPS 256

/* Bytes of exactly this length, so that the address sanitizer sees a read beyond. */
static void run(const uint8_t *bytes, size_t size)
{
    uint8_t *copy = malloc(size ? size : 1);
    HOLDS(copy);
    if (size)
        memcpy(copy, bytes, size);
    LLVMFuzzerTestOneInput(copy, size);
    free(copy);
}

static void replay(uint8_t *bytes, size_t size)
{
    struct rand r;
    rand_init(&r, size);
    run(bytes, size);
    for (size_t i = 0; i < CUTS && size > 0; i++)
        run(bytes, size <= CUTS ? i % size : (size_t)rand_below(&r, size));
    for (size_t i = 0; i < FLIPS && size > 0; i++) {
        uint64_t bit = rand_below(&r, size * 8);
        bytes[bit / 8] = (uint8_t)(bytes[bit / 8] ^ 1U << (bit % 8));
        run(bytes, size);
        bytes[bit / 8] = (uint8_t)(bytes[bit / 8] ^ 1U << (bit % 8));
    }
}

static void replay_file(const char *folder, const char *name)
{
    struct arena *a = arena_create(0);
    str path = arena_printf(a, "%s/%s", folder, name);
    FILE *f = fopen(path.ptr, "rb");
    HOLDS(f);
    HOLDS(fseek(f, 0, SEEK_END) == 0);
    size_t size = (size_t)ftell(f);
    rewind(f);
    uint8_t *bytes = arena_alloc(a, size);
    HOLDS(fread(bytes, 1, size, f) == size);
    fclose(f);
    replay(bytes, size);
    arena_destroy(a);
}

int main(int argc, char **argv)
{
    int files = 0;
    for (int i = 1; i < argc; i++) {
        DIR *d = opendir(argv[i]);
        if (!d) {
            fprintf(stderr, "%s: no corpus\n", argv[i]);
            return 1;
        }
        for (struct dirent *e; (e = readdir(d));) {
            if (e->d_name[0] == '.')
                continue;
            replay_file(argv[i], e->d_name);
            files++;
        }
        closedir(d);
    }
    run(NULL, 0);
    printf("%d files replayed\n", files);
    return files == 0;
}
