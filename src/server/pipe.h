/* SPDX-License-Identifier: Apache-2.0
 *
 * Bytes from the worker that makes a streamed answer to the thread that sends it: at most PIPE_BYTES_MAX wait, then the worker
 * does.  The reader never waits: it is told that there is nothing yet, and woken through a callback. */
#ifndef FIRN_SERVER_PIPE_H
#define FIRN_SERVER_PIPE_H

#include <pthread.h>
#include <sys/types.h>

#include "base/buf.h"

#define PIPE_BYTES_MAX ((size_t)1 << 20)

struct pipe {
    pthread_mutex_t lock;    /* guards all below but `reading` */
    pthread_cond_t writable; /* room was made, or the reader is gone */
    struct buf filling;      /* what the writer has put since the reader came last */
    bool ended, cut;         /* no more will come; cut: because of a failure */
    bool gone;               /* nobody reads any more */
    bool reader_waits;
    void (*wake)(void *ctx); /* called when a waiting reader may go on; with `lock` held */
    void *wake_ctx;
    struct buf reading; /* the reader's own; sent up to `sent` */
    size_t sent;
};

/* `wake` is called with the pipe's lock held: it may take inner locks only. */
void pipe_init(struct pipe *p, void (*wake)(void *ctx), void *wake_ctx);
/* Nobody may be in a call. */
void pipe_deinit(struct pipe *p);

/* Writer.  Waits while the pipe is full; false when the reader is gone or was told to go. */
bool pipe_write(struct pipe *p, str piece);
void pipe_end(struct pipe *p, bool cut); /* after the last piece */

/* Reader.  Copies at most max bytes.  0: nothing yet; `before_wait` was called then (with the lock held), and `wake` will be.  -1: the
 * end; -2: it was cut. */
ssize_t pipe_read(struct pipe *p, char *out, size_t max, void (*before_wait)(void *ctx));
/* The reader will not come again, or the writer shall stop: from any thread. */
void pipe_abandon(struct pipe *p);

#endif
