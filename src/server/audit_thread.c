/* SPDX-License-Identifier: Apache-2.0 */
#include "server/audit_thread.h"

#include "base/env.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/thread.h"
#include "govern/audit.h"
#include "io/spool.h"
#include "sql/audit_table.h"
#include "sql/lake.h"

#define LOOK_US 100000 /* how late the end is noticed */

struct audit_thread {
    struct lake *lake;
    struct thread *thread;
    atomic_bool stopping;
};

static void flush(struct lake *lake)
{
    struct error err = { 0 };
    if (!audit_flush(lake, &err))
        log_error("audit", "%s", err.msg);
}

static void sync_spool(struct lake *lake)
{
    struct error err = { 0 };
    struct spool *spool = audit_spool(lake->govern);
    if (spool && !spool_sync(spool, &err))
        log_error("audit", "%s", err.msg);
}

static bool much_waits(struct lake *lake)
{
    struct spool *spool = audit_spool(lake->govern);
    return spool && spool_pending(spool) > AUDIT_FLUSH_BYTES;
}

static void work(void *arg)
{
    struct audit_thread *t = arg;
    int64_t flushed = env_monotonic_ns(env_real()), synced = flushed;
    while (!atomic_load(&t->stopping)) {
        env_sleep_us(env_real(), LOOK_US);
        int64_t now = env_monotonic_ns(env_real());
        if (now - synced >= AUDIT_SYNC_US * 1000) {
            sync_spool(t->lake);
            synced = now;
        }
        if (now - flushed >= AUDIT_FLUSH_US * 1000 || much_waits(t->lake)) {
            flush(t->lake);
            flushed = now;
        }
    }
    flush(t->lake);
}

struct audit_thread *audit_thread_start(struct lake *lake)
{
    struct audit_thread *t = mem_new(struct audit_thread);
    t->lake = lake;
    t->thread = thread_start("firn-audit", work, t);
    return t;
}

void audit_thread_stop(struct audit_thread *t)
{
    if (!t)
        return;
    atomic_store(&t->stopping, true);
    thread_join(t->thread);
    mem_free(t);
}
