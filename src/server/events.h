/* SPDX-License-Identifier: Apache-2.0
 *
 * The changes of the catalog (catalog/events.h) as CloudEvents 1.0, for the change feed (api_events.c) and for webhooks
 * (hook_thread.h).
 *
 * A change is told as one event of its own (a commit, a merge, a ref that moved), then one for each entry that it touched.  An event's
 * id is "change-index": with the catalog's source it is unique, and it says where to go on. */
#ifndef FIRN_SERVER_EVENTS_H
#define FIRN_SERVER_EVENTS_H

#include "catalog/events.h"
#include "codec/json.h"

struct access;
struct lake;

#define EVENT_TYPE_PREFIX "io.firn.catalog."
#define EVENT_TYPES_MAX 20       /* patterns of a filter */
#define EVENT_PAGE_MAX 1000      /* events of a page */
#define EVENT_CURSOR_TEXT_MAX 48 /* with its NUL */

/* Up to where somebody has been told: all changes below `seq`, and of change `seq` the events up to `index`; EVENT_ALL: all of
 * it.  {0, EVENT_ALL} is the beginning. */
#define EVENT_ALL INT64_MAX
struct event_cursor {
    int64_t seq, index;
};
str event_cursor_format(struct event_cursor c, char out[EVENT_CURSOR_TEXT_MAX]);
/* "12-3", or "12" for all of change 12; "" and "0" are the beginning.  ERR_INVALID. */
MUST_USE bool event_cursor_parse(str text, struct event_cursor *out, struct error *err);

/* Empty members let everything through. */
struct event_filter {
    str types[EVENT_TYPES_MAX]; /* "table.created", "table.*", with EVENT_TYPE_PREFIX or without */
    size_t types_n;
    str ref;      /* a name or a pattern with '*' */
    bool entries; /* only entries in `ns` (and below), named `name` if it is not empty */
    str ns, name;
    bool wants_entries; /* set by event_filter_parse: whether any event of an entry can pass */
};
/* From its texts: types separated by commas, a dotted namespace, a dotted table, a ref.  ERR_INVALID names the text.  The filter lives
 * in `a`. */
MUST_USE bool event_filter_parse(str types, str ns, str table, str ref, struct arena *a,
                                 struct event_filter *out, struct error *err);

struct event {
    struct event_cursor at;
    const struct change *change;
    const struct commit_entry
        *commit; /* that the ref points to afterwards; NULL: none, or not known any more */
    const struct changed_entry *entry; /* NULL: the event of the change itself */
    bool entries_omitted;              /* there are more than CHANGED_ENTRIES_MAX */
    bool with_locations;               /* who asks may know where metadata lies */
};
struct event_page {
    struct event *at;
    size_t n;
    struct event_cursor next; /* where to go on */
    bool more;                /* at once: there was no room, or no time to look further */
};

/* The events after `from` that pass the filter and that `access` may see: those of refs that it may read (NULL: all).  At most
 * `limit`; a page may have less, and none, while `more` says to go on.  Errors as catalog_changes. */
MUST_USE bool events_read(struct lake *lake, struct event_cursor from,
                          const struct event_filter *filter, const struct access *access,
                          size_t limit, struct arena *a, struct event_page *out, struct error *err);

/* Its type without the prefix: "table.created". */
const char *event_type(const struct event *e);

/* Writes it in the JSON form of CloudEvents. */
void event_write(const struct event *e, str source, struct arena *a, struct json_writer *w);

#endif
