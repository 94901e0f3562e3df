/* SPDX-License-Identifier: Apache-2.0
 *
 * Names of namespaces and of what is in them.  A namespace is a str whose levels are separated by
 * NS_SEP (0x1F, the separator of the Iceberg REST protocol); a namespace of one level is just its
 * name.  Names hold no control characters, so that separators never occur in them, and no
 * characters that a path, a URL or a policy takes as special. */
#ifndef FIRN_CATALOG_NAME_H
#define FIRN_CATALOG_NAME_H

#include "base/arena.h"
#include "base/error.h"

#define NS_SEP '\x1f'
#define NAME_BYTES_MAX 200 /* of one level or name; with "-<uuid>" it fits a path component */
#define NS_LEVELS_MAX 16

/* ERR_INVALID naming the text and the character: empty, "." or "..", too long, not UTF-8, a control
 * character or one of / \ * ? [ ] $ { } " ' ` < > | % # : ; and a leading dot or space, a trailing
 * space. */
MUST_USE bool name_check(str name, struct error *err);
MUST_USE bool ns_check(str ns, struct error *err); /* every level, and their number */

/* "a.b" from and to levels; a level that holds a dot stays distinguishable only in the NS_SEP
 * form. */
str ns_from_dotted(str dotted, struct arena *a);
str ns_to_text(str ns, struct arena *a);
str name_to_text(str ns, str name, struct arena *a); /* "a.b.table", for messages */

/* Cuts "a.b.table" at its last dot; ERR_INVALID without one.  Checks both halves. */
MUST_USE bool name_split(str dotted, struct arena *a, str *ns, str *name, struct error *err);

str ns_parent(str ns); /* empty for one level */
str ns_last(str ns);   /* the last level */

#endif
