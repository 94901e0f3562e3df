/* SPDX-License-Identifier: Apache-2.0
 *
 * Numbers as text, without locale: the fewest digits that read back as the same value, the nearest
 * to it among those.  "0.1", "1.0", "1e22", "-0.0"; plain digits for 1e-5 <= |v| < 1e16, else an
 * exponent; "NaN", "Infinity", "-Infinity".  Pure; any thread. */
#ifndef FIRN_CODEC_NUMFMT_H
#define FIRN_CODEC_NUMFMT_H

#include "base/str.h"

#define NUM_TEXT_MAX 32

/* Return the length; no NUL is written. */
size_t num_format_f64(double v, char out[NUM_TEXT_MAX]);
size_t num_format_f32(float v, char out[NUM_TEXT_MAX]);
size_t num_format_i64(int64_t v, char out[NUM_TEXT_MAX]);
size_t num_format_u64(uint64_t v, char out[NUM_TEXT_MAX]);

/* Decimal text (RFC 8259 number, or a plain one) to the nearest double: exact for any input, fast
 * for up to 19 digits and small exponents.  False when s is no number or beyond the doubles. */
bool num_parse_f64(str s, double *out);

#endif
