/* SPDX-License-Identifier: Apache-2.0
 *
 * Pieces of values' text, shared by plain text and JSON. */
#ifndef FIRN_ENGINE_TEXT_PRIV_H
#define FIRN_ENGINE_TEXT_PRIV_H

#include "engine/column.h"

struct time_style {
    char separator; /* between date and time */
    str zone;       /* behind instants */
};

enum text_class { TEXT_BOOL, TEXT_NUMBER, TEXT_TIME, TEXT_TEXT, TEXT_BLOB, TEXT_NESTED, TEXT_ODD };
enum text_class text_class_of(enum column_kind kind);

/* Value i, not null, of a column of the class that the name says. */
void text_number(const struct column_view *c, size_t i, struct buf *out);
void text_time(const struct column_view *c, size_t i, const struct time_style *style,
               struct buf *out);
void text_odd(const struct column_view *c, size_t i,
              struct buf *out); /* uuid, interval, timetz, bit */
str text_enum(const struct column_view *c, size_t i);

/* The elements of a list, map or array. */
struct column_list text_range(const struct column_view *c, size_t i);
/* The member that a union's value is of. */
const struct column_view *text_union_member(const struct column_view *c, size_t i);

#endif
