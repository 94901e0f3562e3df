/* SPDX-License-Identifier: Apache-2.0
 *
 * Answers as Arrow streams: a stream owns the session that its query runs in, and keeps the lake open. */
#include <errno.h>

#include "base/mem.h"
#include "capi/capi_priv.h"
#include "engine/arrow.h"
#include "engine/session.h"

struct rows_stream {
    struct firn_lake *lake;
    struct session *session;
    struct result *rows;
    struct arena *arena; /* what the session's views point to */
    struct error err;    /* of the last call that failed; the rows are gone then */
};

static int errno_of(enum err_code code)
{
    switch (code) {
    case ERR_CANCELLED:
        return ECANCELED;
    case ERR_LIMIT:
        return ENOMEM;
    case ERR_INVALID:
        return EINVAL;
    case ERR_UNSUPPORTED:
        return ENOSYS;
    default:
        return EIO;
    }
}

static int get_schema(struct ArrowArrayStream *stream, struct ArrowSchema *out)
{
    struct rows_stream *s = stream->private_data;
    struct error err = { 0 };
    *out = (struct ArrowSchema){ 0 };
    if (result_arrow_schema(s->rows, out, &err))
        return 0;
    s->err = err;
    return errno_of(err.code);
}

static int get_next(struct ArrowArrayStream *stream, struct ArrowArray *out)
{
    struct rows_stream *s = stream->private_data;
    *out = (struct ArrowArray){ 0 };
    if (s->err.code)
        return errno_of(s->err.code);
    if (result_arrow_next(s->rows, out, &s->err))
        return 0;
    return errno_of(s->err.code);
}

static const char *get_last_error(struct ArrowArrayStream *stream)
{
    struct rows_stream *s = stream->private_data;
    return s->err.code ? s->err.msg : NULL;
}

static void close_rows(struct session *s, struct result *rows, struct arena *a)
{
    result_close(rows);
    session_close(s);
    arena_destroy(a);
}

static void release(struct ArrowArrayStream *stream)
{
    struct rows_stream *s = stream->private_data;
    stream->release = NULL;
    stream->private_data = NULL;
    close_rows(s->session, s->rows, s->arena);
    firn_lake_put(s->lake);
    mem_free(s);
}

/* The schema is made once here, so that types without an Arrow form are said by the call, not by the stream. */
bool stream_open(struct firn_lake *lake, struct session *session, struct result *rows,
                 struct arena *a, struct ArrowArrayStream *out, struct error *err)
{
    struct ArrowSchema schema;
    if (!result_arrow_schema(rows, &schema, err)) {
        close_rows(session, rows, a);
        return false;
    }
    if (schema.release)
        schema.release(&schema);
    struct rows_stream *s = mem_new(struct rows_stream);
    *s = (struct rows_stream){ .lake = lake, .session = session, .rows = rows, .arena = a };
    firn_lake_get(lake);
    *out = (struct ArrowArrayStream){ .get_schema = get_schema,
                                      .get_next = get_next,
                                      .get_last_error = get_last_error,
                                      .release = release,
                                      .private_data = s };
    return true;
}
