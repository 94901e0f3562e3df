/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading a table of which rows were deleted beside the same table without deletes, in one process, taking turns.
 *
 *     bench_deletes make DIR [ROWS]      tables bench.plain, and bench.vectors10, vectors50, stretches50 with deletion vectors
 *                                        of every tenth, every second row (by hash) and half of the rows in stretches, and
 *                                        bench.positions10 with position delete files
 *     bench_deletes turns DIR REPEATS    one line a query and table, tab-separated: name, plain ms, ms, plain CPU ms, CPU ms
 *                                        (medians) */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "base/env.h"
#include "engine/result.h"
#include "sql/lake.h"
#include "sql/sql.h"

#define FILES 8
#define ROWS 10000000
#define REPEATS_MAX 100
#define MEMORY_LIMIT ((size_t)4 << 30)

static const struct variant {
    const char *name, *version, *where, *what;
} variants[] = {
    { "plain", "3", NULL, "no deletes" },
    { "vectors10", "3", "hash(id) % 10 = 0", "vectors, 10 % deleted" },
    { "vectors50", "3", "hash(id) % 2 = 0", "vectors, 50 % deleted" },
    { "stretches50", "3", "id // 5000 % 2 = 0", "vectors, 50 % in stretches" },
    { "positions10", "2", "hash(id) % 10 = 0", "position deletes, 10 %" },
};
#define VARIANTS (sizeof variants / sizeof *variants)

static const struct query {
    const char *name, *sql;
} queries[] = {
    { "sum of one column", "SELECT sum(amount) FROM bench.%s" },
    { "group by", "SELECT kind, count(*), avg(amount), max(seen) FROM bench.%s GROUP BY kind" },
    { "all columns, a filter",
      "SELECT count(*), sum(id), max(seen), sum(amount), sum(a), max(note), max(kind) FROM bench.%s WHERE a > 0.1" },
};
#define QUERIES (sizeof queries / sizeof *queries)

static _Noreturn void die(const char *what, const char *why)
{
    fprintf(stderr, "bench_deletes: %s: %s\n", what, why);
    exit(1);
}

static double now_ms(void)
{
    return (double)env_monotonic_ns(env_real()) / 1e6;
}

/* Of all threads. */
static double cpu_ms(void)
{
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1e3 +
           (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e3;
}

static struct lake *open_dir(const char *dir)
{
    struct lake *lake;
    struct error err = { 0 };
    struct lake_options o = { .dir = dir, .memory_limit = MEMORY_LIMIT };
    if (!lake_open(&o, &lake, &err))
        die("open the lake", err.msg);
    return lake;
}

static void run(struct lake *lake, str sql)
{
    struct arena *a = arena_create(0);
    struct sql_outcome out;
    struct error err = { 0 };
    const struct chunk *chunk = NULL;
    if (!sql_execute(lake, &(struct sql_request){ .text = sql }, a, &out, &err))
        die(sql.ptr, err.msg);
    do {
        if (out.rows && !result_next(out.rows, &chunk, &err))
            die("rows", err.msg);
    } while (out.rows && chunk);
    sql_close(&out);
    arena_destroy(a);
}

static void make_table(struct lake *lake, const struct variant *v, int64_t rows)
{
    struct arena *a = arena_create(0);
    run(lake,
        arena_printf(
            a,
            "CREATE TABLE bench.%s (id BIGINT, seen TIMESTAMP, kind VARCHAR, amount DOUBLE, a DOUBLE, note "
            "VARCHAR) WITH ('format-version'='%s', 'write.delete.mode'='merge-on-read')",
            v->name, v->version));
    for (int64_t f = 0; f < FILES; f++)
        run(lake,
            arena_printf(
                a,
                "INSERT INTO bench.%s SELECT i, make_timestamp(1704067200000000 + i * 1000000), "
                "'kind-' || (hash(i * 7 + 2) %% 1000), (hash(i * 7 + 3) %% 100000)::DOUBLE / 100, "
                "hash(i * 7 + 4)::DOUBLE / 1.8446744073709552e19, 'note ' || (hash(i * 7 + 6) %% 10000000) "
                "FROM range(%" PRId64 ", %" PRId64 ") t(i)",
                v->name, f * rows / FILES, (f + 1) * rows / FILES));
    if (v->where)
        run(lake, arena_printf(a, "DELETE FROM bench.%s WHERE %s", v->name, v->where));
    arena_destroy(a);
}

static void make(const char *dir, int64_t rows)
{
    struct lake *lake = open_dir(dir);
    run(lake, STR("CREATE SCHEMA bench"));
    for (size_t i = 0; i < VARIANTS; i++)
        make_table(lake, &variants[i], rows);
    lake_close(lake);
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *values, int n)
{
    qsort(values, (size_t)n, sizeof *values, by_value);
    return n % 2 ? values[n / 2] : (values[n / 2 - 1] + values[n / 2]) / 2;
}

struct samples {
    double ms[REPEATS_MAX], cpu[REPEATS_MAX];
};

static str query_text(const struct query *q, const struct variant *v, struct arena *a)
{
    str head, tail = str_of(q->sql);
    ptrdiff_t at = str_find(tail, STR("%s"));
    head = str_sub(tail, 0, (size_t)at);
    tail = str_from(tail, (size_t)at + 2);
    return arena_printf(a, STR_FMT "%s" STR_FMT, STR_ARG(head), v->name, STR_ARG(tail));
}

/* The first round is not counted. */
static void take_turns(struct lake *lake, const struct query *q, const struct variant *v,
                       int repeats)
{
    static struct samples samples[2];
    struct arena *a = arena_create(0);
    for (int i = -1; i < repeats; i++)
        for (int turn = 0; turn < 2; turn++) {
            int who = (i + turn) & 1, at = i < 0 ? 0 : i;
            double ms = now_ms(), cpu = cpu_ms();
            run(lake, query_text(q, who ? v : &variants[0], a));
            samples[who].ms[at] = now_ms() - ms;
            samples[who].cpu[at] = cpu_ms() - cpu;
        }
    printf("%s: %s\t%.3f\t%.3f\t%.3f\t%.3f\n", q->name, v->what, median(samples[0].ms, repeats),
           median(samples[1].ms, repeats), median(samples[0].cpu, repeats),
           median(samples[1].cpu, repeats));
    fflush(stdout);
    arena_destroy(a);
}

int main(int argc, char **argv)
{
    if (argc >= 3 && str_is(str_of(argv[1]), "make")) {
        make(argv[2], argc > 3 ? strtoll(argv[3], NULL, 10) : ROWS);
    } else if (argc == 4 && str_is(str_of(argv[1]), "turns")) {
        long n = strtol(argv[3], NULL, 10);
        struct lake *lake = open_dir(argv[2]);
        for (size_t q = 0; q < QUERIES; q++)
            for (size_t v = 1; v < VARIANTS; v++)
                take_turns(lake, &queries[q], &variants[v],
                           n < 1             ? 1
                           : n > REPEATS_MAX ? REPEATS_MAX
                                             : (int)n);
        lake_close(lake);
    } else {
        fprintf(stderr, "use: bench_deletes make DIR [ROWS] | turns DIR REPEATS\n");
        return 2;
    }
    return 0;
}
