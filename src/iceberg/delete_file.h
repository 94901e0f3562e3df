/* SPDX-License-Identifier: Apache-2.0
 *
 * What delete files look like: the two columns of position delete files (Iceberg specification, "Position Delete Files",
 * reserved field ids), and which data file a delete file is of.  Everything here only reads its arguments, from any thread. */
#ifndef FIRN_ICEBERG_DELETE_FILE_H
#define FIRN_ICEBERG_DELETE_FILE_H

#include "iceberg/manifest.h"

#define DELETE_FIELD_PATH 2147483546 /* file_path: the data file's URI */
#define DELETE_FIELD_POS 2147483545  /* pos: the row's place in it, from 0 */

#define DELETE_VECTOR_FORMAT "puffin" /* the file format that says a deletion vector */

/* file_path and pos, both required, in `a`.  It has no indexes (schema_node_by_id and the like): reserved ids are not for
 * schema_build. */
const struct schema *position_delete_schema(struct arena *a);

/* A deletion vector: position deletes in a Puffin file. */
bool delete_file_is_vector(const struct data_file *f);

/* The one data file that position deletes are of: what referenced_data_file says, else the bounds of file_path when they
 * are equal.  ptr NULL for several, none, or equality deletes.  A view into `f`. */
str delete_file_target(const struct data_file *f);

#endif
