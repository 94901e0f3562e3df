/* SPDX-License-Identifier: Apache-2.0
 *
 * Keys and request bodies of Nessie's API (projectnessie/nessie, api/model).  Parsing needs nothing but the text.  Members that are not
 * known are passed over, as Nessie's own server does: newer clients send more. */
#ifndef FIRN_SERVER_NESSIE_BODY_H
#define FIRN_SERVER_NESSIE_BODY_H

#include "catalog/entries.h"
#include "catalog/refs.h"
#include "codec/json.h"

#define NESSIE_KEYS_MAX ENTRIES_MAX

/* {"elements":["a","b"]} as a path (entries.h), and back. */
MUST_USE bool nessie_key_parse(const struct json *key, struct arena *a, str *out,
                               struct error *err);
void nessie_key_write(str path, struct json_writer *w);
/* A key in a URL: elements with dots between; dots inside of one are U+001D, or U+0000, or escaped as ContentKey.toPathStringEscaped
 * does ("..", "._", ".{", ".}", ".["). */
MUST_USE bool nessie_key_from_path(str text, struct arena *a, str *out, struct error *err);
/* With dots between and U+001D for dots inside, as filters see it. */
str nessie_key_encoded(str path, struct arena *a);

/* {"type":"BRANCH","name":"x","hash":"..."}; all may be absent. */
struct nessie_ref_body {
    str type, name, hash;
};
MUST_USE bool nessie_ref_parse(str text, struct arena *a, struct nessie_ref_body *out,
                               struct error *err);

struct nessie_commit_body {
    struct entry_op *ops;
    size_t n;
    str message, author;
};
/* {"commitMeta":{...},"operations":[{"type":"PUT","key":{},"content":{}}, ...]}; ERR_UNSUPPORTED for content that is neither Iceberg's
 * nor a namespace. */
MUST_USE bool nessie_commit_parse(str text, struct arena *a, struct nessie_commit_body *out,
                                  struct error *err);

struct nessie_merge_body {
    str from_ref, from_hash;
    str *hashes; /* of a transplant, oldest first */
    size_t hashes_n;
    str message, author;
    bool dry_run, as_result;
    enum merge_behavior behavior;
    struct merge_key *keys;
    size_t keys_n;
};
MUST_USE bool nessie_merge_parse(str text, struct arena *a, struct nessie_merge_body *out,
                                 struct error *err);

/* {"requestedKeys":[{"elements":[...]}, ...]} */
MUST_USE bool nessie_keys_parse(str text, struct arena *a, str **out, size_t *n, struct error *err);

#endif
