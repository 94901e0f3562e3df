/* SPDX-License-Identifier: Apache-2.0
 *
 * Commits a second, each durable when it is answered: appends of one row through SQL (a data file, a
 * manifest, a manifest list, a metadata file and the catalog's transaction), and changes of a property
 * (only the last two).
 *
 *     bench_commit DIR WHAT N CLIENTS      WHAT: append, or append-one (all clients to one table), or
 *                                          properties
 *
 * N commits in all, by CLIENTS threads, each with its own table unless said.  Prints commits/s, and p50
 * and p99 of a commit in ms, tab-separated.  DIR is a data directory; tables are made new. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/env.h"
#include "base/thread.h"
#include "catalog/table.h"
#include "iceberg/update.h"
#include "sql/lake.h"
#include "sql/sql.h"

#define CLIENTS_MAX 64
#define COMMITS_MAX 100000

struct work {
    struct lake *lake;
    uint64_t run; /* makes the tables' names new */
    bool one_table, properties;
    size_t clients, each;
    double *ms; /* of every commit, each client's in a row */
};

static _Noreturn void die(const char *what, const char *why)
{
    fprintf(stderr, "bench_commit: %s: %s\n", what, why);
    exit(1);
}

static bool statement(struct lake *lake, struct arena *a, str sql, struct error *err)
{
    struct sql_outcome out;
    if (!sql_execute(lake, &(struct sql_request){ .text = sql }, a, &out, err))
        return false;
    sql_close(&out);
    return true;
}

static str table_of(const struct work *w, size_t client, struct arena *a)
{
    return arena_printf(a, "t%" PRIx64 "_%zu", w->run, w->one_table ? 0 : client);
}

static bool append(const struct work *w, size_t client, size_t i, struct arena *a,
                   struct error *err)
{
    str name = table_of(w, client, a);
    return statement(
        w->lake, a,
        arena_printf(a, "INSERT INTO bench." STR_FMT " VALUES (%zu, 'a row of commit %zu', %zu.5)",
                     STR_ARG(name), i, i, i),
        err);
}

static bool set_property(const struct work *w, size_t client, size_t i, struct arena *a,
                         struct error *err)
{
    struct property p = { STR("bench.commit"), arena_printf(a, "%zu", i) };
    struct table_update update = { .kind = UPDATE_SET_PROPERTIES, .properties = { &p, 1 } };
    struct table_change change = {
        .ns = STR("bench"), .name = table_of(w, client, a), .updates = &update, .updates_n = 1
    };
    struct commit_result result;
    return catalog_commit(w->lake->catalog, STR("main"), &change, 1, &(struct commit_info){ 0 }, a,
                          &result, err);
}

static bool run_client(void *ctx, size_t client, struct error *err)
{
    const struct work *w = ctx;
    bool ok = true;
    for (size_t i = 0; ok && i < w->each; i++) {
        struct arena *a = arena_create(0);
        int64_t from = env_monotonic_ns(env_real());
        ok = w->properties ? set_property(w, client, i, a, err) : append(w, client, i, a, err);
        w->ms[client * w->each + i] = (double)(env_monotonic_ns(env_real()) - from) / 1e6;
        arena_destroy(a);
    }
    return ok;
}

static void make_tables(const struct work *w)
{
    struct arena *a = arena_create(0);
    struct error err = { 0 };
    if (!statement(w->lake, a, STR("CREATE SCHEMA IF NOT EXISTS bench"), &err))
        die("make the schema", err.msg);
    for (size_t i = 0; i < (w->one_table ? 1 : w->clients); i++) {
        str name = table_of(w, i, a);
        if (!statement(w->lake, a,
                       arena_printf(a,
                                    "CREATE TABLE bench." STR_FMT
                                    " (id BIGINT, note VARCHAR, amount DOUBLE)",
                                    STR_ARG(name)),
                       &err))
            die("make a table", err.msg);
    }
    arena_destroy(a);
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void measure(struct work *w)
{
    struct error err = { 0 };
    struct pool *pool =
        w->clients > 1 ? pool_create("clients", (int)w->clients - 1, CLIENTS_MAX) : NULL;
    size_t n = w->clients * w->each;
    w->ms = calloc(n, sizeof *w->ms);
    if (!w->ms)
        die("memory", "is out");
    int64_t from = env_monotonic_ns(env_real());
    if (!pool_for(pool, w->clients, run_client, w, &err))
        die("commit", err.msg);
    double seconds = (double)(env_monotonic_ns(env_real()) - from) / 1e9;
    qsort(w->ms, n, sizeof *w->ms, by_value);
    printf("%.2f\t%.2f\t%.2f\n", (double)n / seconds, w->ms[n / 2], w->ms[n * 99 / 100]);
    free(w->ms);
    pool_destroy(pool);
}

int main(int argc, char **argv)
{
    struct work w = { 0 };
    struct error err = { 0 };
    if (argc != 5) {
        fprintf(stderr, "use: bench_commit DIR append|append-one|properties N CLIENTS\n");
        return 2;
    }
    size_t n = (size_t)strtoull(argv[3], NULL, 10);
    w.clients = (size_t)strtoull(argv[4], NULL, 10);
    if (w.clients < 1 || w.clients > CLIENTS_MAX || n < w.clients || n > COMMITS_MAX)
        die("counts", "are out of range");
    w.each = n / w.clients;
    w.one_table = strcmp(argv[2], "append-one") == 0;
    w.properties = strcmp(argv[2], "properties") == 0;
    w.run = env_random_u64(env_real()) >> 32;
    if (!lake_open(&(struct lake_options){ .dir = argv[1] }, &w.lake, &err))
        die("open the lake", err.msg);
    make_tables(&w);
    measure(&w);
    lake_close(w.lake);
    return 0;
}
