/* SPDX-License-Identifier: Apache-2.0
 *
 * What the tree holds: keys from names, values from entries.  The order of keys makes every listing
 * one range:
 *
 *   namespace   'N' depth levels            children of a namespace stand together table, view 'T'
 *               levels 0x00 name        so do the contents of one namespace; one name space for
 *               both
 *   function    'F' levels 0x00 name
 *
 * Levels are separated by NS_SEP; names hold no control characters (name.h). */
#ifndef FIRN_CATALOG_ENTRY_H
#define FIRN_CATALOG_ENTRY_H

#include "catalog/catalog.h"

struct entry {
    enum entry_type type;
    str uuid;               /* of tables and views, 36 characters */
    str location;           /* metadata file */
    int64_t snapshot_id;    /* current one of tables, -1: none */
    struct property *props; /* of namespaces, sorted by key */
    size_t props_n;
};

#define ENTRY_PROPS_MAX 1000

/* Keys and prefixes of keys, in `a`. */
str key_namespace(str ns, struct arena *a);
str key_children(
    str parent,
    struct arena *a); /* prefix of the child namespaces; of the top level: parent empty */
str key_entry(enum entry_type type, str ns, str name, struct arena *a);
str key_contents(enum entry_type type, str ns,
                 struct arena *a); /* prefix of what is in the namespace */
#define KEY_TABLES STR("T")        /* prefix of all tables and views */

/* The names in a key; views into it.  ERR_CORRUPT for a key that is none. */
MUST_USE bool key_parse(str key, str *ns, str *name, struct error *err);

/* The value of an entry; sorts e->props. */
MUST_USE bool entry_encode(const struct entry *e, struct arena *a, str *out, struct error *err);
/* Views into `value`.  ERR_CORRUPT, ERR_UNSUPPORTED for one written by a later program. */
MUST_USE bool entry_decode(str value, struct arena *a, struct entry *out, struct error *err);

/* "table" and so on. */
const char *entry_type_name(enum entry_type type);

#endif
