/* SPDX-License-Identifier: Apache-2.0
 *
 * The bracket around every call, and the small functions of the header. */
#include "base/mem.h"
#include "capi/capi_priv.h"
#include "iceberg/metadata.h"
#include "version.h"

_Static_assert(FIRN_INVALID == (int)ERR_INVALID && FIRN_CONFLICT == (int)ERR_CONFLICT &&
                   FIRN_UNKNOWN == (int)ERR_UNKNOWN && FIRN_INTERNAL == (int)ERR_INTERNAL &&
                   ERR_CODES == FIRN_INTERNAL + 1,
               "codes of the header are those of base/error.h");

/* Programs were compiled with these: reserved fields get a meaning, nothing moves. */
#if UINTPTR_MAX == UINT64_MAX
#define LAID_OUT(type, bytes) _Static_assert(sizeof(type) == (bytes), "the layout of " #type)
LAID_OUT(firn_error, 784);
LAID_OUT(firn_open_options, 72);
LAID_OUT(firn_scan_options, 144);
LAID_OUT(firn_pair, 16);
LAID_OUT(firn_write_options, 80);
LAID_OUT(firn_write_result, 152);
LAID_OUT(firn_create_options, 96);
LAID_OUT(firn_change, 32);
LAID_OUT(firn_sql_options, 88);
LAID_OUT(firn_move_options, 104);
LAID_OUT(firn_table_ref_options, 104);
LAID_OUT(firn_call_options, 88);
#endif

const char *firn_version(void)
{
    return FIRN_VERSION;
}

int32_t firn_abi_version(void)
{
    return FIRN_ABI_VERSION;
}

const char *firn_code_name(int32_t code)
{
    if (code == FIRN_OK)
        return "ok";
    return code > 0 && code < ERR_CODES ? err_code_name((enum err_code)code) : "no such code";
}

void firn_free(void *text)
{
    mem_free(text);
}

firn_cancel *firn_cancel_create(int64_t timeout_ms)
{
    firn_cancel *c = mem_new(firn_cancel);
    if (timeout_ms > 0 && timeout_ms < INT64_MAX / 2000000)
        c->cancel.deadline_ns = env_monotonic_ns(env_real()) + timeout_ms * 1000000;
    return c;
}

void firn_cancel_request(firn_cancel *cancel)
{
    if (cancel)
        atomic_store(&cancel->cancel.requested, true);
}

void firn_cancel_free(firn_cancel *cancel)
{
    mem_free(cancel);
}

struct cancel *capi_cancel(firn_cancel *cancel)
{
    return cancel ? &cancel->cancel : NULL;
}

static void copy_text(char *to, size_t size, const char *from)
{
    size_t n = strlen(from);
    n = n < size ? n : size - 1;
    memcpy(to, from, n);
    to[n] = 0;
}

int capi_failed(const struct error *err, firn_error *out)
{
    int code = err->code ? (int)err->code : FIRN_INTERNAL;
    if (out && out->size >= sizeof *out) {
        out->code = code;
        copy_text(out->message, sizeof out->message, err->msg);
        copy_text(out->hint, sizeof out->hint, err->hint);
    }
    return code;
}

static void clear(firn_error *out)
{
    if (!out || out->size < sizeof *out)
        return;
    out->code = FIRN_OK;
    out->message[0] = out->hint[0] = 0;
}

const struct access *capi_access(struct firn_lake *lake, struct arena *a)
{
    struct access *x = arena_new(a, struct access);
    *x = (struct access){ .govern = lake->lake->govern, .who = &identity_local };
    return x;
}

bool capi_begin(struct call *c, struct firn_lake *lake, bool writes, firn_error *out)
{
    *c = (struct call){ .lake = lake, .out = out, .a = arena_create(0) };
    clear(out);
    if (!lake)
        return fail(&c->err, ERR_INVALID, "there is no lake: the handle is NULL");
    if (writes && lake->read_only)
        return fail(&c->err, ERR_DENIED,
                    "a table that was opened by its metadata file can be read only");
    c->access = capi_access(lake, c->a);
    access_sign(c->access, c->a, &c->info);
    return true;
}

int capi_end(struct call *c, bool ok)
{
    int code = ok ? FIRN_OK : capi_failed(&c->err, c->out);
    arena_destroy(c->a);
    return code;
}

bool capi_options(struct call *c, const void *options, size_t size)
{
    size_t said;
    if (!options)
        return fail(&c->err, ERR_INVALID, "the options are NULL");
    memcpy(&said, options, sizeof said);
    return said >= size ||
           fail(&c->err, ERR_INVALID,
                "the options' size is %zu, not at least %zu: set it by their _INIT", said, size);
}

bool capi_needs(struct call *c, const void *argument, const char *what)
{
    return argument || fail(&c->err, ERR_INVALID, "%s is NULL", what);
}

bool capi_count(struct call *c, const void *list, size_t n, const char *what)
{
    if (n > CAPI_LIST_MAX)
        return fail(&c->err, ERR_LIMIT, "%zu %s, more than %zu", n, what, CAPI_LIST_MAX);
    return n == 0 || list || fail(&c->err, ERR_INVALID, "the list of %s is NULL", what);
}

bool capi_pairs(struct call *c, const firn_pair *pairs, size_t n, struct property **out)
{
    *out = NULL;
    if (!capi_count(c, pairs, n, "properties"))
        return false;
    *out = arena_array(c->a, struct property, n);
    for (size_t i = 0; i < n; i++) {
        if (!capi_needs(c, pairs[i].key, "a property's key") ||
            !capi_needs(c, pairs[i].value, "a property's value"))
            return false;
        (*out)[i] = (struct property){ str_of(pairs[i].key), str_of(pairs[i].value) };
        if (!str_is_utf8((*out)[i].key) || !str_is_utf8((*out)[i].value))
            return fail(&c->err, ERR_INVALID, "property %zu is not UTF-8", i + 1);
    }
    return true;
}

bool capi_text(struct call *c, struct buf *text, char **out)
{
    if (!buf_ok(text, "the answer", &c->err))
        return false;
    *out = mem_array(char, text->len + 1);
    memcpy(*out, text->ptr, text->len);
    return true;
}

bool capi_name(struct call *c, const char *dotted, str *ns, str *name)
{
    return capi_needs(c, dotted, "the table's name") &&
           name_split(str_of(dotted), c->a, ns, name, &c->err);
}
