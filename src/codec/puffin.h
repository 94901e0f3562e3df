/* SPDX-License-Identifier: Apache-2.0
 *
 * Puffin files: blobs (deletion vectors, statistics) and a footer that describes them (Iceberg
 * specification, "Puffin file format").
 *
 *     "PFA1"  blob ...  "PFA1"  footer payload (JSON)  payload size (4)  flags (4)  "PFA1"
 *
 * Offsets and lengths in a footer are checked against the file before anything is read by them. */
#ifndef FIRN_CODEC_PUFFIN_H
#define FIRN_CODEC_PUFFIN_H

#include "base/arena.h"
#include "base/buf.h"

struct positions;

#define PUFFIN_FOOTER_MAX ((size_t)256 << 20) /* bytes of the payload, unpacked */
#define PUFFIN_BLOBS_MAX 1000000
#define PUFFIN_TAIL 12 /* bytes at the end of a file that say how long its footer is */

#define PUFFIN_DELETION_VECTOR "deletion-vector-v1"
#define PUFFIN_THETA_SKETCH "apache-datasketches-theta-v1"

struct puffin_property {
    str key, value;
};

struct puffin_blob {
    str type;
    const int32_t *fields; /* ids of the columns that it is about */
    size_t fields_n;
    int64_t snapshot_id, sequence_number; /* -1: inherited, as deletion vectors have it */
    int64_t offset, length;               /* in the file, as stored */
    str codec;                            /* "lz4", "zstd"; empty: not compressed */
    const struct puffin_property *properties;
    size_t properties_n;
};

struct puffin {
    const struct puffin_blob *blobs;
    size_t blobs_n;
    const struct puffin_property *properties; /* of the file */
    size_t properties_n;
};

/* How many bytes at the end of the file its footer takes, from its last PUFFIN_TAIL bytes. */
MUST_USE bool puffin_footer_size(str tail, int64_t file_size, int64_t *out, struct error *err);
/* Reads the footer, the last bytes of a file of that size.  Strings live in `a`.  ERR_CORRUPT, ERR_LIMIT. */
MUST_USE bool puffin_footer_parse(str footer, int64_t file_size, struct arena *a,
                                  struct puffin *out, struct error *err);
/* The same from a whole file, whose magic is checked too. */
MUST_USE bool puffin_parse(str file, struct arena *a, struct puffin *out, struct error *err);
/* A blob's content out of its stored bytes: unpacked, at most max of them.  ERR_UNSUPPORTED (codec), ERR_CORRUPT,
 * ERR_LIMIT.  A view of `stored` when it is not compressed, else in `a`. */
MUST_USE bool puffin_blob_content(const struct puffin_blob *blob, str stored, size_t max,
                                  struct arena *a, str *out, struct error *err);
/* A property's value, or the empty text. */
str puffin_property_get(const struct puffin_property *at, size_t n, const char *key);

/* Writing: begin, one add per blob, finish.  Blobs are described in memory of `a`. */
struct puffin_writer {
    struct buf *out;
    struct arena *a;
    struct {
        struct puffin_blob *at;
        size_t n, cap;
    } blobs;
};

/* Starts a file in `out`; the descriptions of its blobs are kept in `a`. */
void puffin_begin(struct puffin_writer *w, struct buf *out, struct arena *a);
/* Appends the content as it is, or packed with blob->codec ("zstd", "lz4"); offset and length are filled in and
 * given back.  What blob points to must live until the end. */
MUST_USE bool puffin_add(struct puffin_writer *w, const struct puffin_blob *blob, str content,
                         struct puffin_blob *stored, struct error *err);
/* `compressed`: the footer is packed too (LZ4).  The property "created-by" is added. */
MUST_USE bool puffin_finish(struct puffin_writer *w, const struct puffin_property *properties,
                            size_t n, bool compressed, struct error *err);

/* The content of a deletion vector: length, magic, bitmap and its CRC-32. */
void deletion_vector_write(const struct positions *p, struct buf *out);
/* ERR_CORRUPT with what is wrong: length, magic, checksum, bitmap. */
MUST_USE bool deletion_vector_read(str bytes, struct arena *a, struct positions **out,
                                   struct error *err);

#endif
