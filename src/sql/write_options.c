/* SPDX-License-Identifier: Apache-2.0 */
#include "sql/write_options.h"

#include "engine/parquet.h"
#include "iceberg/metadata.h"
#include "iceberg/schema.h"

#define ZSTD_LEVEL_MAX 22
#define ROWS_MAX (1 << 24) /* of one row group, whatever the property says */
#define TEXT_BYTES 32      /* guess for a value whose type has no width */

static const struct {
    const char *name;
    enum parquet_codec codec;
} codecs[] = {
    { "zstd", PARQUET_ZSTD },
    { "snappy", PARQUET_SNAPPY },
    { "uncompressed", PARQUET_UNCOMPRESSED },
    { "gzip", PARQUET_GZIP },
    { "brotli", PARQUET_BROTLI },
    { "lz4", PARQUET_LZ4 },
    { "lz4_raw", PARQUET_LZ4 },
};

static bool find_codec(const struct metadata *m, enum parquet_codec *out, struct error *err)
{
    str text = metadata_property(m, "write.parquet.compression-codec", STR("zstd"));
    for (size_t i = 0; i < sizeof codecs / sizeof *codecs; i++) {
        if (str_eq_nocase(text, str_of(codecs[i].name))) {
            *out = codecs[i].codec;
            return true;
        }
    }
    return fail(err, ERR_UNSUPPORTED,
                "write.parquet.compression-codec " STR_FMT
                " is not supported (zstd, snappy, gzip, lz4, brotli, uncompressed)",
                STR_ARG(text));
}

/* Levels of other codecs are a hint that the engine does not take. */
static bool find_level(const struct metadata *m, struct parquet_write *out, struct error *err)
{
    str text = metadata_property(m, "write.parquet.compression-level", (str){ 0 });
    int64_t level;
    if (text.len == 0 || str_eq_nocase(text, STR("null")) || out->codec != PARQUET_ZSTD)
        return true;
    if (!str_to_i64(text, &level) || level < 1 || level > ZSTD_LEVEL_MAX)
        return fail(err, ERR_INVALID,
                    "write.parquet.compression-level " STR_FMT " is not one of zstd's, 1 to %d",
                    STR_ARG(text), ZSTD_LEVEL_MAX);
    out->level = (int)level;
    return true;
}

static bool bloom_rate(const struct property *p, struct parquet_write *out, struct error *err)
{
    double fpp;
    if (!str_to_f64(p->value, &fpp) || !(fpp > 0 && fpp < 1))
        return fail(err, ERR_INVALID, STR_FMT " is " STR_FMT ", not a number between 0 and 1",
                    STR_ARG(p->key), STR_ARG(p->value));
    if (out->bloom_fpp <= 0 || fpp < out->bloom_fpp)
        out->bloom_fpp = fpp;
    return true;
}

/* Whether the engine's filters tell the truth about a type: those of bytes are asked for the hash of a text, and those of floating numbers know
 * two zeros that are equal. */
static bool bloom_fits(const struct type *t)
{
    return t->kind != TYPE_BINARY && t->kind != TYPE_FIXED && t->kind != TYPE_FLOAT &&
           t->kind != TYPE_DOUBLE;
}

/* The engine has one switch for all columns, and one rate: it is on when a column wants a filter, and the filters of columns that do
 * not are left out of the footer.  Names of no column of the schema are as in the Java library: nothing. */
static bool find_bloom(const struct metadata *m, struct arena *a, struct parquet_write *out,
                       struct error *err)
{
    static const str enabled = STR_INIT("write.parquet.bloom-filter-enabled.column."),
                     rate = STR_INIT("write.parquet.bloom-filter-fpp.column.");
    int32_t *ids = arena_array(a, int32_t, m->properties.n);
    for (size_t i = 0; i < m->properties.n; i++) {
        const struct property *p = &m->properties.at[i];
        if (str_starts(p->key, enabled)) {
            const struct field *f =
                schema_field_by_name(metadata_schema(m), str_from(p->key, enabled.len), true);
            out->bloom_named = true;
            if (f && bloom_fits(f->type) && str_eq_nocase(p->value, STR("true")))
                ids[out->bloom_n++] = f->id;
        }
        if (str_starts(p->key, rate) && !bloom_rate(p, out, err))
            return false;
    }
    out->bloom_ids = ids;
    out->no_bloom = out->bloom_n == 0;
    return true;
}

/* Bytes of a row before encoding, about. */
static int64_t row_width(const struct type *t)
{
    int64_t n = 0;
    switch (t->kind) {
    case TYPE_BOOLEAN:
        return 1;
    case TYPE_INT:
    case TYPE_FLOAT:
    case TYPE_DATE:
        return 4;
    case TYPE_DECIMAL:
        return decimal_bytes(t->precision);
    case TYPE_UUID:
        return 16;
    case TYPE_FIXED:
        return t->length;
    case TYPE_STRUCT:
    case TYPE_LIST:
    case TYPE_MAP:
        for (size_t i = 0; i < t->fields_n; i++)
            n += row_width(t->fields[i].type);
        return n;
    case TYPE_STRING:
    case TYPE_BINARY:
        return TEXT_BYTES;
    default:
        return 8;
    }
}

static bool find_rows(const struct metadata *m, struct parquet_write *out, struct error *err)
{
    static const char *const names[] = { "write.parquet.row-group-limit",
                                         "write.parquet.row-group-size-bytes" };
    for (size_t i = 0; i < 2; i++) {
        str text = metadata_property(m, names[i], (str){ 0 });
        int64_t n, width = i ? row_width(metadata_schema(m)->type) : 1;
        if (text.len == 0)
            continue;
        if (!str_to_i64(text, &n) || n <= 0)
            return fail(err, ERR_INVALID, "%s is " STR_FMT ", not a positive number", names[i],
                        STR_ARG(text));
        n = n / (width > 0 ? width : 1);
        out->row_group_rows = n < 1 ? 1 : n > ROWS_MAX ? ROWS_MAX : n;
        return true;
    }
    return true;
}

bool write_avro_options(const struct metadata *m, bool *avro, enum avro_codec *codec,
                        struct error *err)
{
    static const struct {
        const char *name;
        enum avro_codec codec;
    } known[] = { { "gzip", AVRO_CODEC_DEFLATE },      { "deflate", AVRO_CODEC_DEFLATE },
                  { "snappy", AVRO_CODEC_SNAPPY },     { "zstd", AVRO_CODEC_ZSTD },
                  { "uncompressed", AVRO_CODEC_NULL }, { "none", AVRO_CODEC_NULL } };
    str format = metadata_property(m, "write.format.default", STR("parquet"));
    str text = metadata_property(m, "write.avro.compression-codec", STR("gzip"));
    *avro = str_eq_nocase(format, STR("avro"));
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if (str_eq_nocase(text, str_of(known[i].name))) {
            *codec = known[i].codec;
            return true;
        }
    }
    return !*avro || fail(err, ERR_UNSUPPORTED,
                          "write.avro.compression-codec " STR_FMT
                          " is not supported (gzip, snappy, zstd, uncompressed)",
                          STR_ARG(text));
}

bool write_options(const struct metadata *m, struct arena *a, struct parquet_write *out,
                   struct error *err)
{
    str format = metadata_property(m, "write.format.default", STR("parquet"));
    if (!str_eq_nocase(format, STR("parquet")) && !str_eq_nocase(format, STR("avro")))
        return fail(err, ERR_UNSUPPORTED,
                    "write.format.default " STR_FMT
                    ": data files are written as parquet or avro only",
                    STR_ARG(format));
    out->shred = str_eq_nocase(metadata_property(m, "write.parquet.shred-variants", (str){ 0 }),
                               STR("true"));
    return find_codec(m, &out->codec, err) && find_level(m, out, err) &&
           find_bloom(m, a, out, err) && find_rows(m, out, err);
}
