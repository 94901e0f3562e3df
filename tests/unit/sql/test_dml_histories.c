/* SPDX-License-Identifier: Apache-2.0
 *
 * Random histories of statements beside a model: a table of plain rows in C; after each step the answers are equal, and every
 * snapshot still gives the rows of its time.  And several writers, who lose nothing. */
#include <stdlib.h>

#include "base/rand.h"
#include "base/thread.h"
#include "dml_test.h"

/* ---- Random histories */

#define IDS 60
#define STEPS 100
#define STEPS_USUAL 7 /* FIRN_TEST_STEPS: more */

struct model {
    int32_t v[IDS]; /* -1: there is no row; several rows never share an id here */
    int32_t p[IDS];
};

static str model_text(const struct model *m)
{
    struct buf *b = arena_new(test_arena(), struct buf);
    buf_init(b, 1 << 20);
    buf_in_arena(b, test_arena());
    for (int i = 0; i < IDS; i++)
        if (m->v[i] >= 0)
            buf_printf(b, "%s%d:%d:%d", b->len ? " " : "", i, m->v[i], m->p[i]);
    return buf_str(b);
}

#define ALL_ROWS                                                                                   \
    "SELECT coalesce(string_agg(id || ':' || v || ':' || p, ' ' ORDER BY id), '') FROM s.m"

static void check_model(struct lake *lake, const struct model *m, const char *at, const char *what)
{
    str got = ask(lake, text_f(ALL_ROWS " %s", at)), want = model_text(m);
    if (!str_eq(got, want))
        test_fail(__FILE__, __LINE__, "%s %s\n  " STR_FMT "\nwanted\n  " STR_FMT, what, at,
                  STR_ARG(got), STR_ARG(want));
}

static const char *step_insert(struct model *m, struct rand *r)
{
    struct buf b = BUF_INIT(1 << 16);
    for (int i = 0; i < IDS; i++)
        if (m->v[i] < 0 && rand_below(r, 3) == 0) {
            m->v[i] = (int32_t)rand_below(r, 1000);
            m->p[i] = (int32_t)rand_below(r, 3);
            buf_printf(&b, "%s(%d, %d, %d)", b.len ? ", " : "INSERT INTO s.m VALUES ", i, m->v[i],
                       m->p[i]);
        }
    const char *sql = b.len ? arena_cstr(test_arena(), buf_str(&b)) : NULL;
    buf_deinit(&b);
    return sql;
}

static const char *step_delete(struct model *m, struct rand *r)
{
    int lo = (int)rand_below(r, IDS), n = (int)rand_below(r, 12), p = (int)rand_below(r, 3);
    int kind = (int)rand_below(r, 4);
    for (int i = 0; i < IDS; i++) {
        bool hit = kind == 0 ? m->p[i] == p : kind == 1 ? m->v[i] % 7 == p : i >= lo && i < lo + n;
        if (hit)
            m->v[i] = -1;
    }
    return kind == 0   ? text_f("DELETE FROM s.m WHERE p = %d", p)
           : kind == 1 ? text_f("DELETE FROM s.m WHERE v %% 7 = %d", p)
                       : text_f("DELETE FROM s.m WHERE id >= %d AND id < %d", lo, lo + n);
}

static const char *step_update(struct model *m, struct rand *r)
{
    int lo = (int)rand_below(r, IDS), n = (int)rand_below(r, 15), p = (int)rand_below(r, 3);
    for (int i = lo; i < IDS && i < lo + n; i++)
        if (m->v[i] >= 0) {
            m->v[i] = (m->v[i] + 13) % 1000;
            m->p[i] = p;
        }
    return text_f("UPDATE s.m SET v = (v + 13) %% 1000, p = %d WHERE id BETWEEN %d AND %d", p, lo,
                  lo + n - 1);
}

static const char *step_merge(struct model *m, struct rand *r)
{
    struct buf b = BUF_INIT(1 << 16);
    bool by_source = rand_below(r, 3) == 0;
    bool used[IDS] = { 0 };
    buf_lit(&b, "MERGE INTO s.m AS t USING (VALUES (-1, 0)");
    for (int k = 0; k < 10; k++) {
        int i = (int)rand_below(r, IDS), v = (int)rand_below(r, 1000);
        if (used[i])
            continue;
        used[i] = true;
        buf_printf(&b, ", (%d, %d)", i, v);
        if (m->v[i] >= 0 && v % 5 == 0) {
            m->v[i] = -1;
        } else if (m->v[i] >= 0) {
            m->v[i] = v;
        } else {
            m->v[i] = v;
            m->p[i] = 1;
        }
    }
    buf_lit(&b, ") AS s(k, w) ON t.id = s.k WHEN MATCHED AND s.w % 5 = 0 THEN DELETE "
                "WHEN MATCHED THEN UPDATE SET v = s.w "
                "WHEN NOT MATCHED AND s.k >= 0 THEN INSERT (id, v, p) VALUES (s.k, s.w, 1)");
    if (by_source) {
        buf_lit(&b, " WHEN NOT MATCHED BY SOURCE AND t.p = 2 THEN UPDATE SET p = 0");
        for (int i = 0; i < IDS; i++)
            if (!used[i] && m->v[i] >= 0 && m->p[i] == 2)
                m->p[i] = 0;
    }
    const char *sql = arena_cstr(test_arena(), buf_str(&b));
    buf_deinit(&b);
    return sql;
}

static void random_history(struct lake *lake, size_t mode, const char *partitioned, struct rand *r)
{
    static const char *(*const kinds[])(
        struct model *, struct rand *) = { step_insert, step_delete, step_update, step_merge };
    struct model now, *then = arena_array(test_arena(), struct model, STEPS + 1);
    int64_t snapshots[STEPS + 1];
    size_t n = 0;
    memset(now.v, 0xFF, sizeof now.v);
    memset(now.p, 0, sizeof now.p);
    int64_t steps;
    if (!str_to_i64(str_of(getenv("FIRN_TEST_STEPS")), &steps))
        steps = STEPS_USUAL;
    ask(lake, "DROP TABLE IF EXISTS s.m");
    ask(lake, text_f("CREATE TABLE s.m (id INTEGER, v INTEGER, p INTEGER) %s WITH (%s)",
                     partitioned, modes[mode].properties));
    for (int step = 0; step < steps && step < STEPS; step++) {
        const char *sql = kinds[step < 2 ? 0 : rand_below(r, 4)](&now, r);
        struct sql_outcome out;
        if (!sql)
            continue;
        ask_on(lake, "", sql, &out);
        check_model(lake, &now, "", sql);
        if (out.snapshot_id < 0)
            continue;
        if (n && snapshots[n - 1] == out.snapshot_id)
            continue;
        then[n] = now;
        snapshots[n++] = out.snapshot_id;
    }
    for (size_t i = 0; i < n; i++)
        check_model(lake, &then[i], text_f("FOR VERSION AS OF %lld", (long long)snapshots[i]),
                    modes[mode].name);
}

TEST(random_histories_equal_a_model)
{
    struct lake *lake = open_lake();
    struct rand r;
    rand_init(&r, test_seed());
    ask(lake, "CREATE SCHEMA s");
    for (size_t m = 0; m < MODES; m++)
        random_history(lake, m, m % 2 ? "PARTITIONED BY (p)" : "", &r);
    lake_close(lake);
}

/* ---- Several writers */

#define WRITERS 4
#define WRITES 4

struct writer {
    struct lake *lake;
    int number;
    int64_t done, conflicts;
};

/* Adds one to a counter, again and again; what conflicts is said to, and not done. */
static bool count_up(void *ctx, size_t i, struct error *err)
{
    struct writer *w = (struct writer *)ctx + i;
    struct arena *a = arena_create(0);
    bool ok = true;
    for (int k = 0; ok && k < WRITES; k++) {
        struct sql_outcome out;
        str sql = arena_printf(a,
                               k % 3 ? "UPDATE s.t SET p = p + 1 WHERE id = %d"
                                     : "UPDATE s.t SET p = p + 1 WHERE id = %d OR id = 9",
                               w->number % 2);
        struct sql_request req = { .text = sql };
        if (sql_execute(w->lake, &req, a, &out, err)) {
            w->done += out.rows_written;
            sql_close(&out);
        } else if (err->code == ERR_CONFLICT) {
            w->conflicts++;
        } else {
            ok = false;
        }
    }
    arena_destroy(a);
    return ok;
}

/* No update is lost and none is done twice, whoever wins. */
TEST(writers_side_by_side_lose_nothing)
{
    struct lake *lake = open_lake();
    struct error err = { 0 };
    for (size_t m = 1; m < MODES; m += 3) {
        struct writer w[WRITERS];
        int64_t done = 0;
        fill(lake, m, "");
        ask(lake, "UPDATE s.t SET p = 0");
        for (int i = 0; i < WRITERS; i++)
            w[i] = (struct writer){ .lake = lake, .number = i };
        CHECK_OK(pool_for(lake->pool, WRITERS, count_up, w, &err));
        for (int i = 0; i < WRITERS; i++)
            done += w[i].done;
        CHECK(done > 0);
        CHECK_STR(ask(lake, "SELECT sum(p), count(*) FROM s.t"),
                  text_f("%lld|10", (long long)done));
        CHECK_STR(
            ask(lake,
                "SELECT count(*) FROM (SELECT _file, _pos FROM s.t WHERE NOT _deleted GROUP BY ALL HAVING count(*) > 1)"),
            "0");
    }
    lake_close(lake);
}
