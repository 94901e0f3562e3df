/* SPDX-License-Identifier: Apache-2.0
 *
 * Two buffers that change places: the writer fills one while the reader empties the other, so a byte is copied under the lock
 * once, and the lock is taken once a megabyte by a reader that keeps up. */
#include "server/pipe.h"

void pipe_init(struct pipe *p, void (*wake)(void *ctx), void *wake_ctx)
{
    *p = (struct pipe){ .wake = wake, .wake_ctx = wake_ctx };
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->writable, NULL);
    buf_init(&p->filling, PIPE_BYTES_MAX);
    buf_init(&p->reading, PIPE_BYTES_MAX);
}

void pipe_deinit(struct pipe *p)
{
    buf_deinit(&p->filling);
    buf_deinit(&p->reading);
    pthread_cond_destroy(&p->writable);
    pthread_mutex_destroy(&p->lock);
}

/* The lock is held. */
static void wake_reader(struct pipe *p)
{
    if (!p->reader_waits)
        return;
    p->reader_waits = false;
    p->wake(p->wake_ctx);
}

bool pipe_write(struct pipe *p, str piece)
{
    pthread_mutex_lock(&p->lock);
    while (piece.len && !p->gone) {
        size_t room = PIPE_BYTES_MAX - p->filling.len;
        if (room == 0) {
            pthread_cond_wait(&p->writable, &p->lock);
            continue;
        }
        str part = str_sub(piece, 0, room);
        buf_add_str(&p->filling, part);
        piece = str_from(piece, part.len);
        wake_reader(p);
    }
    bool ok = !p->gone;
    pthread_mutex_unlock(&p->lock);
    return ok;
}

void pipe_end(struct pipe *p, bool cut)
{
    pthread_mutex_lock(&p->lock);
    p->ended = true;
    p->cut = cut;
    wake_reader(p);
    pthread_mutex_unlock(&p->lock);
}

/* The lock is held; the reader's buffer is used up. */
static ssize_t refill(struct pipe *p, void (*before_wait)(void *ctx))
{
    buf_clear(&p->reading);
    p->sent = 0;
    if (p->filling.len) {
        struct buf full = p->filling;
        p->filling = p->reading;
        p->reading = full;
        pthread_cond_signal(&p->writable);
        return 1;
    }
    if (p->ended)
        return p->cut ? -2 : -1;
    p->reader_waits = true;
    before_wait(p->wake_ctx);
    return 0;
}

ssize_t pipe_read(struct pipe *p, char *out, size_t max, void (*before_wait)(void *ctx))
{
    if (p->sent == p->reading.len) {
        pthread_mutex_lock(&p->lock);
        ssize_t got = refill(p, before_wait);
        pthread_mutex_unlock(&p->lock);
        if (got <= 0)
            return got;
    }
    str piece = str_sub(buf_str(&p->reading), p->sent, p->sent + max);
    memcpy(out, piece.ptr, piece.len);
    p->sent += piece.len;
    return (ssize_t)piece.len;
}

void pipe_abandon(struct pipe *p)
{
    pthread_mutex_lock(&p->lock);
    p->gone = true;
    pthread_cond_broadcast(&p->writable);
    pthread_mutex_unlock(&p->lock);
}
