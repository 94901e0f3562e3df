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

/* Members that flags of the command give, each left out when its flag is not there. */
enum body_kind {
    BODY_TEXT,
    BODY_COUNT,  /* a whole number of at least 1 */
    BODY_ID,     /* a whole number of at least 0 */
    BODY_RATIO,  /* a number */
    BODY_SWITCH, /* true */
    BODY_IDS,    /* a flag that repeats: an array of whole numbers */
    BODY_PAIRS   /* a flag that repeats, "a,b=c": an object of texts */
};
struct body_flag {
    const char *flag, *key; /* key NULL: the flag's name with _ for - */
    enum body_kind kind;
};
/* `flags` ends with a NULL flag.  ERR_INVALID names the flag whose value is none. */
MUST_USE bool body_flags(struct cli *cli, struct body *b, const struct body_flag *flags,
                         struct error *err);

/* "files": {path: text} of a project's SQL and YAML files. */
MUST_USE bool body_project(struct cli *cli, struct body *b, str dir, struct error *err);

/* "documents": [{"name", "text"}] of the YAML files with feature definitions: those of DIR/features, or of DIR itself when it
 * has no such folder. */
MUST_USE bool body_definitions(struct cli *cli, struct body *b, str dir, struct error *err);

#endif
