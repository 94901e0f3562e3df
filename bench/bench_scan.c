/* SPDX-License-Identifier: Apache-2.0
 *
 * Queries over a lake's table beside the same queries over its bare Parquet files: the same library, the
 * same number of threads and memory limit, one process, taking turns.  What differs is what Firn adds:
 * finding the table, planning with the query's own filters, projecting by field id.
 *
 *     bench_scan make DIR [ROWS]     a data directory with the table bench.events, in 8 files by time
 *     bench_scan turns DIR REPEATS [QUERY]   one line a query, tab-separated: name, text, DuckDB ms, Firn ms, DuckDB CPU
 *                                    ms, Firn CPU ms (medians), files read, files
 *     bench_scan duck DIR QUERY      only DuckDB, one query over the bare files: a process to compare with
 *                                    `firn sql`
 *     bench_scan text QUERY          the query's text, for `firn sql` */
#include <duckdb.h>
#include <errno.h>
#include <glob.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/env.h"
#include "engine/result.h"
#include "sql/lake.h"
#include "sql/sql.h"

#define FILES 8
#define ROWS 20000000
#define REPEATS_MAX 200
#define SQL_MAX ((size_t)1 << 20)
#define MEMORY_LIMIT ((size_t)4 << 30)
#define TABLE "bench.events"

/* `%s` is the table or read_parquet([...]).  Times run over 8 days, a day a file. */
static const struct query {
    const char *name, *what, *sql;
} queries[] = {
    { "count", "count(*)", "SELECT count(*) FROM %s" },
    { "sum", "sum of one column", "SELECT sum(amount) FROM %s" },
    { "group", "group by, 1,000 groups",
      "SELECT kind, count(*), avg(amount), max(seen) FROM %s GROUP BY kind" },
    { "columns", "all columns with a filter",
      "SELECT count(*), sum(id), max(seen), sum(user_id), sum(amount), sum(a), sum(b), max(note), "
      "max(kind) FROM %s WHERE b > 0.1" },
    { "rows", "one row of 80, all columns, out", "SELECT * FROM %s WHERE user_id < 12500" },
    { "pruned", "one hour of 8 days",
      "SELECT count(*), sum(amount) FROM %s WHERE seen >= TIMESTAMP '2024-01-03 10:00:00' AND seen < "
      "TIMESTAMP '2024-01-03 11:00:00'" },
    { "point", "one row by id", "SELECT * FROM %s WHERE id = 4321987" },
};
#define QUERIES (sizeof queries / sizeof *queries)

static _Noreturn void die(const char *what, const char *why)
{
    fprintf(stderr, "bench_scan: %s: %s\n", what, why);
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

static const struct query *find_query(const char *name)
{
    for (size_t i = 0; i < QUERIES; i++)
        if (strcmp(queries[i].name, name) == 0)
            return &queries[i];
    die(name, "is no query");
}

static str query_text(const struct query *q, str from, struct arena *a)
{
    str head, tail = str_of(q->sql);
    ptrdiff_t at = str_find(tail, STR("%s"));
    head = str_sub(tail, 0, (size_t)at);
    tail = str_from(tail, (size_t)at + 2);
    return arena_printf(a, STR_FMT STR_FMT STR_FMT, STR_ARG(head), STR_ARG(from), STR_ARG(tail));
}

/* The table's data files; every file in its folder belongs to it, since it was only appended to. */
static str bare_files(const char *dir, struct arena *a)
{
    glob_t found;
    struct buf out = BUF_INIT(SQL_MAX);
    str pattern = arena_printf(a, "%s/warehouse/bench/events-*/data/*.parquet", dir);
    if (glob(pattern.ptr, 0, NULL, &found) != 0 || found.gl_pathc == 0)
        die(pattern.ptr, "no data files");
    buf_lit(&out, "read_parquet([");
    for (size_t i = 0; i < found.gl_pathc; i++)
        buf_printf(&out, "%s'%s'", i ? ", " : "", found.gl_pathv[i]);
    buf_lit(&out, "])");
    str text = arena_str(a, buf_str(&out));
    buf_deinit(&out);
    globfree(&found);
    return text;
}

/* ---- DuckDB by itself */

static duckdb_connection duck_open(void)
{
    duckdb_database db;
    duckdb_connection c;
    duckdb_config config;
    char threads[16], memory[32], *text = NULL;
    duckdb_result r;
    snprintf(threads, sizeof threads, "%d", cpu_count());
    snprintf(memory, sizeof memory, "%zuB", MEMORY_LIMIT);
    duckdb_create_config(&config);
    duckdb_set_config(config, "threads", threads);
    duckdb_set_config(config, "memory_limit", memory);
    if (duckdb_open_ext(NULL, &db, config, &text) != DuckDBSuccess ||
        duckdb_connect(db, &c) != DuckDBSuccess)
        die("open", text ? text : "no connection");
    if (duckdb_query(c, "SET TimeZone = 'UTC'", &r) != DuckDBSuccess)
        die("set", duckdb_result_error(&r));
    duckdb_destroy_result(&r);
    return c;
}

/* Streams the answer as Firn does; returns its rows. */
static int64_t duck_run(duckdb_connection c, const char *sql)
{
    duckdb_prepared_statement statement;
    duckdb_pending_result pending;
    duckdb_result r;
    duckdb_data_chunk chunk;
    int64_t rows = 0;
    if (duckdb_prepare(c, sql, &statement) != DuckDBSuccess)
        die("prepare", duckdb_prepare_error(statement));
    if (duckdb_pending_prepared_streaming(statement, &pending) != DuckDBSuccess ||
        duckdb_execute_pending(pending, &r) != DuckDBSuccess)
        die("query", sql);
    while ((chunk = duckdb_fetch_chunk(r)) != NULL) {
        rows += (int64_t)duckdb_data_chunk_get_size(chunk);
        duckdb_destroy_data_chunk(&chunk);
    }
    duckdb_destroy_result(&r);
    duckdb_destroy_pending(&pending);
    duckdb_destroy_prepare(&statement);
    return rows;
}

/* ---- Firn */

static struct lake *firn_open(const char *dir)
{
    struct lake *lake;
    struct error err = { 0 };
    struct lake_options o = { .dir = dir, .memory_limit = MEMORY_LIMIT };
    if (!lake_open(&o, &lake, &err))
        die("open the lake", err.msg);
    return lake;
}

static int64_t firn_run(struct lake *lake, str sql, struct arena *a, int64_t *read, int64_t *total)
{
    struct sql_outcome out;
    struct error err = { 0 };
    const struct chunk *chunk;
    int64_t rows = 0;
    if (!sql_execute(lake, &(struct sql_request){ .text = sql }, a, &out, &err))
        die("statement", err.msg);
    do {
        if (out.rows && !result_next(out.rows, &chunk, &err))
            die("rows", err.msg);
        rows += out.rows && chunk ? (int64_t)chunk->n : 0;
    } while (out.rows && chunk);
    *read = out.scans_n ? out.scans[0].files_read : 0;
    *total = out.scans_n ? out.scans[0].files_total : 0;
    sql_close(&out);
    return rows;
}

static void firn_statement(struct lake *lake, str sql)
{
    int64_t ignored;
    struct arena *a = arena_create(0);
    firn_run(lake, sql, a, &ignored, &ignored);
    arena_destroy(a);
}

/* ---- Steps */

/* Everything is a hash of the row's number; ids and times grow with it. */
static void make_file(struct lake *lake, struct arena *a, int64_t from, int64_t to, int64_t rows,
                      bool first)
{
    str into = first ? STR("CREATE TABLE " TABLE " AS ") : STR("INSERT INTO " TABLE " ");
    firn_statement(
        lake, arena_printf(
                  a,
                  STR_FMT
                  "SELECT i AS id, make_timestamp(1704067200000000 + i * (691200000000 // %" PRId64
                  ")) AS seen, (hash(i * 7 + 1) %% 1000000)::BIGINT AS user_id, "
                  "'kind-' || (hash(i * 7 + 2) %% 1000) AS kind, "
                  "(hash(i * 7 + 3) %% 100000)::DOUBLE / 100 AS amount, "
                  "hash(i * 7 + 4)::DOUBLE / 1.8446744073709552e19 AS a, "
                  "hash(i * 7 + 5)::DOUBLE / 1.8446744073709552e19 AS b, "
                  "'note ' || (hash(i * 7 + 6) %% 10000000) AS note "
                  "FROM range(%" PRId64 ", %" PRId64 ") t(i)",
                  STR_ARG(into), rows, from, to));
}

static void make(const char *dir, int64_t rows)
{
    struct arena *a = arena_create(0);
    struct lake *lake = firn_open(dir);
    firn_statement(lake, STR("CREATE SCHEMA bench"));
    for (int64_t f = 0; f < FILES; f++)
        make_file(lake, a, f * rows / FILES, (f + 1) * rows / FILES, rows, f == 0);
    lake_close(lake);
    arena_destroy(a);
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

struct pair {
    duckdb_connection c;
    struct lake *lake;
    str files; /* read_parquet([...]) */
    int64_t rows[2], read, total;
    struct samples samples[2]; /* DuckDB's, Firn's */
};

static void run_one(struct pair *p, const struct query *q, int who, int at)
{
    struct arena *a = arena_create(0);
    str sql = query_text(q, who ? STR(TABLE) : p->files, a);
    double ms = now_ms(), cpu = cpu_ms();
    p->rows[who] = who ? firn_run(p->lake, sql, a, &p->read, &p->total) : duck_run(p->c, sql.ptr);
    p->samples[who].ms[at] = now_ms() - ms;
    p->samples[who].cpu[at] = cpu_ms() - cpu;
    arena_destroy(a);
}

/* Pairs, the first of a pair in turn, so that neither profits from what the other has warmed.  The first pair is
 * not counted. */
static void take_turns(struct pair *p, const struct query *q, int repeats)
{
    for (int i = -1; i < repeats; i++) {
        for (int turn = 0; turn < 2; turn++)
            run_one(p, q, (i + turn) & 1, i < 0 ? 0 : i);
        if (p->rows[0] != p->rows[1])
            die(q->name, "the answers have different numbers of rows");
    }
    printf("%s\t%s\t%.3f\t%.3f\t%.3f\t%.3f\t%" PRId64 "\t%" PRId64 "\n", q->name, q->what,
           median(p->samples[0].ms, repeats), median(p->samples[1].ms, repeats),
           median(p->samples[0].cpu, repeats), median(p->samples[1].cpu, repeats), p->read,
           p->total);
    fflush(stdout);
}

static void turns(const char *dir, const char *only, int repeats)
{
    static struct pair p;
    struct arena *a = arena_create(0);
    p.c = duck_open();
    p.lake = firn_open(dir);
    p.files = bare_files(dir, a);
    for (size_t i = 0; i < QUERIES; i++)
        if (!only || strcmp(only, queries[i].name) == 0)
            take_turns(&p, &queries[i], repeats);
    lake_close(p.lake);
    arena_destroy(a);
}

static void duck_once(const char *dir, const char *name)
{
    struct arena *a = arena_create(0);
    duckdb_connection c = duck_open();
    str sql = query_text(find_query(name), bare_files(dir, a), a);
    printf("%" PRId64 " rows\n", duck_run(c, sql.ptr));
    arena_destroy(a);
}

int main(int argc, char **argv)
{
    if (argc >= 3 && strcmp(argv[1], "make") == 0) {
        make(argv[2], argc > 3 ? strtoll(argv[3], NULL, 10) : ROWS);
    } else if (argc >= 4 && strcmp(argv[1], "turns") == 0) {
        long n = strtol(argv[3], NULL, 10);
        turns(argv[2], argc > 4 ? argv[4] : NULL,
              n < 1             ? 1
              : n > REPEATS_MAX ? REPEATS_MAX
                                : (int)n);
    } else if (argc == 4 && strcmp(argv[1], "duck") == 0) {
        duck_once(argv[2], argv[3]);
    } else if (argc == 3 && strcmp(argv[1], "text") == 0) {
        struct arena *a = arena_create(0);
        puts(query_text(find_query(argv[2]), STR(TABLE), a).ptr);
        arena_destroy(a);
    } else {
        fprintf(
            stderr,
            "use: bench_scan make DIR [ROWS] | turns DIR REPEATS [QUERY] | duck DIR QUERY | text QUERY\n");
        return 2;
    }
    return 0;
}
