/* SPDX-License-Identifier: Apache-2.0
 *
 * Which file is to blame. A damaged Parquet file fails a query with the words of a decoder deep inside of the library, which do not
 * say which of many files it was reading. So a session remembers the files that its statements read, and when a query fails
 * like that, each is read by itself: first all footers, then their rows, within a time. */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "base/env.h"
#include "engine/duck_priv.h"
#include "engine/parquet_scan.h"
#include "engine/quote.h"

#define READS_MAX 4096 /* remembered by one session */
#define BLAME_MS 3000  /* a file is begun no later than this after the failure */
#define BLAME_SQL_MAX (1 << 16)

struct reads {
    const char **paths;
    size_t n;
    struct reads *next;
};

/* Opening a pipe or a device that lies in a file's place would hang. */
static bool check_kind(const char *path, struct error *err)
{
    struct stat st;
    if (stat(path, &st) != 0)
        return errno != ELOOP ||
               fail(err, ERR_CORRUPT, "data file %s: a link that leads nowhere", path);
    return S_ISREG(st.st_mode) || fail(err, ERR_CORRUPT, "data file %s is no file", path);
}

bool session_reads(struct session *s, const struct scan_file *files, size_t n, struct error *err)
{
    size_t kept = n < READS_MAX - s->reads_n ? n : READS_MAX - s->reads_n;
    struct reads *r = arena_new(s->arena, struct reads);
    struct arena *a = arena_create(0);
    bool ok = true;
    r->paths = arena_array(s->arena, const char *, kept);
    for (size_t i = 0; ok && i < n; i++) {
        if (i < kept)
            r->paths[r->n++] = arena_cstr(s->arena, files[i].path);
        ok = check_kind(i < kept ? r->paths[i] : arena_cstr(a, files[i].path), err);
        arena_reset(a);
    }
    arena_destroy(a);
    r->next = s->reads;
    s->reads = r;
    s->reads_n += r->n;
    return ok;
}

/* Whether the query fails on this file alone. */
static bool is_damaged(duckdb_connection c, const char *path, const char *how)
{
    struct buf sql = BUF_INIT(BLAME_SQL_MAX);
    duckdb_result r;
    buf_printf(&sql, "SELECT %s FROM read_parquet(", how);
    quote_text(&sql, str_of(path));
    buf_lit(&sql, ", hive_partitioning = false) t");
    bool damaged = false;
    buf_add_char(&sql, '\0');
    if (buf_ok(&sql, "", &(struct error){ 0 })) {
        damaged = duckdb_query(c, buf_str(&sql).ptr, &r) != DuckDBSuccess;
        duckdb_destroy_result(&r);
    }
    buf_deinit(&sql);
    return damaged;
}

static const char *find_damaged(struct session *s, duckdb_connection c)
{
    static const char *const how[] = { "count(*)", "bit_xor(hash(t))" };
    struct error asked = { 0 };
    int64_t until = env_monotonic_ns(env_real()) + (int64_t)BLAME_MS * 1000000;
    for (size_t i = 0; i < sizeof how / sizeof *how; i++)
        for (const struct reads *r = s->reads; r; r = r->next)
            for (size_t k = 0; k < r->n; k++) {
                if (env_monotonic_ns(env_real()) > until || !cancel_check(s->cancel, &asked))
                    return NULL;
                if (is_damaged(c, r->paths[k], how[i]))
                    return r->paths[k];
            }
    return NULL;
}

void blame_file(struct session *s, struct error *err)
{
    duckdb_connection c;
    bool may = err->code == ERR_CORRUPT || err->code == ERR_INTERNAL;
    if (!s || !may || !s->reads || strstr(err->msg, ".parquet") ||
        duckdb_connect(engine_database(s->engine), &c) != DuckDBSuccess)
        return;
    const char *path = find_damaged(s, c);
    duckdb_disconnect(&c);
    if (!path)
        return;
    err->code = ERR_CORRUPT;
    fail_in(err, "data file %s", path);
}
