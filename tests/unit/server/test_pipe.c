/* SPDX-License-Identifier: Apache-2.0 */
#include "server/pipe.h"
#include "base/thread.h"
#include "test.h"

/* A reader that sleeps when told that there is nothing, as a connection does. */
struct sleeper {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool asleep;
    struct pipe pipe;
    size_t total;
    uint64_t sum;
};

static void wake(void *ctx)
{
    struct sleeper *s = ctx;
    pthread_mutex_lock(&s->lock);
    CHECK(s->asleep);
    s->asleep = false;
    pthread_cond_signal(&s->changed);
    pthread_mutex_unlock(&s->lock);
}

static void fall_asleep(void *ctx)
{
    struct sleeper *s = ctx;
    pthread_mutex_lock(&s->lock);
    CHECK(!s->asleep);
    s->asleep = true;
    pthread_mutex_unlock(&s->lock);
}

static void sleeper_init(struct sleeper *s)
{
    *s = (struct sleeper){ 0 };
    pthread_mutex_init(&s->lock, NULL);
    pthread_cond_init(&s->changed, NULL);
    pipe_init(&s->pipe, wake, s);
}

#define TOTAL ((size_t)20 << 20)

static void write_much(void *arg)
{
    struct sleeper *s = arg;
    struct rand r;
    char piece[200000];
    rand_init(&r, test_seed());
    for (size_t n = 0; n < TOTAL;) {
        size_t len = 1 + rand_below(&r, sizeof piece);
        len = len < TOTAL - n ? len : TOTAL - n;
        memset(piece, (int)(n % 251), len);
        for (size_t i = 0; i < len; i++)
            s->sum += (unsigned char)piece[i];
        CHECK(pipe_write(&s->pipe, str_make(piece, len)));
        n += len;
    }
    pipe_end(&s->pipe, false);
}

TEST(everything_arrives_and_memory_stays_bounded)
{
    struct sleeper s;
    uint64_t sum = 0;
    sleeper_init(&s);
    struct thread *writer = thread_start("writer", write_much, &s);
    for (;;) {
        char out[30000];
        ssize_t n = pipe_read(&s.pipe, out, sizeof out, fall_asleep);
        if (n == -1)
            break;
        CHECK(n >= 0);
        pthread_mutex_lock(&s.pipe.lock);
        CHECK(s.pipe.filling.cap <= 2 * PIPE_BYTES_MAX);
        pthread_mutex_unlock(&s.pipe.lock);
        for (ssize_t i = 0; i < n; i++)
            sum += (unsigned char)out[i];
        s.total += (size_t)n;
        pthread_mutex_lock(&s.lock);
        while (n == 0 && s.asleep)
            pthread_cond_wait(&s.changed, &s.lock);
        pthread_mutex_unlock(&s.lock);
    }
    thread_join(writer);
    CHECK_INT(s.total, TOTAL);
    CHECK_INT(sum, s.sum);
    pipe_deinit(&s.pipe);
}

static void write_until_refused(void *arg)
{
    struct sleeper *s = arg;
    char piece[65536] = { 0 };
    while (pipe_write(&s->pipe, str_make(piece, sizeof piece)))
        s->total += sizeof piece;
    pipe_end(&s->pipe, true);
}

TEST(a_writer_that_waits_is_let_go_when_the_reader_leaves)
{
    struct sleeper s;
    sleeper_init(&s);
    struct thread *writer = thread_start("writer", write_until_refused, &s);
    env_sleep_us(env_real(), 20000);
    pipe_abandon(&s.pipe);
    thread_join(writer);
    CHECK(s.total <= PIPE_BYTES_MAX);
    pipe_deinit(&s.pipe);
}

TEST(what_was_written_before_a_cut_is_read_before_it)
{
    struct sleeper s;
    char out[16];
    sleeper_init(&s);
    CHECK(pipe_write(&s.pipe, STR("abc")));
    pipe_end(&s.pipe, true);
    CHECK_INT(pipe_read(&s.pipe, out, 2, fall_asleep), 2);
    CHECK_INT(pipe_read(&s.pipe, out, 16, fall_asleep), 1);
    CHECK_INT(pipe_read(&s.pipe, out, 16, fall_asleep), -2);
    pipe_deinit(&s.pipe);
}
