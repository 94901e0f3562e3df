/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include "base/queue.h"
#include "base/thread.h"

static int numbers[1000];

TEST(first_in_first_out)
{
    struct queue *q = queue_create(3);
    void *item;
    for (int round = 0; round < 5; round++) {
        for (int i = 0; i < 3; i++)
            CHECK(queue_push(q, &numbers[i]));
        CHECK(!queue_try_push(q, &numbers[9]));
        for (int i = 0; i < 2; i++)
            CHECK(queue_pop(q, &item) && item == &numbers[i]);
        CHECK(queue_try_push(q, &numbers[3]));
        CHECK(queue_pop(q, &item) && item == &numbers[2]);
        CHECK(queue_pop(q, &item) && item == &numbers[3]);
    }
    queue_destroy(q);
    queue_destroy(NULL);
}

TEST(a_closed_queue_gives_what_is_left)
{
    struct queue *q = queue_create(3);
    void *item;
    queue_push(q, &numbers[0]);
    queue_push(q, &numbers[1]);
    queue_close(q);
    CHECK(!queue_push(q, &numbers[2]) && !queue_try_push(q, &numbers[2]));
    CHECK(queue_pop(q, &item) && item == &numbers[0]);
    CHECK(queue_pop_until(q, &item, 1000000) && item == &numbers[1]);
    CHECK(!queue_pop(q, &item));
    CHECK(!queue_pop_until(q, &item, 60000000)); /* at once: it is closed */
    queue_destroy(q);
}

TEST(waiting_ends)
{
    struct queue *q = queue_create(1);
    void *item;
    int64_t before = env_monotonic_ns(env_real());
    CHECK(!queue_pop_until(q, &item, 20000));
    CHECK(env_monotonic_ns(env_real()) - before >= 20000000);
    CHECK(!queue_pop_until(q, &item, 0));
    CHECK(!queue_pop_until(q, &item, -5));
    queue_push(q, &numbers[5]);
    CHECK(queue_pop_until(q, &item, 0) && item == &numbers[5]);
    queue_destroy(q);
}

static void produce(void *arg)
{
    for (int i = 0; i < 1000; i++)
        if (!queue_push(arg, &numbers[i]))
            return;
}

struct consumer {
    struct queue *q;
    atomic_int *seen;
    int last;
};

static void consume(void *arg)
{
    struct consumer *c = arg;
    void *item;
    while (queue_pop(c->q, &item))
        atomic_fetch_add(&c->seen[(int *)item - numbers], 1);
}

TEST(nothing_is_lost_or_doubled_between_threads)
{
    static atomic_int seen[1000];
    struct queue *q = queue_create(4);
    struct consumer c[3] = { { q, seen, 0 }, { q, seen, 0 }, { q, seen, 0 } };
    struct thread *producers[3], *consumers[3];
    for (int i = 0; i < 3; i++) {
        producers[i] = thread_start("produce", produce, q);
        consumers[i] = thread_start("consume", consume, &c[i]);
    }
    for (int i = 0; i < 3; i++)
        thread_join(producers[i]);
    queue_close(q);
    for (int i = 0; i < 3; i++)
        thread_join(consumers[i]);
    for (int i = 0; i < 1000; i++)
        CHECK_INT(seen[i], 3);
    queue_destroy(q);
}

TEST(closing_wakes_everybody)
{
    static atomic_int seen[1000];
    struct queue *empty = queue_create(1), *full = queue_create(1);
    struct consumer c[2] = { { empty, seen, 0 }, { empty, seen, 0 } };
    queue_push(full, &numbers[0]);
    struct thread *t[] = { thread_start("c", consume, &c[0]), thread_start("c", consume, &c[1]),
                           thread_start("p", produce, full), thread_start("p", produce, full) };
    env_sleep_us(env_real(), 20000);
    queue_close(empty);
    queue_close(full);
    for (int i = 0; i < 4; i++)
        thread_join(t[i]);
    queue_destroy(empty);
    queue_destroy(full);
}
