/* SPDX-License-Identifier: Apache-2.0
 *
 * The part of dbt's templates that plain projects use: {{ ref() }}, {{ source() }}, {{ config() }}, {{ this }} and comments.
 * Statements ({% ... %}), macros and filters are ERR_UNSUPPORTED, with their place. */
#ifndef FIRN_TRANSFORM_TEMPLATE_H
#define FIRN_TRANSFORM_TEMPLATE_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/error.h"

#define TEMPLATE_ARGS_MAX 32

/* One call inside of {{ }}: positional arguments have an empty key. */
struct template_call {
    str function;
    struct {
        str key, value;
    } args[TEMPLATE_ARGS_MAX];
    size_t args_n;
};

/* Gives the text that stands for a call; it fails for what it does not know. */
typedef bool (*template_fn)(void *ctx, const struct template_call *call, struct buf *out,
                            struct error *err);

/* Appends the text with each call replaced.  Errors begin with "<name>:<line>: ". */
MUST_USE bool template_render(str text, str name, template_fn fn, void *ctx, struct arena *a,
                              struct buf *out, struct error *err);

#endif
