/* SPDX-License-Identifier: Apache-2.0
 *
 * Which data files a compaction writes again, and which go together: by bin-packing, with the options and defaults of the
 * Java library's rewrite of data files.  Nothing is read or written here. */
#ifndef FIRN_ICEBERG_REWRITE_H
#define FIRN_ICEBERG_REWRITE_H

#include "base/arena.h"
#include "base/error.h"

struct metadata;

struct rewrite_options {
    int64_t target_bytes;         /* of a file; 0: the table's write.target-file-size-bytes */
    int64_t min_bytes, max_bytes; /* files outside are written again; 0: 75 % and 180 % of target */
    int64_t group_bytes;          /* at most, of the files of one group; 0: 100 GiB */
    int64_t min_input_files;      /* a group of fewer small files stays; 0: 5 */
    int64_t delete_files;         /* so many of a data file make it worth it; 0: never */
    double delete_ratio;          /* so large a part of its rows deleted; 0: 0.3 */
    bool all;                     /* every file */
};

struct rewrite_file {
    str partition;   /* files of one partition go together; of one spec, too */
    bool other_spec; /* of a spec that is not the default any more */
    int64_t size, rows, deleted_rows;
    size_t delete_files;
};

struct rewrite_group {
    size_t *files; /* places in the input, in order */
    size_t n;
    int64_t bytes;
};

/* Fills what is 0.  ERR_INVALID for options that contradict each other. */
MUST_USE bool rewrite_defaults(const struct metadata *m, struct rewrite_options *o,
                               struct error *err);

/* `o` has its defaults.  Groups in the order of their first files; in `a`. */
void rewrite_plan(const struct rewrite_options *o, const struct rewrite_file *files, size_t n,
                  struct arena *a, struct rewrite_group **out, size_t *groups_n);

#endif
