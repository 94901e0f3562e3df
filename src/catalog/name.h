/* SPDX-License-Identifier: Apache-2.0
 *
 * Names of namespaces and of what is in them.  A namespace is a str whose levels are separated by
 * NS_SEP (0x1F, the separator of the Iceberg REST protocol); a namespace of one level is just its
 * name.  Names hold no control characters, so that separators never occur in them, and nothing that
 * a policy, a grant or a client takes as a pattern.  What paths and URLs take as special ("a/b",
 * "100%") is in order: a name never becomes a path as it is, but by name_folder. */
#ifndef FIRN_CATALOG_NAME_H
#define FIRN_CATALOG_NAME_H

#include "base/arena.h"
#include "base/error.h"

#define NS_SEP '\x1f'
#define NAME_BYTES_MAX 200 /* of one level or name; with "-<uuid>" it fits a path component */
#define NS_LEVELS_MAX 16

/* ERR_INVALID naming the text and the character: empty, too long, not UTF-8, a control character, one
 * of \ * ? [ ] $ { }, a leading dot or space, a trailing space, or a part between slashes that is empty or begins with a dot. */
MUST_USE bool name_check(str name, struct error *err);
/* As strict as what becomes part of a path wants it: none of / % # : ; " ' ` < > | either. */
MUST_USE bool name_check_plain(str name, struct error *err);
/* The name as a part of a path: those characters become "~" and two hexadecimal digits, and what is too long is cut.
 * Two names may give one folder; what lies in it has an id of its own. */
str name_folder(str name, struct arena *a);
MUST_USE bool ns_check(str ns, struct error *err); /* every level, and their number */

/* "a.b" from and to levels.  In the text a level that holds a dot or begins with a quote stands in double quotes, with quotes in it
 * doubled, so that it is read back as what it was: "a.b".c has two levels.  Results live in `a`. */
str ns_from_dotted(str dotted, struct arena *a);
str ns_to_text(str ns, struct arena *a);
str name_to_text(str ns, str name,
                 struct arena *a); /* "a.b.table"; of a namespace without a name */

/* Cuts "a.b.table", written as above, before its last part; ERR_INVALID when it is the only one.  Checks both halves. */
MUST_USE bool name_split(str dotted, struct arena *a, str *ns, str *name, struct error *err);

str ns_parent(str ns); /* empty for one level */
str ns_last(str ns);   /* the last level */

#endif
