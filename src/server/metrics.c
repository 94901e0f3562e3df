/* SPDX-License-Identifier: Apache-2.0 */
#include "server/metrics.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/env.h"
#include "server/router.h"
#include "version.h"

/* Statuses that are sent; the last counts all others. */
static const int statuses[] = { 200, 201, 202, 204, 304, 400, 401, 403, 404, 405, 408, 409,
                                412, 413, 415, 422, 429, 499, 500, 501, 503, 504, 0 };
#define STATUSES (sizeof statuses / sizeof *statuses)

/* Upper bounds of the histogram in microseconds: an online read is well below a millisecond, a training run takes minutes. */
static const int64_t bounds_us[] = { 50,      100,      250,      500,      1000,
                                     2500,    5000,     10000,    25000,    50000,
                                     100000,  250000,   500000,   1000000,  2500000,
                                     5000000, 10000000, 30000000, 60000000, 300000000 };
#define BOUNDS (sizeof bounds_us / sizeof *bounds_us)

struct route_metrics {
    atomic_uint_least64_t by_status[STATUSES];
    atomic_uint_least64_t buckets[BOUNDS + 1]; /* the last: above all bounds */
    atomic_uint_least64_t sum_ns;
};

#define ACTIONS_MAX 8

struct action_metrics {
    _Atomic(const char *) name;
    atomic_uint_least64_t done, failed;
};

struct metrics {
    struct arena *arena; /* of this struct */
    int64_t began_us;
    atomic_int_least64_t connections, in_flight;
    atomic_uint_least64_t refused;
    struct action_metrics
        actions[ACTIONS_MAX]; /* of maintenance, in the order of their first end */
    size_t n;                 /* routes; one more row counts requests without one */
    struct route_metrics *routes;
};

struct metrics *metrics_create(void)
{
    struct arena *a = arena_create(0);
    struct metrics *m = arena_new(a, struct metrics);
    m->arena = a;
    m->n = routes_n();
    m->routes = arena_array(a, struct route_metrics, m->n + 1);
    m->began_us = env_now_us(env_real());
    return m;
}

void metrics_destroy(struct metrics *m)
{
    if (m)
        arena_destroy(m->arena);
}

static void count(atomic_uint_least64_t *at, uint64_t n)
{
    atomic_fetch_add_explicit(at, n, memory_order_relaxed);
}

static uint64_t read_count(const atomic_uint_least64_t *at)
{
    return atomic_load_explicit(at, memory_order_relaxed);
}

void metrics_request(struct metrics *m, const struct route *route, int status, int64_t ns)
{
    if (!m)
        return;
    struct route_metrics *r = &m->routes[route ? route_number(route) : m->n];
    size_t s = 0, b = 0;
    while (s < STATUSES - 1 && statuses[s] != status)
        s++;
    while (b < BOUNDS && ns > bounds_us[b] * 1000)
        b++;
    count(&r->by_status[s], 1);
    count(&r->buckets[b], 1);
    count(&r->sum_ns, ns > 0 ? (uint64_t)ns : 0);
}

void metrics_connections(struct metrics *m, int change)
{
    if (m)
        atomic_fetch_add_explicit(&m->connections, change, memory_order_relaxed);
}

void metrics_in_flight(struct metrics *m, int change)
{
    if (m)
        atomic_fetch_add_explicit(&m->in_flight, change, memory_order_relaxed);
}

void metrics_refused(struct metrics *m)
{
    if (m)
        count(&m->refused, 1);
}

int64_t metrics_requests_total(const struct metrics *m)
{
    uint64_t total = 0;
    for (size_t i = 0; i <= m->n; i++)
        for (size_t s = 0; s < STATUSES; s++)
            total += read_count(&m->routes[i].by_status[s]);
    return (int64_t)total;
}

/* ---- Text ---- */

/* Patterns hold braces, which label values may; quotes and backslashes they never hold. */
static void labels(const struct metrics *m, size_t i, struct buf *out)
{
    const struct route *r = i < m->n ? route_at(i) : NULL;
    buf_printf(out, "method=\"%s\",route=\"%s\"", r ? r->method : "", r ? r->path : "");
}

static void write_requests(const struct metrics *m, struct buf *out)
{
    buf_lit(out, "# HELP firn_http_requests_total Requests answered, by route and status.\n"
                 "# TYPE firn_http_requests_total counter\n");
    for (size_t i = 0; i <= m->n; i++) {
        for (size_t s = 0; s < STATUSES; s++) {
            uint64_t n = read_count(&m->routes[i].by_status[s]);
            if (n == 0)
                continue;
            buf_lit(out, "firn_http_requests_total{");
            labels(m, i, out);
            buf_printf(out, ",status=\"%d\"} %llu\n", statuses[s], (unsigned long long)n);
        }
    }
}

static void write_histogram(const struct metrics *m, size_t i, struct buf *out)
{
    const struct route_metrics *r = &m->routes[i];
    uint64_t at[BOUNDS + 1], total = 0, below = 0;
    for (size_t b = 0; b <= BOUNDS; b++)
        total += at[b] = read_count(&r->buckets[b]);
    if (total == 0)
        return;
    for (size_t b = 0; b <= BOUNDS; b++) {
        below += at[b];
        buf_lit(out, "firn_http_request_duration_seconds_bucket{");
        labels(m, i, out);
        if (b < BOUNDS)
            buf_printf(out, ",le=\"%g\"} %llu\n", (double)bounds_us[b] / 1e6,
                       (unsigned long long)below);
        else
            buf_printf(out, ",le=\"+Inf\"} %llu\n", (unsigned long long)below);
    }
    buf_lit(out, "firn_http_request_duration_seconds_sum{");
    labels(m, i, out);
    buf_printf(out, "} %.9g\n", (double)read_count(&r->sum_ns) / 1e9);
    buf_lit(out, "firn_http_request_duration_seconds_count{");
    labels(m, i, out);
    buf_printf(out, "} %llu\n", (unsigned long long)total);
}

static void write_one(struct buf *out, const char *name, const char *type, const char *help,
                      double value)
{
    buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n%s %.15g\n", name, help, name, type, name, value);
}

/* Pages of this process in memory, from /proc; 0 where there is no such file. */
static double resident_bytes(void)
{
    FILE *f = fopen("/proc/self/statm", "re");
    char text[128] = "";
    if (!f)
        return 0;
    size_t n = fread(text, 1, sizeof text - 1, f);
    fclose(f);
    str total, rest, resident;
    int64_t pages = 0;
    str_cut(str_make(text, n), ' ', &total, &rest);
    str_cut(rest, ' ', &resident, &rest);
    return str_to_i64(resident, &pages) ? (double)pages * (double)sysconf(_SC_PAGESIZE) : 0;
}

/* One thread runs maintenance, so names are added by one. */
void metrics_maintenance(struct metrics *m, const char *action, bool ok)
{
    for (size_t i = 0; m && i < ACTIONS_MAX; i++) {
        const char *name = atomic_load(&m->actions[i].name);
        if (!name)
            atomic_store(&m->actions[i].name, name = action);
        if (!str_is(str_of(name), action))
            continue;
        atomic_fetch_add(ok ? &m->actions[i].done : &m->actions[i].failed, 1);
        return;
    }
}

static void write_actions(const struct metrics *m, struct buf *out)
{
    buf_lit(out, "# HELP firn_maintenance_actions_total Actions of maintenance by result.\n"
                 "# TYPE firn_maintenance_actions_total counter\n");
    for (size_t i = 0; i < ACTIONS_MAX; i++) {
        const struct action_metrics *x = &m->actions[i];
        const char *name = atomic_load(&x->name);
        if (!name)
            break;
        buf_printf(out,
                   "firn_maintenance_actions_total{action=\"%s\",result=\"done\"} %llu\n"
                   "firn_maintenance_actions_total{action=\"%s\",result=\"failed\"} %llu\n",
                   name, (unsigned long long)atomic_load(&x->done), name,
                   (unsigned long long)atomic_load(&x->failed));
    }
}

void metrics_write(const struct metrics *m, struct buf *out)
{
    write_requests(m, out);
    write_actions(m, out);
    buf_lit(out, "# HELP firn_http_request_duration_seconds Time in the handler.\n"
                 "# TYPE firn_http_request_duration_seconds histogram\n");
    for (size_t i = 0; i <= m->n; i++)
        write_histogram(m, i, out);
    write_one(out, "firn_http_connections", "gauge", "Open connections.",
              (double)atomic_load(&m->connections));
    write_one(out, "firn_http_requests_in_flight", "gauge", "Requests begun and not ended.",
              (double)atomic_load(&m->in_flight));
    write_one(out, "firn_http_requests_refused_total", "counter",
              "Requests refused because the queue of slow requests was full.",
              (double)read_count(&m->refused));
    write_one(out, "process_resident_memory_bytes", "gauge", "Resident memory.", resident_bytes());
    write_one(out, "process_start_time_seconds", "gauge", "When the process began to serve.",
              (double)m->began_us / 1e6);
    write_one(out, "firn_uptime_seconds", "gauge", "Time since then.",
              (double)(env_now_us(env_real()) - m->began_us) / 1e6);
    buf_printf(out,
               "# HELP firn_build_info Version of the program.\n"
               "# TYPE firn_build_info gauge\nfirn_build_info{version=\"%s\"} 1\n",
               FIRN_VERSION);
}
