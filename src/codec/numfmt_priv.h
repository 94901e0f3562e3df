/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FIRN_CODEC_NUMFMT_PRIV_H
#define FIRN_CODEC_NUMFMT_PRIV_H

#include <stdint.h>

#define POW10_MIN (-292)
#define POW10_MAX 324

struct pow10 {
    uint64_t hi, lo;
};

extern const struct pow10 pow10_table[POW10_MAX - POW10_MIN + 1];

#endif
