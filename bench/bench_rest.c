/* SPDX-License-Identifier: Apache-2.0
 *
 * Commits through an Iceberg REST catalog, over HTTP, the same requests for every server.  The manifest lists that the
 * snapshots name do not exist: a catalog does not read them, so what is measured is the catalog and no client's files.
 *
 *     bench_rest URL table NAME SNAPSHOTS       makes the table bench.NAME with so many snapshots
 *     bench_rest URL tables N                   makes N tables in the namespace bench_many, by 8 clients
 *     bench_rest URL touch N                    changes a property of N of them
 *     bench_rest FOLDER bare N CLIENTS          no server: what a file of 10 kB costs that is written, synced, renamed, its
 *                                               folder synced
 *     bench_rest URL WHAT N CLIENTS             WHAT: append, append-one (all to one table, a refused one loads and
 *                                               tries again), or properties
 *
 * URL is that of the catalog, before /v1.  N commits in all.  Prints commits/s, p50 and p99 of a commit in ms (from the first try)
 * and tries that were refused, tab-separated. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/env.h"
#include "base/thread.h"
#include "io/http.h"

#define CLIENTS_MAX 64
#define COMMITS_MAX 1000000
#define BATCH 1000 /* snapshots of one commit, when a table is made */
#define ANSWER_MAX ((size_t)1 << 30)
#define SCHEMA                                                                                     \
    "{\"type\":\"struct\",\"fields\":[{\"id\":1,\"name\":\"id\",\"type\":\"long\",\"required\":"   \
    "false},{\"id\":2,\"name\":\"note\",\"type\":\"string\",\"required\":false},{\"id\":3,"        \
    "\"name\":\"amount\",\"type\":\"double\",\"required\":false}]}"

enum what { APPEND, APPEND_ONE, PROPERTIES, TABLES, TOUCH, BARE };

struct work {
    const char *url;
    struct http_client *http;
    uint64_t run; /* makes names new */
    enum what what;
    size_t clients, each;
    double *ms; /* of every commit, each client's in a row */
    atomic_size_t refused;
};

/* What a client knows of the table that it writes. */
struct head {
    str location;
    int64_t snapshot, sequence;
};

static _Noreturn void die(const char *what, const char *why)
{
    fprintf(stderr, "bench_rest: %s: %s\n", what, why);
    exit(1);
}

static int64_t now_ms(void)
{
    return env_now_ms(env_real());
}

/* One request; any answer is fine. */
static struct http_answer ask(const struct work *w, const char *method, str path, str body,
                              struct arena *a)
{
    const struct http_header type = { STR("Content-Type"), STR("application/json") };
    struct http_call call = { .method = method,
                              .url = arena_printf(a, "%s" STR_FMT, w->url, STR_ARG(path)),
                              .headers = &type,
                              .headers_n = 1,
                              .body = body,
                              .answer_max = ANSWER_MAX,
                              .timeout_ms = 600000 };
    struct http_answer answer = { 0 };
    struct error err = { 0 };
    if (!http_call(w->http, &call, a, &answer, &err))
        die(method, err.msg);
    return answer;
}

static struct http_answer need(const struct work *w, const char *method, str path, str body,
                               struct arena *a)
{
    struct http_answer answer = ask(w, method, path, body, a);
    if (answer.status / 100 != 2)
        die(path.ptr, arena_cstr(a, answer.body));
    return answer;
}

/* What follows a key of the table's metadata; both servers write these before the long lists, so that the load costs the cores that it shares
 * with the server little. */
static str after(str body, str key)
{
    ptrdiff_t at = str_find(body, key);
    return at < 0 ? (str){ 0 } : str_trim(str_from(body, (size_t)at + key.len));
}

static int64_t number_after(str body, str key, int64_t fallback)
{
    str text = after(body, key);
    size_t n = 0;
    int64_t v;
    while (n < text.len && (text.ptr[n] == '-' || (text.ptr[n] >= '0' && text.ptr[n] <= '9')))
        n++;
    return n && str_to_i64(str_sub(text, 0, n), &v) ? v : fallback;
}

static struct head read_head(str body, struct arena *a)
{
    str location = after(body, STR("\"location\":"));
    ptrdiff_t end = location.len ? str_find_char(str_from(location, 1), '"') : -1;
    struct head h = { .snapshot = number_after(body, STR("\"current-snapshot-id\":"), -1),
                      .sequence = number_after(body, STR("\"last-sequence-number\":"), -1) };
    if (end < 0 || h.sequence < 0)
        die("a table", arena_cstr(a, body));
    h.location = str_sub(location, 1, (size_t)end);
    return h;
}

static struct head make_table(const struct work *w, const char *ns, str name, struct arena *a)
{
    str path = arena_printf(a, "/v1/namespaces/%s/tables", ns);
    str body = arena_printf(a, "{\"name\":\"" STR_FMT "\",\"schema\":" SCHEMA "}", STR_ARG(name));
    return read_head(need(w, "POST", path, body, a).body, a);
}

static void make_namespace(const struct work *w, const char *name, struct arena *a)
{
    struct http_answer answer =
        ask(w, "POST", STR("/v1/namespaces"), arena_printf(a, "{\"namespace\":[\"%s\"]}", name), a);
    if (answer.status != 200 && answer.status != 409)
        die("the namespace", arena_cstr(a, answer.body));
}

/* ---- Commits ---- */

static void snapshot_json(const struct head *from, int64_t id, int64_t sequence, int64_t parent,
                          struct buf *out)
{
    buf_printf(out,
               "{\"action\":\"add-snapshot\",\"snapshot\":{\"snapshot-id\":%" PRId64
               ",\"sequence-number\":%" PRId64 ",\"timestamp-ms\":%" PRId64
               ",\"manifest-list\":\"" STR_FMT "/metadata/snap-%" PRId64 "-1-%016" PRIx64
               ".avro\",\"schema-id\":0,",
               id, sequence, now_ms(), STR_ARG(from->location), id, env_random_u64(env_real()));
    if (parent >= 0)
        buf_printf(out, "\"parent-snapshot-id\":%" PRId64 ",", parent);
    buf_lit(out,
            "\"summary\":{\"operation\":\"append\",\"added-data-files\":\"1\",\"added-records\":"
            "\"10\",\"added-files-size\":\"1204\",\"changed-partition-count\":\"1\","
            "\"total-records\":\"1000\",\"total-files-size\":\"120400\",\"total-data-files\":"
            "\"100\",\"total-delete-files\":\"0\",\"total-position-deletes\":\"0\","
            "\"total-equality-deletes\":\"0\"}}}");
}

/* The commit that adds n snapshots to `from` and moves main to the last of them, *to. */
static void append_json(const struct head *from, size_t n, struct buf *out, struct head *to)
{
    *to = *from;
    buf_lit(out, "{\"requirements\":[{\"type\":\"assert-ref-snapshot-id\",\"ref\":\"main\","
                 "\"snapshot-id\":");
    if (from->snapshot < 0)
        buf_lit(out, "null");
    else
        buf_printf(out, "%" PRId64, from->snapshot);
    buf_lit(out, "}],\"updates\":[");
    for (size_t i = 0; i < n; i++) {
        int64_t id = (int64_t)(env_random_u64(env_real()) >> 2);
        snapshot_json(from, id, ++to->sequence, to->snapshot, out);
        buf_lit(out, ",");
        to->snapshot = id;
    }
    buf_printf(out,
               "{\"action\":\"set-snapshot-ref\",\"ref-name\":\"main\",\"type\":\"branch\","
               "\"snapshot-id\":%" PRId64 "}]}",
               to->snapshot);
}

static str table_path(const char *ns, str name, struct arena *a)
{
    return arena_printf(a, "/v1/namespaces/%s/tables/" STR_FMT, ns, STR_ARG(name));
}

static str table_of(const struct work *w, size_t client, struct arena *a)
{
    return arena_printf(a, "t%" PRIx64 "_%zu", w->run, w->what == APPEND_ONE ? 0 : client);
}

/* Appends until it is in. */
static void append(struct work *w, str path, struct head *head, struct arena *a)
{
    for (;;) {
        struct buf body = BUF_INIT(ANSWER_MAX);
        struct head next;
        append_json(head, 1, &body, &next);
        struct http_answer answer = ask(w, "POST", path, buf_str(&body), a);
        buf_deinit(&body);
        if (answer.status == 200) {
            head->snapshot = next.snapshot;
            head->sequence = next.sequence;
            return;
        }
        if (answer.status != 409)
            die("append", arena_cstr(a, answer.body));
        atomic_fetch_add(&w->refused, 1);
        str refs = arena_printf(a, STR_FMT "?snapshots=refs", STR_ARG(path));
        struct head seen = read_head(need(w, "GET", refs, (str){ 0 }, a).body, a);
        head->snapshot = seen.snapshot;
        head->sequence = seen.sequence;
    }
}

static void set_property(struct work *w, str path, size_t i, struct arena *a)
{
    str body = arena_printf(a,
                            "{\"requirements\":[],\"updates\":[{\"action\":\"set-properties\","
                            "\"updates\":{\"bench.commit\":\"%zu\"}}]}",
                            i);
    need(w, "POST", path, body, a);
}

/* The least that a durable commit of a file can do. */
static void bare_file(const struct work *w, size_t client, size_t i, struct arena *a)
{
    static char bytes[10000];
    const char *temp = arena_printf(a, "%s/t%zu", w->url, client).ptr;
    const char *name = arena_printf(a, "%s/%zu-%zu", w->url, client, i).ptr;
    int folder = open(w->url, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int fd = open(temp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (folder < 0 || fd < 0 || write(fd, bytes, sizeof bytes) != (ssize_t)sizeof bytes ||
        fsync(fd) != 0 || rename(temp, name) != 0 || fsync(folder) != 0)
        die(name, strerror(errno));
    close(fd);
    close(folder);
}

static void one(struct work *w, str path, size_t client, size_t i, struct head *head,
                struct arena *a)
{
    if (w->what == PROPERTIES)
        set_property(w, path, i, a);
    else if (w->what == TABLES)
        make_table(w, "bench_many", arena_printf(a, "m%zu_%zu", client, i), a);
    else if (w->what == TOUCH)
        set_property(w, table_path("bench_many", arena_printf(a, "m%zu_%zu", client, i), a), i, a);
    else if (w->what == BARE)
        bare_file(w, client, i, a);
    else
        append(w, path, head, a);
}

static bool has_own_table(const struct work *w)
{
    return w->what == APPEND || w->what == APPEND_ONE || w->what == PROPERTIES;
}

static void run_client(struct work *w, size_t client)
{
    struct arena *own = arena_create(0);
    str path = { 0 };
    struct head head = { .snapshot = -1 };
    if (has_own_table(w)) {
        path = table_path("bench", table_of(w, client, own), own);
        head = read_head(need(w, "GET", path, (str){ 0 }, own).body, own);
    }
    for (size_t i = 0; i < w->each; i++) {
        struct arena *a = arena_create(0);
        int64_t from = env_monotonic_ns(env_real());
        one(w, path, client, i, &head, a);
        w->ms[client * w->each + i] = (double)(env_monotonic_ns(env_real()) - from) / 1e6;
        arena_destroy(a);
    }
    arena_destroy(own);
}

struct client {
    struct work *w;
    size_t number;
};

static void client_main(void *arg)
{
    const struct client *c = arg;
    run_client(c->w, c->number);
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void measure(struct work *w)
{
    struct client clients[CLIENTS_MAX];
    struct thread *threads[CLIENTS_MAX];
    size_t n = w->clients * w->each;
    w->ms = calloc(n, sizeof *w->ms);
    if (!w->ms)
        die("memory", "is out");
    int64_t from = env_monotonic_ns(env_real());
    for (size_t i = 0; i < w->clients; i++) {
        clients[i] = (struct client){ w, i };
        threads[i] = thread_start("client", client_main, &clients[i]);
    }
    for (size_t i = 0; i < w->clients; i++)
        thread_join(threads[i]);
    double seconds = (double)(env_monotonic_ns(env_real()) - from) / 1e9;
    qsort(w->ms, n, sizeof *w->ms, by_value);
    printf("%.2f\t%.2f\t%.2f\t%zu\n", (double)n / seconds, w->ms[n / 2], w->ms[n * 99 / 100],
           atomic_load(&w->refused));
    free(w->ms);
}

static void make_tables(struct work *w)
{
    struct arena *a = arena_create(0);
    if (w->what == TABLES)
        make_namespace(w, "bench_many", a);
    if (has_own_table(w))
        make_namespace(w, "bench", a);
    for (size_t i = 0; has_own_table(w) && i < (w->what == APPEND_ONE ? 1 : w->clients); i++)
        make_table(w, "bench", table_of(w, i, a), a);
    arena_destroy(a);
}

static void table_with(struct work *w, str name, size_t snapshots)
{
    struct arena *a = arena_create(0);
    make_namespace(w, "bench", a);
    struct head head = make_table(w, "bench", name, a);
    str path = table_path("bench", name, a);
    while (snapshots) {
        struct arena *turn = arena_create(0);
        struct buf body = BUF_INIT(ANSWER_MAX);
        struct head next;
        size_t n = snapshots < BATCH ? snapshots : BATCH;
        append_json(&head, n, &body, &next);
        need(w, "POST", path, buf_str(&body), turn);
        head = next;
        snapshots -= n;
        buf_deinit(&body);
        arena_destroy(turn);
    }
    arena_destroy(a);
}

static size_t number(const char *text, size_t max)
{
    char *end;
    unsigned long long n = strtoull(text, &end, 10);
    if (*end || n < 1 || n > max)
        die(text, "is no count in range");
    return (size_t)n;
}

static bool what_of(const char *text, enum what *out)
{
    static const char *const names[] = { "append", "append-one", "properties",
                                         "tables", "touch",      "bare" };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        *out = (enum what)i;
        if (strcmp(text, names[i]) == 0)
            return true;
    }
    return false;
}

int main(int argc, char **argv)
{
    struct work w = { .url = argc > 1 ? argv[1] : "" };
    struct error err = { 0 };
    if (!http_client_create(&(struct http_client_options){ .idle_max = CLIENTS_MAX }, &w.http,
                            &err))
        die("the client", err.msg);
    w.run = env_random_u64(env_real()) >> 32;
    if (argc == 5 && strcmp(argv[2], "table") == 0) {
        table_with(&w, str_of(argv[3]), number(argv[4], COMMITS_MAX));
    } else if (argc >= 4 && argc <= 5 && what_of(argv[2], &w.what)) {
        w.clients = argc == 5 ? number(argv[4], CLIENTS_MAX) : 8;
        w.each = number(argv[3], COMMITS_MAX) / w.clients;
        make_tables(&w);
        measure(&w);
    } else {
        fprintf(stderr,
                "use: bench_rest URL table NAME SNAPSHOTS | URL tables N | URL "
                "append|append-one|properties|tables|touch N [CLIENTS] | FOLDER bare N CLIENTS\n");
        return 2;
    }
    http_client_destroy(w.http);
    return 0;
}
