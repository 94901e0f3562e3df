/* SPDX-License-Identifier: Apache-2.0
 *
 * YAML text to the same tree as JSON, for configuration, sources and feature definitions.
 * Scalars follow YAML 1.2's core schema: null, true/false, integers (decimal, 0x, 0o), finite
 * floats, all else text; quoted scalars and !!str are text always.  So `yes`, `no`, dates and .inf stay text. */
#ifndef FIRN_IO_YAML_H
#define FIRN_IO_YAML_H

#include "base/arena.h"
#include "base/error.h"
#include "base/str.h"
#include "codec/json.h"

#define YAML_BYTES_MAX (4u << 20) /* text */
#define YAML_DEPTH_MAX 64         /* nesting, aliases followed */
#define YAML_NODES_MAX 200000     /* nodes, aliases counted each time they are used */

/* Parses one document; `name` (a file) begins the error text, followed by line:column.  Anchors and
 * aliases are resolved, `<<` merges mappings.  An empty document is null.  ERR_INVALID for wrong text, a second
 * document, duplicate keys, keys that are not scalars, unknown tags, an alias to an enclosing
 * node; ERR_LIMIT over the limits above.  The tree and its strings live in `a`. */
MUST_USE bool yaml_parse(str text, str name, struct arena *a, const struct json **out,
                         struct error *err);

#endif
