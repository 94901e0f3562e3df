/* SPDX-License-Identifier: Apache-2.0 */
#include "sql/view_text.h"

#include "base/buf.h"
#include "iceberg/view.h"

static const char *const dialects[] = { VIEW_DIALECT, "duckdb", "trino", "spark" };

/* From an opening quote to behind the closing one; a doubled quote, or a backslash in Spark's texts, keeps it open. */
static size_t quoted_end(str sql, size_t i, char quote)
{
    for (i++; i < sql.len; i++) {
        if (sql.ptr[i] == '\\' && quote != '`') {
            i++;
        } else if (sql.ptr[i] == quote) {
            if (i + 1 >= sql.len || sql.ptr[i + 1] != quote)
                return i + 1;
            i++;
        }
    }
    return sql.len;
}

static size_t comment_end(str sql, size_t i)
{
    bool line = sql.ptr[i] == '-';
    ptrdiff_t end = str_find(str_from(sql, i), line ? STR("\n") : STR("*/"));
    return end < 0 ? sql.len : i + (size_t)end + (line ? 1 : 2);
}

/* What is between the quotes, between other quotes. */
static void requote(struct buf *out, str inner, char from, char to)
{
    buf_add_char(out, to);
    for (size_t i = 0; i < inner.len; i++) {
        char c = inner.ptr[i];
        if (c == from && i + 1 < inner.len && inner.ptr[i + 1] == from)
            i++;
        else if (c == '\\' && from == '"' && i + 1 < inner.len)
            c = inner.ptr[++i];
        if (c == to)
            buf_add_char(out, to);
        buf_add_char(out, c);
    }
    buf_add_char(out, to);
}

str view_text_of_spark(str sql, struct arena *a)
{
    struct buf *out = arena_new(a, struct buf);
    buf_init(out, 2 * sql.len + 16);
    buf_in_arena(out, a);
    for (size_t i = 0, end; i < sql.len; i = end) {
        char c = sql.ptr[i], next = i + 1 < sql.len ? sql.ptr[i + 1] : '\0';
        bool closed;
        end = i + 1;
        if (c == '`' || c == '"') {
            end = quoted_end(sql, i, c);
            closed = end - i > 1 && sql.ptr[end - 1] == c;
            requote(out, str_sub(sql, i + 1, end - closed), c, c == '`' ? '"' : '\'');
            continue;
        }
        if (c == '\'')
            end = quoted_end(sql, i, c);
        else if ((c == '-' && next == '-') || (c == '/' && next == '*'))
            end = comment_end(sql, i);
        buf_add_str(out, str_sub(sql, i, end));
    }
    return buf_str(out);
}

static str known_dialects(const struct view_version *v, struct arena *a)
{
    str *names = arena_array(a, str, v->representations_n);
    size_t n = 0;
    for (size_t i = 0; i < v->representations_n; i++)
        if (v->representations[i].dialect.len)
            names[n++] = v->representations[i].dialect;
    return n ? arena_join(a, names, n, STR(", ")) : STR("no SQL");
}

bool view_text_pick(const struct view_metadata *m, struct arena *a, str *out, str *dialect,
                    struct error *err)
{
    for (size_t i = 0; i < sizeof dialects / sizeof *dialects; i++) {
        str sql = view_metadata_sql(m, str_of(dialects[i]));
        if (!sql.ptr)
            continue;
        *dialect = str_of(dialects[i]);
        *out = str_is(*dialect, "spark") ? view_text_of_spark(sql, a) : sql;
        return true;
    }
    return fail(err, ERR_UNSUPPORTED,
                "the view has " STR_FMT "; what can be run is firn, duckdb, trino and spark",
                STR_ARG(known_dialects(view_metadata_current(m), a)));
}
