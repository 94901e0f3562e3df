/* SPDX-License-Identifier: Apache-2.0 */
#include "server/nessie_body.h"

#include "base/vec.h"
#include "codec/compress.h"
#include "iceberg/metadata.h"
#include "server/bodies.h"

#define BODY_BYTES_MAX ((size_t)64 << 20)
#define GROUP_SEPARATOR '\x1d'

/* ---- Keys ---- */

/* Levels that passed name_check hold no separator. */
static bool join_levels(const str *levels, size_t n, struct arena *a, str *out, struct error *err)
{
    if (n == 0 || n > NS_LEVELS_MAX + 1)
        return fail(err, ERR_INVALID, "a key has %zu elements instead of 1 to %d", n,
                    NS_LEVELS_MAX + 1);
    for (size_t i = 0; i < n; i++)
        if (!name_check(levels[i], err))
            return fail_in(err, "key");
    *out = arena_join(a, levels, n, str_make((char[]){ NS_SEP }, 1));
    return true;
}

bool nessie_key_parse(const struct json *key, struct arena *a, str *out, struct error *err)
{
    const struct json *elements;
    if (!json_need_array(key, "elements", &elements, err))
        return false;
    size_t n = elements->array.n;
    str levels[NS_LEVELS_MAX + 1];
    for (size_t i = 0; i < n && i <= NS_LEVELS_MAX; i++) {
        if (elements->array.items[i].kind != JSON_STR)
            return fail(err, ERR_INVALID, "an element of a key is %s, not a string",
                        json_kind_name(elements->array.items[i].kind));
        levels[i] = elements->array.items[i].s;
    }
    return join_levels(levels, n, a, out, err);
}

void nessie_key_write(str path, struct json_writer *w)
{
    str level;
    jw_begin_object(w);
    jw_kv_array(w, "elements");
    while (str_next(&path, NS_SEP, &level))
        jw_str(w, level);
    jw_end_array(w);
    jw_end_object(w);
}

struct key_reader {
    struct arena *arena;
    VEC(str) levels;
    char *text;
    size_t len, begin;
};

static void end_level(struct key_reader *r)
{
    *vec_push(r->arena, &r->levels) = str_make(r->text + r->begin, r->len - r->begin);
    r->begin = r->len;
}

/* What follows a dot in an escaped key: an escape, or the next element. */
static void take_escaped(struct key_reader *r, str text, size_t *i)
{
    static const char from[] = "_{}[", to[] = "./\\%";
    char c = *i + 1 < text.len ? text.ptr[*i + 1] : '.';
    const char *place = c ? strchr(from, c) : NULL;
    if (place) {
        r->text[r->len++] = to[place - from];
        ++*i;
    } else {
        end_level(r);
        *i += c == '.';
    }
}

bool nessie_key_from_path(str text, struct arena *a, str *out, struct error *err)
{
    struct key_reader r = { .arena = a, .text = arena_alloc(a, text.len + 1) };
    bool escaped = false;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if (c == '.' && escaped)
            take_escaped(&r, text, &i);
        else if (c == '.' && r.len == r.begin)
            escaped = true; /* a dot where an element begins: it and those after it are escaped */
        else if (c == '.')
            end_level(&r);
        else
            r.text[r.len++] = c == GROUP_SEPARATOR || c == '\0' ? '.' : c;
    }
    if (r.len > r.begin)
        end_level(&r);
    return join_levels(r.levels.at, r.levels.n, a, out, err);
}

str nessie_key_encoded(str path, struct arena *a)
{
    char *out = arena_cstr(a, path);
    for (size_t i = 0; i < path.len; i++)
        out[i] = out[i] == NS_SEP ? '.' : out[i] == '.' ? GROUP_SEPARATOR : out[i];
    return (str){ out, path.len };
}

/* ---- Bodies ---- */

/* The clients pack bodies; the listener unpacks what says so, the first bytes tell in any case. */
static bool body_of(str text, struct arena *a, const struct json **out, struct error *err)
{
    if (text.len >= 2 && (uint8_t)text.ptr[0] == 0x1f && (uint8_t)text.ptr[1] == 0x8b) {
        struct buf *b = arena_new(a, struct buf);
        buf_init(b, BODY_BYTES_MAX);
        buf_in_arena(b, a);
        if (!decompress_bytes(COMPRESSION_GZIP, text, BODY_BYTES_MAX, b, err)) {
            err->code = err->code == ERR_CORRUPT ? ERR_INVALID : err->code;
            return fail_in(err, "body");
        }
        text = buf_str(b);
    }
    return body_object(text, a, out, err);
}

bool nessie_ref_parse(str text, struct arena *a, struct nessie_ref_body *out, struct error *err)
{
    const struct json *doc;
    *out = (struct nessie_ref_body){ 0 };
    return text.len == 0 || str_is(text, "null") ||
           (body_of(text, a, &doc, err) && json_opt_str(doc, "type", (str){ 0 }, &out->type, err) &&
            json_opt_str(doc, "name", (str){ 0 }, &out->name, err) &&
            json_opt_str(doc, "hash", (str){ 0 }, &out->hash, err));
}

/* v1 has one author, v2 a list of them. */
static bool parse_meta(const struct json *doc, str *message, str *author, struct error *err)
{
    const struct json *meta, *authors;
    if (!json_opt_obj(doc, "commitMeta", &meta, err))
        return false;
    if (!meta)
        return true;
    if (!json_opt_str(meta, "message", *message, message, err) ||
        !json_opt_str(meta, "author", (str){ 0 }, author, err) ||
        !json_opt_array(meta, "authors", &authors, err))
        return false;
    if (author->len == 0 && authors && authors->array.n > 0 &&
        authors->array.items[0].kind == JSON_STR)
        *author = authors->array.items[0].s;
    return true;
}

static bool parse_namespace(const struct json *content, struct arena *a, struct entry_op *op,
                            struct error *err)
{
    const struct json *props;
    struct property_list list = { 0 };
    op->type = ENTRY_NAMESPACE;
    if (!json_opt_obj(content, "properties", &props, err) ||
        (props && !properties_parse(props, a, &list, err)))
        return fail_in(err, "properties");
    op->props = list.at;
    op->props_n = list.n;
    return true;
}

static bool parse_content(const struct json *content, struct arena *a, struct entry_op *op,
                          struct error *err)
{
    str type;
    if (!json_need_str(content, "type", &type, err) ||
        !json_opt_str(content, "id", (str){ 0 }, &op->id, err))
        return fail_in(err, "content");
    if (str_is(type, "NAMESPACE"))
        return parse_namespace(content, a, op, err);
    if (!str_is(type, "ICEBERG_TABLE") && !str_is(type, "ICEBERG_VIEW"))
        return fail(err, ERR_UNSUPPORTED, "content of type " STR_FMT " is not supported",
                    STR_ARG(str_sub(type, 0, 100)));
    op->type = str_is(type, "ICEBERG_TABLE") ? ENTRY_TABLE : ENTRY_VIEW;
    return json_need_str(content, "metadataLocation", &op->location, err) ||
           fail_in(err, "content");
}

static bool parse_operation(const struct json *doc, struct arena *a, struct entry_op *op,
                            struct error *err)
{
    const struct json *key, *content;
    str type;
    *op = (struct entry_op){ 0 };
    if (!json_need_str(doc, "type", &type, err) || !json_need_obj(doc, "key", &key, err) ||
        !nessie_key_parse(key, a, &op->path, err))
        return false;
    if (str_is(type, "DELETE") || str_is(type, "UNCHANGED")) {
        op->kind = str_is(type, "DELETE") ? ENTRY_OP_DELETE : ENTRY_OP_UNCHANGED;
        return true;
    }
    if (!str_is(type, "PUT"))
        return fail(err, ERR_INVALID,
                    "an operation is PUT, DELETE or UNCHANGED, not \"" STR_FMT "\"",
                    STR_ARG(str_sub(type, 0, 100)));
    op->kind = ENTRY_OP_PUT;
    return json_need_obj(doc, "content", &content, err) && parse_content(content, a, op, err);
}

bool nessie_commit_parse(str text, struct arena *a, struct nessie_commit_body *out,
                         struct error *err)
{
    const struct json *doc, *ops;
    *out = (struct nessie_commit_body){ 0 };
    if (!body_of(text, a, &doc, err) || !json_need_array(doc, "operations", &ops, err) ||
        !parse_meta(doc, &out->message, &out->author, err))
        return false;
    if (ops->array.n > ENTRIES_MAX)
        return fail(err, ERR_LIMIT, "%zu operations in one commit, at most %d are possible",
                    ops->array.n, ENTRIES_MAX);
    out->n = ops->array.n;
    out->ops = arena_array(a, struct entry_op, out->n);
    for (size_t i = 0; i < out->n; i++)
        if (!parse_operation(&ops->array.items[i], a, &out->ops[i], err))
            return fail_in(err, "operation %zu", i);
    return true;
}

static bool parse_behavior(const struct json *doc, const char *key, enum merge_behavior fallback,
                           enum merge_behavior *out, struct error *err)
{
    static const char *const names[] = { "NORMAL", "FORCE", "DROP" };
    str text;
    *out = fallback;
    if (!json_opt_str(doc, key, (str){ 0 }, &text, err))
        return false;
    for (size_t i = 0; i < 3; i++)
        if (str_is(text, names[i])) {
            *out = (enum merge_behavior)i;
            return true;
        }
    return text.len == 0 ||
           fail(err, ERR_INVALID, "%s is NORMAL, FORCE or DROP, not \"" STR_FMT "\"", key,
                STR_ARG(str_sub(text, 0, 100)));
}

/* A key may name a table or a namespace, so both are meant. */
static bool parse_key_modes(const struct json *list, struct arena *a, struct nessie_merge_body *out,
                            struct error *err)
{
    size_t n = list ? list->array.n : 0;
    if (n > NESSIE_KEYS_MAX)
        return fail(err, ERR_LIMIT, "%zu keys, at most %d are possible", n, NESSIE_KEYS_MAX);
    out->keys = arena_array(a, struct merge_key, 2 * n);
    for (size_t i = 0; i < n; i++) {
        const struct json *key;
        enum merge_behavior behavior;
        str path;
        if (!json_need_obj(&list->array.items[i], "key", &key, err) ||
            !nessie_key_parse(key, a, &path, err) ||
            !parse_behavior(&list->array.items[i], "mergeBehavior", MERGE_NORMAL, &behavior, err))
            return fail_in(err, "keyMergeModes[%zu]", i);
        out->keys[out->keys_n++] = (struct merge_key){ path, (str){ 0 }, behavior };
        out->keys[out->keys_n++] = (struct merge_key){ ns_parent(path), ns_last(path), behavior };
    }
    return true;
}

static bool parse_flags(const struct json *doc, struct arena *a, struct nessie_merge_body *out,
                        struct error *err)
{
    const struct json *modes;
    return json_opt_bool(doc, "dryRun", false, &out->dry_run, err) &&
           json_opt_bool(doc, "returnConflictAsResult", false, &out->as_result, err) &&
           parse_behavior(doc, "defaultKeyMergeMode", MERGE_NORMAL, &out->behavior, err) &&
           json_opt_array(doc, "keyMergeModes", &modes, err) && parse_key_modes(modes, a, out, err);
}

bool nessie_merge_parse(str text, struct arena *a, struct nessie_merge_body *out, struct error *err)
{
    const struct json *doc;
    const str *hashes;
    *out = (struct nessie_merge_body){ 0 };
    if (!body_of(text, a, &doc, err) || !json_need_str(doc, "fromRefName", &out->from_ref, err) ||
        !json_opt_str(doc, "fromHash", (str){ 0 }, &out->from_hash, err) ||
        !json_opt_str(doc, "message", (str){ 0 }, &out->message, err) ||
        !parse_meta(doc, &out->message, &out->author, err) || !parse_flags(doc, a, out, err) ||
        !body_strings(doc, "hashesToTransplant", a, &hashes, &out->hashes_n, err))
        return false;
    out->hashes = arena_array(a, str, out->hashes_n);
    for (size_t i = 0; i < out->hashes_n; i++)
        out->hashes[i] = hashes[i];
    return true;
}

bool nessie_keys_parse(str text, struct arena *a, str **out, size_t *n, struct error *err)
{
    const struct json *doc, *list;
    if (!body_of(text, a, &doc, err) || !json_need_array(doc, "requestedKeys", &list, err))
        return false;
    *n = list->array.n;
    if (*n > NESSIE_KEYS_MAX)
        return fail(err, ERR_LIMIT, "%zu keys, at most %d are possible", *n, NESSIE_KEYS_MAX);
    *out = arena_array(a, str, *n);
    for (size_t i = 0; i < *n; i++)
        if (!nessie_key_parse(&list->array.items[i], a, &(*out)[i], err))
            return false;
    return true;
}
