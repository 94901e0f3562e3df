/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files of this folder share: handles, and the bracket around every call. */
#ifndef FIRN_CAPI_CAPI_PRIV_H
#define FIRN_CAPI_CAPI_PRIV_H

#include <firn.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/ref.h"
#include "base/thread.h"
#include "catalog/table.h"
#include "govern/access.h"
#include "sql/lake.h"

#define CAPI_JSON_MAX ((size_t)1 << 30)
#define CAPI_SQL_MAX ((size_t)16 << 20)
#define CAPI_LIST_MAX ((size_t)100000) /* columns, properties, parameters, changes of one call */

struct firn_lake {
    struct ref refs; /* the caller's, and one of each table and stream */
    struct lake *lake;
    bool read_only;  /* opened by a metadata.json */
    char *temporary; /* a folder that goes with it; NULL: none */
};

struct firn_cancel {
    struct cancel cancel;
};

struct firn_table {
    struct firn_lake *lake;
    struct arena *arena;
    struct table table;
    char *location, *uuid, *metadata_file;
};

/* lake.c */
void firn_lake_get(struct firn_lake *lake);
void firn_lake_put(struct firn_lake *lake); /* NULL is fine */

/* A call while it runs: its memory, who asks, what went wrong. */
struct call {
    struct firn_lake *lake;
    struct arena *a;
    const struct access *access;
    struct commit_info info;
    struct error err;
    firn_error *out;
};

/* call.c.  False when lake is NULL or, of a call that writes, cannot be written: capi_end(c, false) follows. */
bool capi_begin(struct call *c, struct firn_lake *lake, bool writes, firn_error *out);
/* Frees what the call had, and gives its code. */
int capi_end(struct call *c, bool ok);
/* Who asks, in memory that outlives the call. */
const struct access *capi_access(struct firn_lake *lake, struct arena *a);
/* For calls that have no lake. */
int capi_failed(const struct error *err, firn_error *out);

/* ERR_INVALID when the options' size is not one that there ever was, or is NULL. */
bool capi_options(struct call *c, const void *options, size_t size);
/* ERR_INVALID naming `what` when it is NULL. */
bool capi_needs(struct call *c, const void *argument, const char *what);
bool capi_count(struct call *c, const void *list, size_t n, const char *what);
/* Pairs as properties; keys and values must be there. */
bool capi_pairs(struct call *c, const firn_pair *pairs, size_t n, struct property **out);
/* The text that is in the buffer, as one that firn_free frees. */
bool capi_text(struct call *c, struct buf *text, char **out);
/* "a.b.table" in its parts. */
bool capi_name(struct call *c, const char *dotted, str *ns, str *name);

struct cancel *capi_cancel(firn_cancel *cancel); /* NULL stays NULL */

struct result;
struct session;

/* stream.c: an answer as a stream.  Takes over the session, the result and the arena, also when it fails. */
bool stream_open(struct firn_lake *lake, struct session *s, struct result *rows, struct arena *a,
                 struct ArrowArrayStream *out, struct error *err);

/* scan.c: at most one way to say which snapshot, and sensible numbers. */
bool capi_version(struct call *c, const firn_scan_options *o);

/* write.c */
void write_result(firn_write_result *out, int64_t snapshot_id, int64_t rows, str commit_id);

#endif
