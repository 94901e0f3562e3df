/* SPDX-License-Identifier: Apache-2.0
 *
 * Keys, bodies and filters of Nessie's API.  A key that is accepted has levels that pass as names and reads back from what is written; an
 * accepted body keeps its limits; a filter gives an answer or a reason. */
#include "server/cel.h"
#include "server/nessie_body.h"

#include "fuzz.h"

static void check_path(str path, struct arena *a)
{
    struct error err = { 0 };
    struct buf out = BUF_INIT((size_t)16 << 20);
    struct json_writer w;
    struct json *key;
    str again;
    if (!ns_check(path, &err) && str_find(str_of(err.msg), STR("more than")) < 0)
        __builtin_trap();
    jw_init(&w, &out);
    nessie_key_write(path, &w);
    if (!json_parse(buf_str(&out), a, &key, &err) || !nessie_key_parse(key, a, &again, &err) ||
        !str_eq(path, again))
        __builtin_trap();
    /* Dots inside of a level are U+001D in URLs. */
    if (!nessie_key_from_path(nessie_key_encoded(path, a), a, &again, &err) || !str_eq(path, again))
        __builtin_trap();
    buf_deinit(&out);
}

static void check_bodies(str text, struct arena *a)
{
    struct error err = { 0 };
    struct nessie_ref_body ref;
    struct nessie_commit_body commit;
    struct nessie_merge_body merge;
    str *paths;
    size_t n;
    (void)!nessie_ref_parse(text, a, &ref, &err);
    if (nessie_commit_parse(text, a, &commit, &err)) {
        if (commit.n > ENTRIES_MAX)
            __builtin_trap();
        for (size_t i = 0; i < commit.n; i++) {
            check_path(commit.ops[i].path, a);
            if (commit.ops[i].kind == ENTRY_OP_PUT && commit.ops[i].type != ENTRY_NAMESPACE &&
                !commit.ops[i].location.ptr)
                __builtin_trap();
        }
    }
    if (nessie_merge_parse(text, a, &merge, &err) && merge.keys_n > 2 * NESSIE_KEYS_MAX)
        __builtin_trap();
    if (nessie_keys_parse(text, a, &paths, &n, &err))
        for (size_t i = 0; i < n; i++)
            check_path(paths[i], a);
}

static void check_filter(str text, struct arena *a)
{
    struct error err = { 0 };
    const struct cel *e;
    bool holds;
    struct cel_value list[] = { { .kind = CEL_STR, .s = STR_INIT("a") } };
    struct cel_member entry[] = {
        { STR_INIT("contentType"), { .kind = CEL_STR, .s = STR_INIT("ICEBERG_TABLE") } },
        { STR_INIT("keyElements"), { .kind = CEL_LIST, .list = { list, 1 } } },
        { STR_INIT("commitTime"), { .kind = CEL_TIME, .i = 1000000 } },
    };
    struct cel_member variables[] = {
        { STR_INIT("entry"), { .kind = CEL_OBJECT, .object = { entry, 3 } } },
        { STR_INIT("commit"), { .kind = CEL_OBJECT, .object = { entry, 3 } } },
        { STR_INIT("operations"), { .kind = CEL_LIST, .list = { list, 1 } } },
    };
    if (cel_parse(text, a, &e, &err) && !cel_holds(e, variables, 3, a, &holds, &err) &&
        err.msg[0] == '\0')
        __builtin_trap();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *a = arena_create((size_t)256 << 20);
    str text = str_make(data, size < 65536 ? size : 65536), path;
    struct error err = { 0 };
    if (nessie_key_from_path(text, a, &path, &err))
        check_path(path, a);
    check_bodies(text, a);
    check_filter(text, a);
    arena_destroy(a);
    return 0;
}
