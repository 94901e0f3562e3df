/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/avro_data.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/env.h"
#include "base/mem.h"
#include "engine/arrow.h"
#include "engine/avro_arrow_priv.h"
#include "engine/parquet_finish_priv.h"
#include "engine/quote.h"
#include "engine/session.h"
#include "engine/session_priv.h"

#define SQL_MAX ((size_t)64 << 20)

static bool read_file(str path, char **out, size_t *n, struct error *err)
{
    struct arena *a = arena_create(0);
    struct stat st;
    int fd = open(arena_cstr(a, path), O_RDONLY | O_CLOEXEC);
    bool ok = fd >= 0 || fail_errno(err, errno, "open " STR_FMT, STR_ARG(path));
    arena_destroy(a);
    if (ok && fstat(fd, &st) != 0)
        ok = fail_errno(err, errno, "look at " STR_FMT, STR_ARG(path));
    if (ok && (!S_ISREG(st.st_mode) || (uint64_t)st.st_size > AVRO_DATA_BYTES_MAX))
        ok = fail(err, ERR_LIMIT, STR_FMT " is no file of at most %zu bytes", STR_ARG(path),
                  AVRO_DATA_BYTES_MAX);
    *n = ok ? (size_t)st.st_size : 0;
    *out = ok ? mem_array(char, *n + 1) : NULL;
    for (size_t at = 0; ok && at < *n;) {
        ssize_t got = read(fd, *out + at, *n - at);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            ok = got < 0 ? fail_errno(err, errno, "read " STR_FMT, STR_ARG(path))
                         : fail(err, ERR_CORRUPT, STR_FMT " is cut short", STR_ARG(path));
        at += got > 0 ? (size_t)got : 0;
    }
    if (fd >= 0)
        close(fd);
    return ok;
}

/* ---- Avro to Parquet */

static void add_ids(struct buf *sql, const struct avro_schema *s, int32_t *variants, size_t *n);

static void add_id(struct buf *sql, str name, int32_t id, const struct avro_schema *s,
                   int32_t *variants, size_t *n)
{
    const struct avro_schema *t = avro_plain(s);
    bool variant = t->kind == AVRO_RECORD && str_is(t->logical, "variant");
    bool nested =
        !variant && (t->kind == AVRO_RECORD || t->kind == AVRO_ARRAY || t->kind == AVRO_MAP);
    quote_ident(sql, name);
    if (variant && id >= 0)
        variants[(*n)++] = id;
    if (variant || nested)
        buf_printf(sql, ": {__duckdb_field_id: %d%s", id, nested ? ", " : "}");
    else
        buf_printf(sql, ": %d", id);
    if (nested) {
        add_ids(sql, t, variants, n);
        buf_add_char(sql, '}');
    }
}

/* The ids of what is inside, by the names that the writer gives the parts of lists and maps. */
static void add_ids(struct buf *sql, const struct avro_schema *s, int32_t *variants, size_t *n)
{
    static const struct avro_schema text = { .kind = AVRO_STRING };
    if (s->kind == AVRO_MAP || avro_is_map(s)) {
        const struct avro_field *f = s->kind == AVRO_MAP ? NULL : s->items->fields;
        add_id(sql, STR("key"), f ? f[0].id : s->key_id, f ? f[0].type : &text, variants, n);
        buf_lit(sql, ", ");
        add_id(sql, STR("value"), f ? f[1].id : s->value_id, f ? f[1].type : s->items, variants, n);
        return;
    }
    if (s->kind == AVRO_ARRAY) {
        add_id(sql, STR("element"), s->element_id, s->items, variants, n);
        return;
    }
    for (size_t i = 0; i < s->n; i++) {
        if (i)
            buf_lit(sql, ", ");
        add_id(sql, s->fields[i].name, s->fields[i].id, s->fields[i].type, variants, n);
    }
}

static bool has_ids(const struct avro_schema *s)
{
    for (size_t i = 0; i < s->n; i++)
        if (s->fields[i].id == AVRO_NO_ID)
            return false;
    return true;
}

/* Columns of no type but null are left out: they are as good as missing. */
static bool add_columns(struct buf *sql, const struct avro_schema *s, struct error *err)
{
    size_t n = 0;
    for (size_t i = 0; i < s->n; i++) {
        if (s->fields[i].type->kind == AVRO_NULL)
            continue;
        if (n++)
            buf_lit(sql, ", ");
        quote_ident(sql, s->fields[i].name);
    }
    return n || fail(err, ERR_UNSUPPORTED, "no column of the file holds anything");
}

static bool copy_sql(const struct avro_schema *s, str to, struct arena *a, struct buf *sql,
                     int32_t **variants, size_t *n, struct error *err)
{
    bool first = true;
    *variants = arena_array(a, int32_t, s->nodes);
    *n = 0;
    buf_lit(sql, "COPY (SELECT ");
    if (!add_columns(sql, s, err))
        return false;
    buf_lit(sql, " FROM " ARROW_STREAM_VIEW ") TO ");
    quote_text(sql, to);
    buf_lit(sql, " (FORMAT parquet, COMPRESSION snappy, WRITE_BLOOM_FILTER false");
    for (size_t i = 0; has_ids(s) && i < s->n; i++) {
        if (s->fields[i].type->kind == AVRO_NULL)
            continue;
        buf_add_str(sql, first ? STR(", FIELD_IDS {") : STR(", "));
        add_id(sql, s->fields[i].name, s->fields[i].id, s->fields[i].type, *variants, n);
        first = false;
    }
    buf_add_str(sql, first ? STR(")") : STR("})"));
    return buf_ok(sql, "a statement", err);
}

static bool convert(struct session *s, str bytes, str to, struct arena *a, struct error *err)
{
    struct buf sql = BUF_INIT(SQL_MAX);
    struct ArrowArrayStream stream;
    struct avro_reader r;
    struct error why = { 0 };
    int32_t *variants;
    size_t n;
    bool ok = avro_open(&r, bytes, a, err) && avro_arrow_stream(&r, a, &why, &stream, err) &&
              copy_sql(r.schema, to, a, &sql, &variants, &n, err) &&
              session_arrow_exec(s, &stream, buf_str(&sql), err);
    if (!ok && why.code != ERR_NONE)
        *err = why; /* the engine knows its text only */
    buf_deinit(&sql);
    return ok && (!n || parquet_mark_variants(arena_cstr(a, to), variants, n, err));
}

static void drop_file(void *path)
{
    unlink(path);
}

bool avro_to_parquet(struct session *s, str path, str *out, struct error *err)
{
    struct arena *of_session = session_arena(s), *a = arena_create(0);
    char *bytes = NULL;
    size_t n;
    bool ok = session_temp_directory(s) ||
              fail(err, ERR_UNSUPPORTED, "Avro files need a directory for temporary files");
    if (ok) {
        *out = arena_printf(of_session, "%s/firn-avro-%016llx.parquet", session_temp_directory(s),
                            (unsigned long long)env_random_u64(env_real()));
        arena_defer(of_session, drop_file, (void *)(uintptr_t)out->ptr);
    }
    ok = ok && read_file(path, &bytes, &n, err) && convert(s, str_make(bytes, n), *out, a, err);
    mem_free(bytes);
    arena_destroy(a);
    return ok || fail_in(err, STR_FMT, STR_ARG(path));
}
