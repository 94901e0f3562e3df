/* SPDX-License-Identifier: Apache-2.0
 *
 * JSON bodies of requests, built member by member. */
#ifndef FIRN_CLI_BODY_H
#define FIRN_CLI_BODY_H

#include "cli/command.h"
#include "codec/json.h"

struct body {
    struct buf text;
    struct json_writer w;
};

#define BODY_MAX ((size_t)64 << 20)

/* Begins an object; its memory lives until the command ends.  body_end gives the text. */
struct body *body_begin(struct cli *cli);
str body_end(struct body *b);

/* A member, left out when the value is empty. */
void body_str(struct body *b, const char *key, str value);
/* "a,b" (and repeated flags) as an array of strings. */
void body_list(struct body *b, const char *key, const str *values, size_t n);

/* "files": {path: text} of a project's SQL and YAML files. */
MUST_USE bool body_project(struct cli *cli, struct body *b, str dir, struct error *err);

/* "documents": [{"name", "text"}] of the YAML files with feature definitions: those of DIR/features, or of DIR itself when it
 * has no such folder. */
MUST_USE bool body_definitions(struct cli *cli, struct body *b, str dir, struct error *err);

#endif
