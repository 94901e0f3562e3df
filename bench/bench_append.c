/* SPDX-License-Identifier: Apache-2.0
 *
 * Appends a second through the C library (include/firn.h): each ten rows from an Arrow stream, durable when the call
 * returns, one after the other into one table.
 *
 *     bench_append DIR N
 *
 * Prints appends/s, p50 and p99 of one in ms, and appends/s of the last tenth, tab-separated.  DIR is a data directory; the
 * table is made new. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "../include/firn.h"

#define ROWS 10
#define COLUMNS 3

static _Noreturn void die(const char *what, const char *why)
{
    fprintf(stderr, "bench_append: %s: %s\n", what, why);
    exit(1);
}

static double now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

/* ---- A stream of one batch, in memory that lives as long as the program's one append. */

static int64_t ids[ROWS];
static double amounts[ROWS];
static char notes[ROWS * 32];
static int32_t offsets[ROWS + 1];
static int batches;

static void schema_release(struct ArrowSchema *s)
{
    s->release = NULL;
}

static void array_release(struct ArrowArray *a)
{
    a->release = NULL;
}

static int get_schema(struct ArrowArrayStream *s, struct ArrowSchema *out)
{
    static struct ArrowSchema parts[COLUMNS], *children[COLUMNS];
    static const char *const formats[] = { "l", "u", "g" }, *const names[] = { "id", "note",
                                                                               "amount" };
    (void)s;
    for (int i = 0; i < COLUMNS; i++) {
        parts[i] = (struct ArrowSchema){
            .format = formats[i], .name = names[i], .flags = 2, .release = schema_release
        };
        children[i] = &parts[i];
    }
    *out = (struct ArrowSchema){ .format = "+s",
                                 .name = "",
                                 .n_children = COLUMNS,
                                 .children = children,
                                 .release = schema_release };
    return 0;
}

static int get_next(struct ArrowArrayStream *s, struct ArrowArray *out)
{
    static struct ArrowArray parts[COLUMNS], *children[COLUMNS];
    static const void *id[2], *note[3], *amount[2], *top[1];
    (void)s;
    *out = (struct ArrowArray){ 0 };
    if (batches-- == 0)
        return 0;
    id[1] = ids;
    note[1] = offsets;
    note[2] = notes;
    amount[1] = amounts;
    parts[0] = (struct ArrowArray){ .n_buffers = 2, .buffers = id };
    parts[1] = (struct ArrowArray){ .n_buffers = 3, .buffers = note };
    parts[2] = (struct ArrowArray){ .n_buffers = 2, .buffers = amount };
    for (int i = 0; i < COLUMNS; i++) {
        parts[i].length = ROWS;
        parts[i].release = array_release;
        children[i] = &parts[i];
    }
    *out = (struct ArrowArray){ .length = ROWS,
                                .n_buffers = 1,
                                .buffers = top,
                                .n_children = COLUMNS,
                                .children = children,
                                .release = array_release };
    return 0;
}

static const char *last_error(struct ArrowArrayStream *s)
{
    (void)s;
    return NULL;
}

static void stream_release(struct ArrowArrayStream *s)
{
    s->release = NULL;
}

static struct ArrowArrayStream ten_rows(int64_t from)
{
    int at = 0;
    for (int i = 0; i < ROWS; i++) {
        ids[i] = from + i;
        amounts[i] = (double)(from + i) + 0.5;
        offsets[i] = at;
        at += snprintf(notes + at, 32, "a row of %lld", (long long)(from + i));
    }
    offsets[ROWS] = at;
    batches = 1;
    return (struct ArrowArrayStream){ .get_schema = get_schema,
                                      .get_next = get_next,
                                      .get_last_error = last_error,
                                      .release = stream_release };
}

/* ---- The run. */

static void statement(firn_lake *lake, const char *text)
{
    firn_error err = FIRN_ERROR_INIT;
    firn_sql_options o = FIRN_SQL_OPTIONS_INIT;
    o.text = text;
    if (firn_sql(lake, &o, NULL, NULL, &err) != FIRN_OK)
        die(text, err.message);
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

int main(int argc, char **argv)
{
    firn_error err = FIRN_ERROR_INIT;
    firn_lake *lake;
    char table[64], text[256];
    if (argc != 3)
        die("usage", "bench_append DIR N");
    int n = (int)strtol(argv[2], NULL, 10);
    if (n < 10 || n > 1000000)
        die("N", "from 10 to 1000000");
    double *ms = calloc((size_t)n, sizeof *ms);
    if (firn_open(argv[1], NULL, &lake, &err) != FIRN_OK)
        die("open", err.message);
    snprintf(table, sizeof table, "bench.t%ld_%ld", (long)time(NULL), (long)getpid());
    snprintf(text, sizeof text, "CREATE TABLE %s (id BIGINT, note VARCHAR, amount DOUBLE)", table);
    statement(lake, "CREATE SCHEMA IF NOT EXISTS bench");
    statement(lake, text);
    double start = now_ms(), tenth = start;
    for (int i = 0; i < n; i++) {
        firn_write_options o = FIRN_WRITE_OPTIONS_INIT;
        struct ArrowArrayStream rows = ten_rows((int64_t)i * ROWS);
        double from = now_ms();
        if (i == n - n / 10)
            tenth = from;
        o.table = table;
        if (firn_append(lake, &o, &rows, NULL, &err) != FIRN_OK)
            die("append", err.message);
        ms[i] = now_ms() - from;
    }
    double end = now_ms();
    qsort(ms, (size_t)n, sizeof *ms, by_value);
    printf("%.2f\t%.2f\t%.2f\t%.2f\n", n * 1e3 / (end - start), ms[n / 2], ms[n - 1 - n / 100],
           (n / 10) * 1e3 / (end - tenth));
    firn_close(lake);
    free(ms);
    return 0;
}
