/* SPDX-License-Identifier: Apache-2.0
 *
 * How a command asks: through the server that --server names or that runs on the data directory, else in this process.
 * Either way the answer is the API's JSON. */
#ifndef FIRN_CLI_CALL_H
#define FIRN_CLI_CALL_H

#include "cli/command.h"
#include "codec/json.h"
#include "server/api.h"

/* Sends a request; the answer's document lives as long as the call of the command.  An error answer becomes *err with its
 * message and hint.  `path` holds the query too; `body` is JSON or empty. */
MUST_USE bool cli_call(struct cli *cli, const char *method, str path, str body,
                       const struct json **out, struct error *err);

/* The same with the answer's bytes given to `sink` as they come, whatever they are. */
MUST_USE bool cli_call_raw(struct cli *cli, const char *method, str path, str body, api_sink sink,
                           void *ctx, struct error *err);

/* Prints the answer as it is (--json). */
void print_json(const struct json *doc);
/* The same with --json, else these of its members as lines (cli/print.h). */
struct print_column;
void print_answer(const struct cli *cli, const struct json *doc,
                  const struct print_column *columns);

/* A path to add to; its memory lives until the command ends. */
struct buf *path_begin(struct cli *cli, const char *start);
/* Appends "name=value" to a path, percent-encoded, with ? or & before it; nothing when the value is empty. */
void path_add_query(struct buf *path, const char *name, str value);
/* Appends one segment, percent-encoded. */
void path_add_segment(struct buf *path, str segment);

/* A file of this machine whole, at most bytes_max; "-" is standard input.  ERR_NOT_FOUND and so on with the name. */
MUST_USE bool read_file(struct cli *cli, str path, size_t bytes_max, str *out, struct error *err);

/* An absolute name for a file argument, so that a server with another working directory finds it too. */
str absolute_path(struct cli *cli, str path);

/* The files below a folder whose names end in one of the suffixes ("", for all), sorted: paths within the folder and texts. */
struct tree_file {
    str path, text;
};
MUST_USE bool read_tree(struct cli *cli, str dir, const char *const *suffixes, size_t suffixes_n,
                        struct tree_file **out, size_t *n, struct error *err);

/* Removes a folder with all that is in it; false with errno when something stays. */
bool remove_tree(const char *dir);

/* Shows how far work is on a terminal's last line; nothing elsewhere.  cli_call uses it. */
void progress_bar_clear(void);

#endif
