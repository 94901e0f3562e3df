/* SPDX-License-Identifier: Apache-2.0
 *
 * What a Parquet file's footer says of its columns. */
#ifndef FIRN_ENGINE_PARQUET_SHAPE_PRIV_H
#define FIRN_ENGINE_PARQUET_SHAPE_PRIV_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/error.h"

struct session;

enum shape_kind { SHAPE_PLAIN, SHAPE_STRUCT, SHAPE_LIST, SHAPE_MAP };

/* A column or a part of one.  A list has one child, its element; a map two, key and value. */
struct shape {
    str name;
    int32_t id; /* -1: none */
    enum shape_kind kind;
    str type; /* the engine's, of plain ones; or one of those below */
    struct shape *children;
    size_t children_n;
};

/* Types of parts that the footer marks, and that the engine's own words do not tell: only when `marks` are asked for. */
#define SHAPE_VARIANT STR("VARIANT") /* a plain part, its columns are not shown */
#define SHAPE_GEOMETRY STR("GEOMETRY")
#define SHAPE_TIMESTAMPTZ_NS STR("TIMESTAMPTZ_NS")

/* Shapes of n files, each a struct of its columns, in the order of `paths`. */
MUST_USE bool shapes_read(struct session *s, const str *paths, size_t n, struct arena *a,
                          struct shape **out, struct error *err);
MUST_USE bool shapes_read_marked(struct session *s, const str *paths, size_t n, bool marks,
                                 struct arena *a, struct shape **out, struct error *err);

/* Whether a part of this type is somewhere in it. */
bool shape_holds(const struct shape *shape, str type);

/* Appends a text that is equal for equal shapes. */
void shape_sign(const struct shape *shape, struct buf *out);

bool shape_has_ids(const struct shape *shape); /* every part of it */

/* Appends ['path', ...] with the patterns' special characters taken literally. */
void quote_paths(struct buf *out, const str *paths, size_t n);

#endif
