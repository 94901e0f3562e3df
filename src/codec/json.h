/* SPDX-License-Identifier: Apache-2.0
 *
 * JSON (RFC 8259), strictly: UTF-8 without lone surrogates, no comments, no trailing commas, at most
 * JSON_DEPTH_MAX levels.  Three ways in and out: a tree for documents (json_parse), a pull reader
 * without a tree for hot paths (jr_), a writer into a buf (jw_).  Nothing here keeps global state;
 * every object belongs to one thread at a time.
 *
 * Errors are ERR_INVALID with line and column, ERR_LIMIT for depth and memory.  Who parses stored
 * bytes rather than a request turns ERR_INVALID into ERR_CORRUPT. */
#ifndef FIRN_CODEC_JSON_H
#define FIRN_CODEC_JSON_H

#include "base/buf.h"

#define JSON_DEPTH_MAX 128

enum json_kind { JSON_NULL, JSON_BOOL, JSON_INT, JSON_F64, JSON_STR, JSON_ARRAY, JSON_OBJECT };

/* Immutable once parsed. */
struct json {
    enum json_kind kind;
    union {
        bool b;
        int64_t i; /* numbers without fraction and exponent that fit */
        double f;  /* all others, always finite */
        str s;
        struct {
            struct json *items;
            size_t n;
        } array;
        struct {
            struct json_member *members; /* in the order of the text */
            size_t n;
        } object;
    };
};

struct json_member {
    str key;
    struct json value;
};

/* Parses the whole of `text`.  The tree lives in `a`; strings without escapes are views into `text`,
 * so keep the text as long as the tree.  Duplicate keys are refused.  A tree that would not fit into
 * the arena's budget is ERR_LIMIT. */
MUST_USE bool json_parse(str text, struct arena *a, struct json **out, struct error *err);

/* The member's value, or NULL when there is none or `obj` is no object (or NULL).  Linear. */
const struct json *json_get(const struct json *obj, const char *key);

/* A copy that lives in `a` alone. */
const struct json *json_copy(const struct json *v, struct arena *a);

/* "string", "integer" and so on, for messages. */
const char *json_kind_name(enum json_kind kind);

/* The member must be there with this kind, else ERR_INVALID naming it.  need_f64 takes integers too. */
MUST_USE bool json_need(const struct json *obj, const char *key, const struct json **out,
                        struct error *err);
MUST_USE bool json_need_str(const struct json *obj, const char *key, str *out, struct error *err);
MUST_USE bool json_need_int(const struct json *obj, const char *key, int64_t *out,
                            struct error *err);
MUST_USE bool json_need_i32(const struct json *obj, const char *key, int32_t *out,
                            struct error *err);
MUST_USE bool json_need_f64(const struct json *obj, const char *key, double *out,
                            struct error *err);
MUST_USE bool json_need_bool(const struct json *obj, const char *key, bool *out, struct error *err);
MUST_USE bool json_need_obj(const struct json *obj, const char *key, const struct json **out,
                            struct error *err);
MUST_USE bool json_need_array(const struct json *obj, const char *key, const struct json **out,
                              struct error *err);

/* As need, but a member that is absent or null gives `fallback` (NULL for objects and arrays). */
MUST_USE bool json_opt_str(const struct json *obj, const char *key, str fallback, str *out,
                           struct error *err);
MUST_USE bool json_opt_int(const struct json *obj, const char *key, int64_t fallback, int64_t *out,
                           struct error *err);
MUST_USE bool json_opt_i32(const struct json *obj, const char *key, int32_t fallback, int32_t *out,
                           struct error *err);
MUST_USE bool json_opt_f64(const struct json *obj, const char *key, double fallback, double *out,
                           struct error *err);
MUST_USE bool json_opt_bool(const struct json *obj, const char *key, bool fallback, bool *out,
                            struct error *err);
MUST_USE bool json_opt_obj(const struct json *obj, const char *key, const struct json **out,
                           struct error *err);
MUST_USE bool json_opt_array(const struct json *obj, const char *key, const struct json **out,
                             struct error *err);

/* The pull reader.  Ask for what must come next; a mistake is sticky: every later call answers
 * nothing (0, false, empty), so that loops end, and jr_finish says what was wrong and where.
 *
 *     jr_init(&r, text, arena);
 *     jr_object(&r);
 *     while (jr_member(&r, &key))
 *         if (str_is(key, "n")) n = jr_int(&r); else jr_skip(&r);
 *     return jr_finish(&r, err);
 *
 * It does not look for duplicate keys: the caller decides what a second one means. */
struct json_reader {
    const char *p, *begin, *end;
    struct arena *arena; /* for strings with escapes */
    const char *mistake; /* sticky; its place is p */
    enum err_code mistake_code;
    int depth;
    bool first; /* nothing has been read yet in the innermost object or array */
};

/* See above for how they go together. */
void jr_init(struct json_reader *r, str text, struct arena *a);
bool jr_peek(struct json_reader *r, enum json_kind *kind); /* of the next; numbers: JSON_F64 */
void jr_object(struct json_reader *r);                     /* enters an object */
bool jr_member(struct json_reader *r, str *key);           /* false: no more members, left it */
void jr_array(struct json_reader *r);                      /* enters an array */
bool jr_element(struct json_reader *r);                    /* false: no more elements, left it */
str jr_str(struct json_reader *r); /* a view into the text, or into the arena when it had escapes */
int64_t jr_int(struct json_reader *r);
double jr_f64(struct json_reader *r); /* integers too */
bool jr_bool(struct json_reader *r);
bool jr_null(struct json_reader *r); /* true and taken when the next value is null */
void jr_skip(struct json_reader *r); /* any value, checked as strictly as if it were read */
void jr_value(struct json_reader *r, struct json *out); /* any value as a tree */
str jr_raw(struct json_reader *r);                      /* any value, as its text */
void jr_fail(struct json_reader *r,
             const char *mistake); /* the caller's own complaint, at this place */
MUST_USE bool jr_finish(struct json_reader *r,
                        struct error *err); /* nothing may follow the value */

/* The writer appends to `out`; check buf_ok at the end.  Wrong nesting is our bug and panics. */
struct json_writer {
    struct buf *out;
    bool pretty; /* two spaces a level; set after jw_init */
    bool comma;  /* a value stands before this place */
    bool keyed;  /* a key stands before this place */
    int depth;
    uint64_t objects[(JSON_DEPTH_MAX + 63) / 64]; /* one bit a level, set: an object */
};

/* As they read; a key is followed by its value. */
void jw_init(struct json_writer *w, struct buf *out);
void jw_begin_object(struct json_writer *w);
void jw_end_object(struct json_writer *w);
void jw_begin_array(struct json_writer *w);
void jw_end_array(struct json_writer *w);
void jw_key(struct json_writer *w, str key);
void jw_str(struct json_writer *w, str s); /* invalid UTF-8 becomes U+FFFD */
void jw_int(struct json_writer *w, int64_t v);
void jw_uint(struct json_writer *w, uint64_t v);
void jw_f64(struct json_writer *w,
            double v); /* shortest digits that read back; NaN, infinities: null */
void jw_f32(struct json_writer *w, float v);
void jw_bool(struct json_writer *w, bool v);
void jw_null(struct json_writer *w);
void jw_raw(struct json_writer *w, str json); /* one value that is JSON already */
void jw_json(struct json_writer *w, const struct json *v);
void jw_printf(struct json_writer *w, const char *fmt, ...)
    PRINTF_LIKE(2, 3); /* a string; <= 1 KiB */

/* A member at once. */
static inline void jw_kv_str(struct json_writer *w, const char *key, str v)
{
    jw_key(w, str_of(key));
    jw_str(w, v);
}
static inline void jw_kv_int(struct json_writer *w, const char *key, int64_t v)
{
    jw_key(w, str_of(key));
    jw_int(w, v);
}
static inline void jw_kv_f64(struct json_writer *w, const char *key, double v)
{
    jw_key(w, str_of(key));
    jw_f64(w, v);
}
static inline void jw_kv_bool(struct json_writer *w, const char *key, bool v)
{
    jw_key(w, str_of(key));
    jw_bool(w, v);
}
static inline void jw_kv_null(struct json_writer *w, const char *key)
{
    jw_key(w, str_of(key));
    jw_null(w);
}
static inline void jw_kv_object(struct json_writer *w, const char *key)
{
    jw_key(w, str_of(key));
    jw_begin_object(w);
}
static inline void jw_kv_array(struct json_writer *w, const char *key)
{
    jw_key(w, str_of(key));
    jw_begin_array(w);
}

#endif
