/* SPDX-License-Identifier: Apache-2.0 */
#include "sql/cells.h"

#include "base/mem.h"

struct cells_pass {
    const struct cells *table;
    struct arena *arena, *column;
    void *state;
    size_t n; /* rows of the batch */
};

static void pass_close(void *scan)
{
    struct cells_pass *p = scan;
    arena_destroy(p->column);
    arena_destroy(p->arena);
    mem_free(p);
}

static bool pass_open(void *ctx, void **scan, struct error *err)
{
    struct cells_pass *p = mem_new(struct cells_pass);
    *p = (struct cells_pass){ .table = ctx, .arena = arena_create(0), .column = arena_create(0) };
    if (!p->table->open(p->table->ctx, p->arena, &p->state, err)) {
        pass_close(p);
        return false;
    }
    *scan = p;
    return true;
}

static bool pass_next(void *scan, size_t *n, struct error *err)
{
    struct cells_pass *p = scan;
    bool ok = p->table->next(p->state, &p->n, err);
    *n = p->n;
    return ok;
}

static void put(const struct cell *c, const char *type, size_t i, void *out)
{
    str kind = str_of(type);
    if (str_is(kind, "BOOLEAN"))
        ((uint8_t *)out)[i] = c->i != 0;
    else if (str_is(kind, "INTEGER"))
        ((int32_t *)out)[i] = (int32_t)c->i;
    else if (str_is(kind, "BIGINT") || str_is(kind, "TIMESTAMPTZ"))
        ((int64_t *)out)[i] = c->i;
    else
        ((str *)out)[i] = c->s;
}

static bool pass_fill(void *scan, size_t column, void *out, uint64_t *valid, struct error *err)
{
    struct cells_pass *p = scan;
    const char *type = p->table->columns[column].type;
    arena_reset(p->column);
    for (size_t i = 0; i < p->n; i++) {
        struct cell c = { 0 };
        if (!p->table->cell(p->state, i, column, p->column, &c, err))
            return false;
        if (c.present)
            put(&c, type, i, out);
        else
            valid[i / 64] &= ~(UINT64_C(1) << i % 64);
    }
    return true;
}

static const struct row_stream cell_stream = { pass_open, pass_next, pass_fill, pass_close };

bool cells_add(struct session *s, const struct cells *t, struct arena *a, str *from_sql,
               struct error *err)
{
    struct cells *copy = arena_new(a, struct cells);
    *copy = *t;
    struct row_source src = { .columns = t->columns,
                              .columns_n = t->columns_n,
                              .rows_hint = t->rows_hint,
                              .ctx = copy,
                              .stream = &cell_stream };
    return rows_add(s, &src, a, from_sql, err);
}
