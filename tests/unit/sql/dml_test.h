/* SPDX-License-Identifier: Apache-2.0
 *
 * For tests of DELETE, UPDATE and MERGE: each format version and mode, and a small table in each. */
#ifndef FIRN_TEST_DML_TEST_H
#define FIRN_TEST_DML_TEST_H

#include "lake_test.h"

static const struct {
    const char *name, *properties;
} modes[] = {
    { "v1 copy", "'format-version'='1'" },
    { "v2 copy", "'format-version'='2'" },
    { "v3 copy", "'format-version'='3'" },
    { "v2 merge", "'format-version'='2', 'write.delete.mode'='merge-on-read', "
                  "'write.update.mode'='merge-on-read', 'write.merge.mode'='merge-on-read'" },
    { "v3 merge", "'format-version'='3', 'write.delete.mode'='merge-on-read', "
                  "'write.update.mode'='merge-on-read', 'write.merge.mode'='merge-on-read'" },
};
#define MODES (sizeof modes / sizeof *modes)

/* Ten rows in two files, of two partitions each when asked. */
static UNUSED void fill(struct lake *lake, size_t mode, const char *partitioned)
{
    ask(lake, "CREATE SCHEMA IF NOT EXISTS s");
    ask(lake, "DROP TABLE IF EXISTS s.t");
    ask(lake, text_f("CREATE TABLE s.t (id BIGINT, name VARCHAR, p INTEGER) %s WITH (%s)",
                     partitioned, modes[mode].properties));
    ask(lake, "INSERT INTO s.t SELECT i, 'n' || i, i % 2 FROM range(5) r(i)");
    ask(lake, "INSERT INTO s.t SELECT i, 'n' || i, i % 2 FROM range(5, 10) r(i)");
}

#endif
