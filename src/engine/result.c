/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/result.h"

#include "base/mem.h"
#include "engine/duck_priv.h"

size_t result_columns_n(const struct result *r)
{
    return r->columns_n;
}

const struct result_column *result_columns(const struct result *r)
{
    return r->columns;
}

static void drop_chunk(struct result *r)
{
    if (r->chunk)
        duckdb_destroy_data_chunk(&r->chunk);
    arena_reset(r->chunk_arena);
}

/* False also at the end, then without an error. */
static bool fetch(struct result *r, struct error *err)
{
    if (!session_enter(r->session, err))
        return false;
    r->chunk = duckdb_fetch_chunk(r->duck);
    session_leave(r->session);
    const char *text = r->chunk ? NULL : duckdb_result_error(&r->duck);
    r->done = !r->chunk || duckdb_data_chunk_get_size(r->chunk) == 0;
    return text && *text ? duck_fail(r->session, text, err) : true;
}

static void view_chunk(struct result *r)
{
    struct column_view *columns = arena_array(r->chunk_arena, struct column_view, r->columns_n);
    r->view.n = duckdb_data_chunk_get_size(r->chunk);
    for (size_t i = 0; i < r->columns_n; i++)
        column_view_make(duckdb_data_chunk_get_vector(r->chunk, i), r->view.n, r->types[i],
                         r->chunk_arena, &columns[i]);
    r->view.columns = columns;
    r->view.columns_n = r->columns_n;
    r->rows_read += (int64_t)r->view.n;
}

bool result_next(struct result *r, const struct chunk **out, struct error *err)
{
    *out = NULL;
    drop_chunk(r);
    if (r->done)
        return true;
    if (!fetch(r, err)) {
        r->done = true;
        return false;
    }
    if (r->done)
        return true;
    view_chunk(r);
    *out = &r->view;
    return true;
}

int64_t result_rows_changed(const struct result *r)
{
    return r->rows_changed;
}

int64_t result_rows_read(const struct result *r)
{
    return r->rows_read;
}

void result_close(struct result *r)
{
    if (!r)
        return;
    drop_chunk(r);
    duckdb_destroy_result(&r->duck);
    r->session->busy = false;
    arena_destroy(r->chunk_arena);
    arena_destroy(r->arena);
    mem_free(r);
}
