/* SPDX-License-Identifier: Apache-2.0 */
#include "govern/audit.h"

#include "catalog/name.h"
#include "codec/json.h"
#include "govern/govern_priv.h"
#include "io/spool.h"

#define TEXT_MAX 1024 /* bytes of what callers name themselves: longer is cut */

struct spool *audit_spool(struct govern *g)
{
    return atomic_load(&g->audit);
}

void audit_turn_take(struct govern *g)
{
    pthread_mutex_lock(&g->flushing);
}

void audit_turn_give(struct govern *g)
{
    pthread_mutex_unlock(&g->flushing);
}

/* "a.b.t": levels and name; a dot inside a level is not told apart, the log is for people. */
static void write_object(const struct securable *on, struct json_writer *w)
{
    char text[TEXT_MAX];
    size_t n = 0;
    for (size_t i = 0; on && i <= on->levels_n; i++) {
        str part = i < on->levels_n ? on->levels[i] : on->name;
        size_t dot = n && part.len ? 1 : 0;
        if (n + dot + part.len > sizeof text)
            break;
        if (dot)
            text[n++] = '.';
        if (part.len)
            memcpy(text + n, part.ptr, part.len);
        n += part.len;
    }
    jw_kv_str(w, "object", str_make(text, n));
}

static void kv_short(struct json_writer *w, const char *key, str text)
{
    jw_kv_str(w, key, str_sub(text, 0, TEXT_MAX));
}

bool audit_note(struct govern *g, const struct audit_event *e, struct error *err)
{
    struct spool *spool = audit_spool(g);
    if (!spool)
        return true;
    struct buf line = BUF_INIT(SPOOL_LINE_MAX);
    struct json_writer w;
    jw_init(&w, &line);
    jw_begin_object(&w);
    jw_kv_int(&w, "time_us", env_now_us(g->env));
    kv_short(&w, "principal", e->who->principal);
    kv_short(&w, "credential", e->who->credential_id);
    kv_short(&w, "action", e->action);
    jw_kv_str(&w, "kind", str_of(e->on ? securable_kind_name(e->on->kind) : ""));
    write_object(e->on, &w);
    kv_short(&w, "ref", e->ref);
    jw_kv_bool(&w, "allowed", e->allowed);
    kv_short(&w, "reason", str_of(e->reason));
    kv_short(&w, "request_id", e->request_id);
    kv_short(&w, "peer", e->peer);
    jw_end_object(&w);
    buf_add_char(&line, '\n');
    bool ok =
        buf_ok(&line, "a line of the audit log", err) && spool_append(spool, buf_str(&line), err);
    buf_deinit(&line);
    return ok || fail_in(err, "the audit log cannot be written");
}
