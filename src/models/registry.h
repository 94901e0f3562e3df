/* SPDX-License-Identifier: Apache-2.0
 *
 * Registered models: a name with versions 1, 2, 3 ..., each a folder of artifacts that a run made.  An alias ("champion") is
 * a name that moves between versions.  Thread-safe; results live in the arena given; each call is one transaction. */
#ifndef FIRN_MODELS_REGISTRY_H
#define FIRN_MODELS_REGISTRY_H

#include "base/arena.h"
#include "base/error.h"

struct models;

#define MODEL_NAME_MAX 200 /* bytes; the rules of catalog/name.h */
#define MODEL_ALIAS_MAX                                                                            \
    255 /* bytes: letters, digits, '_' and '-'; not "latest", not a number or v and a number */
#define MODEL_LATEST STR("latest")

struct version_info {
    str model;
    int64_t version;
    str run_id;
    str path;   /* of its folder in lake->artifacts: "runs/<run id>/model" */
    str status; /* "READY" */
    int64_t created_ms;
    str *aliases;
    size_t aliases_n;
};

struct model_info {
    str name;
    int64_t created_ms, updated_ms;
    struct version_info *versions; /* newest first; model_list gives only the newest */
    size_t versions_n;
    int64_t latest; /* number of the newest version, 0 when there is none */
};

/* By name, each with its newest version. */
MUST_USE bool model_list(struct models *m, struct arena *a, struct model_info **out, size_t *n,
                         struct error *err);
/* With all versions; ERR_NOT_FOUND. */
MUST_USE bool model_get(struct models *m, str name, struct arena *a, struct model_info *out,
                        struct error *err);

/* `which`: empty or "latest" (the greatest number), a number, or an alias with or without '@'.  ERR_NOT_FOUND says whether the
 * model or the version is missing. */
MUST_USE bool version_get(struct models *m, str name, str which, struct arena *a,
                          struct version_info *out, struct error *err);

/* Registers the next version of a model, which is made when missing; `path` holds the files already. */
MUST_USE bool version_create(struct models *m, str name, str run_id, str path, int64_t *version,
                             struct error *err);

/* Moves the alias to this version, or removes it (fine when it is not there). */
MUST_USE bool alias_set(struct models *m, str name, str alias, int64_t version, struct error *err);
MUST_USE bool alias_remove(struct models *m, str name, str alias, struct error *err);

#endif
