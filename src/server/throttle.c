/* SPDX-License-Identifier: Apache-2.0
 *
 * A bucket is one number: when it will be full again if nobody takes anything (the "generic cell rate algorithm").  Taking one moves that
 * moment on by 1/rate; it may not lie further ahead than `burst` times that. */
#include "server/throttle.h"

#include <arpa/inet.h>
#include <pthread.h>

#include "base/env.h"
#include "base/mem.h"

#define SHARDS 16
#define SETS 256 /* in each shard */
#define WAYS 4   /* buckets that share a place */
#define NS_PER_S 1000000000LL

struct bucket {
    uint64_t key;    /* 0: nobody's */
    int64_t full_ns; /* when it is full */
};

struct shard {
    pthread_mutex_t lock; /* guards `at`; a leaf */
    struct bucket at[SETS][WAYS];
};

struct throttle {
    int64_t step_ns, span_ns; /* for one; for a full bucket.  step 0: no limit */
    uint64_t seed;            /* so that nobody can choose keys that share a place */
    struct shard shards[SHARDS];
};

struct throttle *throttle_create(double rate, int64_t burst)
{
    struct throttle *t = mem_new(struct throttle);
    t->step_ns = rate > 0 ? (int64_t)((double)NS_PER_S / rate) : 0;
    if (rate > 0 && t->step_ns == 0)
        t->step_ns = 1;
    t->span_ns = burst > INT64_MAX / 4 / (t->step_ns + 1) ? INT64_MAX / 4 : burst * t->step_ns;
    t->seed = env_random_u64(env_real());
    for (int i = 0; i < SHARDS; i++)
        pthread_mutex_init(&t->shards[i].lock, NULL);
    return t;
}

void throttle_destroy(struct throttle *t)
{
    if (!t)
        return;
    for (int i = 0; i < SHARDS; i++)
        pthread_mutex_destroy(&t->shards[i].lock);
    mem_free(t);
}

/* The key's bucket, or the fullest one, which gives way once something is taken: questions alone push nobody out. */
static struct bucket *bucket_of(struct bucket set[WAYS], uint64_t key)
{
    struct bucket *out = &set[0];
    for (int i = 0; i < WAYS; i++) {
        if (set[i].key == key)
            return &set[i];
        if (set[i].full_ns < out->full_ns)
            out = &set[i];
    }
    return out;
}

static bool ask(struct throttle *t, uint64_t key, int64_t now_ns, bool take, int *wait_s)
{
    uint64_t place = str_hash(str_make(&key, sizeof key), t->seed);
    struct shard *s = &t->shards[place % SHARDS];
    *wait_s = 0;
    if (t->step_ns == 0)
        return true;
    pthread_mutex_lock(&s->lock);
    key = key ? key : 1;
    struct bucket *b = bucket_of(s->at[place / SHARDS % SETS], key);
    int64_t known_ns = b->key == key ? b->full_ns : 0;
    int64_t full = (known_ns > now_ns ? known_ns : now_ns) + t->step_ns;
    int64_t early_ns = full - now_ns - t->span_ns;
    if (early_ns <= 0 && take)
        *b = (struct bucket){ key, full };
    pthread_mutex_unlock(&s->lock);
    if (early_ns > 0)
        *wait_s = early_ns / NS_PER_S >= 3600 ? 3600 : (int)((early_ns + NS_PER_S - 1) / NS_PER_S);
    return early_ns <= 0;
}

bool throttle_take(struct throttle *t, uint64_t key, int64_t now_ns, int *wait_s)
{
    return ask(t, key, now_ns, true, wait_s);
}

bool throttle_has(struct throttle *t, uint64_t key, int64_t now_ns, int *wait_s)
{
    return ask(t, key, now_ns, false, wait_s);
}

uint64_t throttle_address_key(str address)
{
    char text[INET6_ADDRSTRLEN];
    struct in6_addr v6;
    if (address.len > 0 && address.len < sizeof text && str_find_char(address, ':') >= 0) {
        memcpy(text, address.ptr, address.len);
        text[address.len] = 0;
        if (inet_pton(AF_INET6, text, &v6) == 1 && !IN6_IS_ADDR_V4MAPPED(&v6))
            return str_hash(str_make(v6.s6_addr, 8), 6);
    }
    return str_hash(address, 4);
}
