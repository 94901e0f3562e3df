/* SPDX-License-Identifier: Apache-2.0
 *
 * Keys of the online store: Feast's entity keys, serialisation version 3, so that other online stores can follow its layout.
 * Little endian: u32 n; n times { u32 2, u32 len, name }; n times { u32 value type, u32 len, bytes }, in order of the names.
 * A key longer than the store allows is replaced by 0xffffffff and its SHA-256; no other key begins so. */
#ifndef FIRN_FEATURES_ONLINE_KEY_H
#define FIRN_FEATURES_ONLINE_KEY_H

#include "features/registry.h"
#include "io/kv.h"

#define ONLINE_KEY_PARTS_MAX FEATURE_KEYS_MAX

/* The part that all keys of a view have in common.  Immutable. */
struct key_shape {
    str head;
    size_t n;
    size_t order[ONLINE_KEY_PARTS_MAX]; /* place in the view's keys of the i-th part */
    enum key_type types[ONLINE_KEY_PARTS_MAX];
};

/* One part's value: `i` for integers, booleans and timestamps (seconds), `s` for strings. */
struct key_part {
    int64_t i;
    str s;
};

/* The shape of a view's keys; everything lives in `a`. */
void key_shape_init(const struct feature_key *keys, size_t n, struct arena *a,
                    struct key_shape *out);

/* Writes the key of the parts (in the order of the view's keys) to `out`; returns its length. */
size_t key_encode(const struct key_shape *shape, const struct key_part *parts, struct arena *a,
                  uint8_t out[KV_KEY_MAX]);

#endif
