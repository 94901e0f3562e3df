/* SPDX-License-Identifier: Apache-2.0
 *
 * Whole results as text.  Rows go out as they come; only the aligned table looks ahead, and keeps at
 * most its rows.  Parquet is written with COPY (parquet.h). */
#ifndef FIRN_ENGINE_RESULT_WRITE_H
#define FIRN_ENGINE_RESULT_WRITE_H

#include "base/error.h"
#include "base/str.h"

struct result;

enum result_format {
    FORMAT_TABLE, /* aligned, with lines; for people */
    FORMAT_CSV,   /* RFC 4180 with "\n"; null is empty, the empty text is "" */
    FORMAT_JSON,  /* one array of objects */
    FORMAT_JSONL, /* an object a line */
    FORMAT_MARKDOWN
};

/* "table", "csv", "json", "jsonl", "markdown". */
bool result_format_parse(str name, enum result_format *out);

/* Where text goes: `put` takes each piece, false stops with its error. */
struct text_sink {
    bool (*put)(struct text_sink *sink, str piece, struct error *err);
};

struct result_write_options {
    enum result_format format;
    int64_t rows_max; /* 0: all.  Table and markdown say how many more there are when it is known */
    int width_max; /* table: columns of the terminal; long texts are cut with an ellipsis.  0: no limit */
    bool no_header; /* csv */
    bool count;     /* table: "(3 rows)" below */
};

/* Reads `r` to its end (or rows_max) and writes it; *rows is how many were written, may be NULL. */
MUST_USE bool result_write(struct result *r, const struct result_write_options *o,
                           struct text_sink *sink, int64_t *rows, struct error *err);

/* Sinks into a buf (ERR_LIMIT at its cap) and into a file descriptor.  Pieces come in blocks of 64 KB, so
 * neither buffers. */
struct buf;
struct buf_sink {
    struct text_sink sink;
    struct buf *out;
};
void buf_sink_init(struct buf_sink *s, struct buf *out);
struct fd_sink {
    struct text_sink sink;
    int fd;
};
void fd_sink_init(struct fd_sink *s, int fd);

/* Cells that a text takes in a terminal: wide and combining characters counted right, control
 * characters as one. */
size_t text_width(str s);
/* The longest beginning of s that takes at most so many cells. */
str text_cut(str s, size_t cells_max);

#endif
