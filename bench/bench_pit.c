/* SPDX-License-Identifier: Apache-2.0
 *
 * The point-in-time join against DuckDB's ASOF JOIN, in one run on the same data: 20 M feature rows of
 * 1 M keys with 5 doubles in 8 unsorted Parquet files, entity sides of 10 k, 100 k and 1 M rows, the
 * answer written to Parquet.  Each measurement is a process of its own, so that peak memory is its
 * own; Firn and DuckDB take turns; the answers are compared.
 *
 *   bench_pit DIR [REPEATS]          makes the data in DIR when it is not there, prints the table
 *   bench_pit gen|firn|asof|scan|check DIR ...   one step of it
 *
 * The feature files are packed with zstd, as tables are unless they say otherwise; FIRN_BENCH_CODEC=snappy makes data with another codec,
 * FIRN_BENCH_ROWS with fewer rows. */
#include <duckdb.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/env.h"
#include "engine/engine.h"
#include "engine/session.h"
#include "features/pit_run.h"

#define FILES 8
#define KEYS 1000000
#define TIME_MIN 1700000000000000
#define TIME_SPAN 7776000000000 /* 90 days */
#define REPEATS_MAX 50
#define FEATURES 5

static const char *const sizes[] = { "10000", "100000", "1000000" };
static const double goals_speed[] = { 3.2, 0, 2.3 };
static const double goals_memory[] = { 20, 0, 6 };

static _Noreturn void die(const char *what, const char *why)
{
    fprintf(stderr, "bench_pit: %s: %s\n", what, why);
    exit(1);
}

static double seconds(void)
{
    return (double)env_monotonic_ns(env_real()) / 1e9;
}

/* DuckDB by itself, with the settings of the engine. */

static duckdb_connection duck_open(void)
{
    duckdb_database db;
    duckdb_connection c;
    duckdb_config config;
    char threads[16], *text = NULL;
    snprintf(threads, sizeof threads, "%d", cpu_count());
    duckdb_create_config(&config);
    duckdb_set_config(config, "threads", threads);
    if (duckdb_open_ext(NULL, &db, config, &text) != DuckDBSuccess ||
        duckdb_connect(db, &c) != DuckDBSuccess)
        die("open", text ? text : "no connection");
    return c;
}

/* The first value of the first row. */
static int64_t duck_run(duckdb_connection c, const char *sql)
{
    duckdb_result r;
    if (duckdb_query(c, sql, &r) != DuckDBSuccess)
        die(sql, duckdb_result_error(&r));
    int64_t v = duckdb_row_count(&r) ? duckdb_value_int64(&r, 0, 0) : 0;
    duckdb_destroy_result(&r);
    return v;
}

/* Data: everything is a hash of the row's number, so that each run makes the same. */

static void gen_file(duckdb_connection c, const char *dir, int file, int64_t rows,
                     const char *codec)
{
    char sql[2000];
    snprintf(sql, sizeof sql,
             "COPY (SELECT (hash(i * 3 + 1) %% %d)::BIGINT AS driver_id,"
             " make_timestamp(t) AS event_timestamp,"
             " make_timestamp(t + (hash(i * 5 + 3) %% 3600000000)::BIGINT) AS created,"
             " hash(i * 8 + 1)::DOUBLE / 1.8446744073709552e19 AS f1,"
             " hash(i * 8 + 2)::DOUBLE / 1.8446744073709552e19 AS f2,"
             " hash(i * 8 + 3)::DOUBLE / 1.8446744073709552e19 AS f3,"
             " (hash(i * 8 + 4) %% 10000)::DOUBLE / 1e4 AS f4,"
             " (hash(i * 8 + 5) %% 1000)::DOUBLE AS f5"
             " FROM (SELECT i, 1700000000000000 + (hash(i * 3 + 2) %% 7776000000000)::BIGINT AS t"
             " FROM range(%" PRId64 ", %" PRId64 ") t(i)))"
             " TO '%s/f%d.parquet' (FORMAT parquet, COMPRESSION %s, FIELD_IDS 'auto')",
             KEYS, file * (rows / FILES), (file + 1) * (rows / FILES), dir, file, codec);
    duck_run(c, sql);
}

static void gen_entities(duckdb_connection c, const char *dir, const char *size)
{
    char sql[1000];
    snprintf(sql, sizeof sql,
             "COPY (SELECT (hash(i * 11 + 1000000001) %% %d)::BIGINT AS driver_id,"
             " make_timestamp(1700000000000000 + (hash(i * 13 + 1000000007) %% 7776000000000)"
             "::BIGINT) AS event_timestamp, (i %% 2)::INTEGER AS label FROM range(%s) t(i))"
             " TO '%s/e%s.parquet' (FORMAT parquet)",
             KEYS, size, dir, size);
    duck_run(c, sql);
}

static void gen(const char *dir)
{
    const char *codec = getenv("FIRN_BENCH_CODEC"), *rows = getenv("FIRN_BENCH_ROWS");
    duckdb_connection c = duck_open();
    for (int f = 0; f < FILES; f++)
        gen_file(c, dir, f, rows ? strtoll(rows, NULL, 10) : 20000000, codec ? codec : "zstd");
    for (size_t i = 0; i < 3; i++)
        gen_entities(c, dir, sizes[i]);
    char done[1000];
    snprintf(done, sizeof done, "%s/made", dir);
    FILE *f = fopen(done, "w");
    if (!f || fclose(f) != 0)
        die(done, "cannot be made");
}

/* Measured steps print the seconds from an open database to a written answer. */

static void asof(const char *dir, const char *size)
{
    char sql[2000];
    duckdb_connection c = duck_open();
    double start = seconds();
    snprintf(sql, sizeof sql,
             "COPY (SELECT e.*, f1, f2, f3, f4, f5 FROM read_parquet('%s/e%s.parquet') e"
             " ASOF LEFT JOIN read_parquet('%s/f[0-9].parquet') f ON e.driver_id = f.driver_id"
             " AND e.event_timestamp >= f.event_timestamp)"
             " TO '%s/asof%s.parquet' (FORMAT parquet)",
             dir, size, dir, dir, size);
    duck_run(c, sql);
    printf("%.4f\n", seconds() - start);
}

static void scan(const char *dir, const char *columns)
{
    char sql[2000];
    duckdb_connection c = duck_open();
    double start = seconds();
    snprintf(sql, sizeof sql,
             "SELECT sum(driver_id), max(event_timestamp)%s FROM read_parquet('%s/f[0-9].parquet')",
             columns, dir);
    duck_run(c, sql);
    printf("%.4f\n", seconds() - start);
}

struct plan {
    struct scan_file files[FILES];
    struct pit_range bounds[FILES]; /* as a table's manifests would say them */
    const struct schema *schema;
};

static bool plan_files(void *ctx, const struct pit_range *range, struct arena *a,
                       struct pit_files *out, struct error *err)
{
    (void)range;
    (void)a;
    (void)err;
    struct plan *plan = ctx;
    out->scan = (struct parquet_scan){ .files = plan->files, .files_n = FILES };
    out->bounds = plan->bounds;
    return true;
}

static bool firn_join(struct session *s, struct pool *pool, struct arena *a, const char *dir,
                      const char *size, struct error *err)
{
    static const str key[] = { STR_INIT("driver_id") };
    static const str features[FEATURES] = { STR_INIT("f1"), STR_INIT("f2"), STR_INIT("f3"),
                                            STR_INIT("f4"), STR_INIT("f5") };
    struct plan plan;
    bool has_ids;
    for (int f = 0; f < FILES; f++) {
        plan.files[f] = (struct scan_file){ .path = arena_printf(a, "%s/f%d.parquet", dir, f) };
        plan.bounds[f] = (struct pit_range){ .time_lo = TIME_MIN,
                                             .time_hi = TIME_MIN + TIME_SPAN - 1,
                                             .has_key = true,
                                             .key_hi = KEYS - 1 };
    }
    if (!parquet_schema_read(s, plan.files[0].path, a, &plan.schema, &has_ids, err))
        return false;
    struct pit_view view = { .name = STR("stats"),
                             .schema = plan.schema,
                             .entity_keys = key,
                             .keys = key,
                             .keys_n = 1,
                             .ts = STR("event_timestamp"),
                             .created = STR("created"),
                             .features = features,
                             .names = features,
                             .features_n = FEATURES,
                             .plan = plan_files,
                             .ctx = &plan };
    struct pit_entities entities;
    struct pit_joined joined = { 0 };
    str in = arena_printf(a, "%s/e%s.parquet", dir, size);
    str out = arena_printf(a, "%s/firn%s.parquet", dir, size);
    bool ok = pit_entities_open(s, in, (str){ 0 }, STR("event_timestamp"), a, &entities, err) &&
              pit_join(s, pool, &entities, &view, a, &joined, err) &&
              pit_write_parquet(s, &entities, &joined, 1, out, err);
    pit_joined_close(&joined);
    return ok;
}

static void firn(const char *dir, const char *size)
{
    struct error err;
    struct engine *e = engine_create(&(struct engine_config){ .threads = cpu_count() });
    struct pool *pool = pool_create("pit", cpu_count() - 1 > 0 ? cpu_count() - 1 : 1, 64);
    struct arena *a = arena_create(0);
    struct session *s;
    if (!session_open(e, &s, &err))
        die("session", err.msg);
    double start = seconds();
    if (!firn_join(s, pool, a, dir, size, &err))
        die("join", err.msg);
    printf("%.4f\n", seconds() - start);
    session_close(s);
    arena_destroy(a);
    pool_destroy(pool);
    engine_destroy(e);
}

/* Rows of the two answers that differ: as bags, since ASOF keeps no order; and rows of ours that are
 * not in the place of their entity row. */
static void check(const char *dir, const char *size)
{
    char sql[3000];
    duckdb_connection c = duck_open();
    snprintf(sql, sizeof sql,
             "SELECT (SELECT count(*) FROM (FROM '%s/asof%s.parquet' EXCEPT ALL"
             " FROM '%s/firn%s.parquet')) + (SELECT count(*) FROM (FROM '%s/firn%s.parquet'"
             " EXCEPT ALL FROM '%s/asof%s.parquet')) + (SELECT count(*) FROM"
             " (SELECT driver_id, event_timestamp, label, file_row_number FROM '%s/e%s.parquet'"
             " EXCEPT SELECT driver_id, event_timestamp, label, file_row_number"
             " FROM '%s/firn%s.parquet'))",
             dir, size, dir, size, dir, size, dir, size, dir, size, dir, size);
    int64_t differ = duck_run(c, sql);
    if (differ)
        die("answers differ, rows", size);
    printf("0\n");
}

/* The whole: each step in a process of its own. */

struct sample {
    double wall, cpu, memory_mb;
};

static struct sample spawn(char *const argv[])
{
    int out[2], status;
    struct rusage used;
    struct sample s = { 0 };
    if (pipe(out) != 0)
        die("pipe", "fails");
    pid_t child = fork();
    if (child == 0) {
        dup2(out[1], 1);
        close(out[0]);
        execv("/proc/self/exe", argv);
        _exit(127);
    }
    close(out[1]);
    FILE *f = fdopen(out[0], "r");
    char line[100] = "";
    if (!fgets(line, sizeof line, f))
        line[0] = '\0';
    fclose(f);
    if (wait4(child, &status, 0, &used) < 0 || status != 0)
        die(argv[1], "failed");
    s.wall = strtod(line, NULL);
    s.cpu = (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
            (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
    s.memory_mb = (double)used.ru_maxrss / 1024;
    return s;
}

static struct sample step(const char *what, const char *dir, const char *arg)
{
    char *const argv[] = { (char *)(uintptr_t) "bench_pit", (char *)(uintptr_t)what,
                           (char *)(uintptr_t)dir, (char *)(uintptr_t)arg, NULL };
    return spawn(argv);
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

struct series {
    struct sample at[REPEATS_MAX];
    int n;
};

/* Median wall and CPU, greatest memory. */
static struct sample summary(const struct series *s)
{
    double wall[REPEATS_MAX], cpu[REPEATS_MAX];
    struct sample out = { 0 };
    for (int i = 0; i < s->n; i++) {
        wall[i] = s->at[i].wall;
        cpu[i] = s->at[i].cpu;
        out.memory_mb = s->at[i].memory_mb > out.memory_mb ? s->at[i].memory_mb : out.memory_mb;
    }
    qsort(wall, (size_t)s->n, sizeof *wall, by_value);
    qsort(cpu, (size_t)s->n, sizeof *cpu, by_value);
    out.wall = wall[s->n / 2];
    out.cpu = cpu[s->n / 2];
    return out;
}

static void add(struct series *s, struct sample x)
{
    s->at[s->n++] = x;
}

static void print_row(const char *what, struct sample s)
{
    printf("  %-34s %8.3f s %8.3f s %8.0f MB\n", what, s.wall, s.cpu, s.memory_mb);
}

static void print_goal(const char *what, double got, double goal, bool at_least)
{
    bool met = at_least ? got >= goal : got <= goal;
    printf("    %-42s %6.2f   goal %s %.2f   %s\n", what, got, at_least ? ">=" : "<=", goal,
           met ? "met" : "MISSED");
}

static void print_size(size_t i, struct sample ours, struct sample theirs, struct sample limit)
{
    char what[100];
    snprintf(what, sizeof what, "%s entity rows: DuckDB ASOF", sizes[i]);
    print_row(what, theirs);
    snprintf(what, sizeof what, "%s entity rows: Firn", sizes[i]);
    print_row(what, ours);
    if (goals_speed[i] > 0) {
        print_goal("times as fast as ASOF", theirs.wall / ours.wall, goals_speed[i], true);
        print_goal("its memory over ours", theirs.memory_mb / ours.memory_mb, goals_memory[i],
                   true);
    }
    /* Wall times part when another load takes a core from one of the two: CPU tells. */
    print_goal("times the plain scan of all columns, wall", ours.wall / limit.wall, 1.6, false);
    print_goal("the same, CPU", ours.cpu / limit.cpu, 1.6, false);
}

static void run_all(const char *dir, int repeats)
{
    static struct series ours[3], theirs[3], all, keys;
    for (int r = 0; r < repeats; r++) {
        for (size_t i = 0; i < 3; i++) {
            add(&theirs[i], step("asof", dir, sizes[i]));
            /* The system takes back ASOF's two gigabytes while this one runs, not while one of the two that are compared does. */
            add(&keys, step("scan", dir, ", max(created)"));
            add(&ours[i], step("firn", dir, sizes[i]));
            add(&all,
                step("scan", dir, ", max(created), sum(f1), sum(f2), sum(f3), sum(f4), sum(f5)"));
        }
    }
    for (size_t i = 0; i < 3; i++)
        step("check", dir, sizes[i]);
    printf("point-in-time join, median of %d; answers equal\n", repeats);
    printf("  %-34s %10s %10s %11s\n", "", "wall", "CPU", "peak memory");
    print_row("plain scan: key, ts, created", summary(&keys));
    print_row("plain scan: all 8 columns", summary(&all));
    for (size_t i = 0; i < 3; i++)
        print_size(i, summary(&ours[i]), summary(&theirs[i]), summary(&all));
}

static void make_data(const char *dir)
{
    char done[1000];
    struct stat st;
    snprintf(done, sizeof done, "%s/made", dir);
    if (stat(done, &st) == 0)
        return;
    if (mkdir(dir, 0777) != 0 && errno != EEXIST)
        die(dir, "cannot be made");
    fprintf(stderr, "making data in %s\n", dir);
    step("gen", dir, "");
}

int main(int argc, char **argv)
{
    const char *arg = argc > 3 ? argv[3] : "";
    if (argc > 2 && strcmp(argv[1], "gen") == 0) {
        gen(argv[2]);
    } else if (argc > 3 && strcmp(argv[1], "asof") == 0) {
        asof(argv[2], arg);
    } else if (argc > 3 && strcmp(argv[1], "firn") == 0) {
        firn(argv[2], arg);
    } else if (argc > 3 && strcmp(argv[1], "scan") == 0) {
        scan(argv[2], arg);
    } else if (argc > 3 && strcmp(argv[1], "check") == 0) {
        check(argv[2], arg);
    } else if (argc > 1) {
        int repeats = argc > 2 ? (int)strtol(argv[2], NULL, 10) : 3;
        make_data(argv[1]);
        run_all(argv[1], repeats < 1 ? 1 : repeats > REPEATS_MAX / 3 ? REPEATS_MAX / 3 : repeats);
    } else {
        fprintf(stderr, "use: bench_pit DIR [REPEATS]\n");
        return 2;
    }
    return 0;
}
