/* SPDX-License-Identifier: Apache-2.0
 *
 * Words and values between the common SQL (io/db.h) and PostgreSQL.  Values travel in the binary
 * format both ways: nothing is quoted, and what comes back is what was stored. */
#include "base/buf.h"
#include "io/db_postgres_priv.h"

/* Object ids of built-in types; they never change (pg_type.dat). */
enum {
    TYPE_BOOL = 16,
    TYPE_BYTEA = 17,
    TYPE_NAME = 19,
    TYPE_INT8 = 20,
    TYPE_INT2 = 21,
    TYPE_INT4 = 23,
    TYPE_TEXT = 25,
    TYPE_FLOAT4 = 700,
    TYPE_FLOAT8 = 701,
    TYPE_UNKNOWN = 705,
    TYPE_VARCHAR = 1043,
    TYPE_NUMERIC = 1700,
};

/* ---- words ---- */

static const struct {
    str from, to;
    bool schema_only; /* in CREATE and ALTER */
} words[] = {
    { STR_INIT("BLOB"), STR_INIT("BYTEA"), false },
    { STR_INIT("INTEGER"), STR_INIT("BIGINT"), false },
    { STR_INIT("REAL"), STR_INIT("DOUBLE PRECISION"), false },
    { STR_INIT("TEXT"), STR_INIT("TEXT COLLATE \"C\""), true },
};

static bool is_word_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

/* The end of the quoted text, comment, word or single character that begins at `i`. */
static size_t token_end(str sql, size_t i)
{
    char c = sql.ptr[i];
    size_t end = i + 1;
    if (c == '\'' || c == '"') {
        while (end < sql.len && sql.ptr[end] != c)
            end++;
        return end < sql.len ? end + 1 : end;
    }
    if (c == '-' && end < sql.len && sql.ptr[end] == '-') {
        while (end < sql.len && sql.ptr[end] != '\n')
            end++;
        return end;
    }
    while (is_word_char(c) && end < sql.len && is_word_char(sql.ptr[end]))
        end++;
    return end;
}

static str word_for(str token, bool schema)
{
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (str_eq(token, words[i].from) && (schema || !words[i].schema_only))
            return words[i].to;
    return token;
}

str pg_sql(str sql, struct arena *a, size_t *params)
{
    struct buf b = BUF_INIT(sql.len * 8 + 64);
    bool first = true, schema = false; /* of the statement that the token is in */
    *params = 0;
    for (size_t i = 0, end; i < sql.len; i = end) {
        end = token_end(sql, i);
        str token = str_sub(sql, i, end);
        if (first && is_word_char(token.ptr[0])) {
            schema = str_is(token, "CREATE") || str_is(token, "ALTER");
            first = false;
        }
        if (str_is(token, ";"))
            first = true;
        if (str_is(token, "?"))
            buf_printf(&b, "$%zu", ++*params);
        else
            buf_add_str(&b, word_for(token, schema));
    }
    str out = str_of(arena_cstr(a, buf_str(&b)));
    buf_deinit(&b);
    return out;
}

/* ---- values ---- */

static void put_be64(uint64_t v, char out[8])
{
    for (int i = 0; i < 8; i++)
        out[i] = (char)(v >> (56 - 8 * i));
}

void pg_encode(const struct db_value *v, char room[8], Oid *type, const char **bytes, int *len)
{
    uint64_t bits;
    *type = 0;
    *bytes = NULL;
    *len = 0;
    switch (v->kind) {
    case DB_NULL:
        return;
    case DB_INT:
    case DB_REAL:
        *type = v->kind == DB_INT ? TYPE_INT8 : TYPE_FLOAT8;
        memcpy(&bits, v->kind == DB_INT ? (const void *)&v->i : (const void *)&v->f, sizeof bits);
        put_be64(bits, room);
        *bytes = room;
        *len = 8;
        return;
    case DB_TEXT:
    case DB_BLOB:
        *type = v->kind == DB_TEXT ? TYPE_TEXT : TYPE_BYTEA;
        *bytes = v->s.len ? v->s.ptr : "";
        *len = (int)v->s.len;
        return;
    }
}

static uint64_t get_be(str bytes)
{
    uint64_t v = 0;
    for (size_t i = 0; i < bytes.len; i++)
        v = v << 8 | (uint8_t)bytes.ptr[i];
    return v;
}

/* A sum of integers has this type: four counts of 16 bits, then digits of base 10,000.  A whole
 * number that fits is an integer, as in SQLite; all else becomes a double. */
static bool read_numeric(str b, struct db_value *out)
{
    if (b.len < 8)
        return false;
    uint64_t digits = get_be(str_sub(b, 0, 2)), sign = get_be(str_sub(b, 4, 6));
    int64_t weight = (int16_t)get_be(str_sub(b, 2, 4)), whole = 0;
    if (b.len != 8 + digits * 2 || (sign != 0 && sign != 0x4000))
        return false;
    bool fits = (int64_t)digits <= weight + 1 && weight <= 4;
    double real = 0, unit = 1;
    for (int64_t i = 0; i < weight; i++)
        unit *= 10000;
    for (int64_t i = weight; i < 0; i++)
        unit /= 10000;
    for (int64_t i = 0; i < (int64_t)digits || (fits && i <= weight); i++, unit /= 10000) {
        int64_t d = i < (int64_t)digits
                        ? (int64_t)get_be(str_sub(b, 8 + 2 * (size_t)i, 10 + 2 * (size_t)i))
                        : 0;
        real += (double)d * unit;
        fits = fits && !__builtin_mul_overflow(whole, 10000, &whole) &&
               !__builtin_sub_overflow(whole, d, &whole); /* negative: reaches INT64_MIN */
    }
    fits = fits && (sign || !__builtin_sub_overflow(0, whole, &whole));
    *out = fits ? db_val_int(whole) : db_val_real(sign ? -real : real);
    return true;
}

static bool read_float(str bytes, struct db_value *out)
{
    uint64_t bits = get_be(bytes);
    uint32_t half = (uint32_t)bits;
    float f;
    memcpy(&f, &half, sizeof f);
    out->kind = DB_REAL;
    if (bytes.len == 8)
        memcpy(&out->f, &bits, sizeof bits);
    else
        out->f = (double)f;
    return bytes.len == 8 || bytes.len == 4;
}

bool pg_decode(Oid type, str bytes, struct db_value *out, struct error *err)
{
    bool ok = true;
    switch (type) {
    case TYPE_BOOL:
    case TYPE_INT2:
    case TYPE_INT4:
    case TYPE_INT8: {
        uint64_t v = get_be(bytes);
        *out = db_val_int(bytes.len == 8   ? (int64_t)v
                          : bytes.len == 4 ? (int32_t)v
                          : bytes.len == 2 ? (int16_t)v
                                           : (int64_t)v);
        break;
    }
    case TYPE_FLOAT4:
    case TYPE_FLOAT8:
        ok = read_float(bytes, out);
        break;
    case TYPE_NUMERIC:
        ok = read_numeric(bytes, out);
        break;
    case TYPE_TEXT:
    case TYPE_VARCHAR:
    case TYPE_NAME:
    case TYPE_UNKNOWN:
        *out = db_val_text(bytes);
        break;
    case TYPE_BYTEA:
        *out = db_val_blob(bytes);
        break;
    default:
        ok = false;
    }
    return ok || fail(err, ERR_INTERNAL,
                      "metadata database: a column of type %u cannot be read; cast it", type);
}

/* ---- errors ---- */

static const struct {
    const char *prefix; /* of the SQLSTATE; longer ones first */
    enum err_code code;
} states[] = {
    { "23505", ERR_EXISTS }, /* unique_violation */
    { "53100", ERR_LIMIT },  /* disk_full */
    { "42501", ERR_DENIED }, /* insufficient_privilege */
    { "42P07", ERR_EXISTS }, /* duplicate_table */
    { "25006", ERR_DENIED }, /* read_only_sql_transaction: a standby, or a reader that writes */
    { "57014", ERR_UNAVAILABLE }, /* query_canceled: the statement timeout */
    { "0A000", ERR_UNAVAILABLE }, /* cached plan must not change result type: a newer schema */
    { "XX001", ERR_CORRUPT },     /* data_corrupted */
    { "XX002", ERR_CORRUPT },     /* index_corrupted */
    { "3D", ERR_INVALID },        /* no such database */
    { "3F", ERR_INVALID },        /* no such schema */
    { "28", ERR_DENIED },         /* password, pg_hba.conf */
    { "23", ERR_INVALID },        /* constraints */
    { "22", ERR_INVALID },        /* values that do not fit */
    { "54", ERR_LIMIT },          /* program limits */
    { "08", ERR_UNAVAILABLE },    /* connections */
    { "25P03", ERR_UNAVAILABLE }, /* idle_in_transaction_session_timeout */
    { "40", ERR_UNAVAILABLE },    /* serialization, deadlock: nothing was written */
    { "53", ERR_UNAVAILABLE },    /* resources, too many connections */
    { "55", ERR_UNAVAILABLE },    /* lock_timeout */
    { "57", ERR_UNAVAILABLE },    /* shutdown, starting up */
    { "58", ERR_UNAVAILABLE },    /* the server's own I/O */
};

static enum err_code code_of(const char *sqlstate)
{
    for (size_t i = 0; i < sizeof states / sizeof *states; i++)
        if (str_starts(str_of(sqlstate), str_of(states[i].prefix)))
            return states[i].code;
    return ERR_INTERNAL;
}

/* libpq ends its texts with a line feed and may write several lines; the first says it. */
static str first_line(const char *text)
{
    str head, tail;
    (void)str_cut(str_trim(str_of(text)), '\n', &head, &tail);
    return head;
}

bool pg_fail(struct error *err, const char *sqlstate, const char *text, str sql)
{
    str line = first_line(text);
    if (!sqlstate)
        return fail(err, ERR_UNAVAILABLE, "metadata database: " STR_FMT,
                    STR_ARG(line.len ? line : STR("the connection is lost")));
    enum err_code code = code_of(sqlstate);
    if (code == ERR_INTERNAL)
        return fail(err, code, "metadata database: " STR_FMT " (%s) in \"" STR_FMT "\"",
                    STR_ARG(line), sqlstate, STR_ARG(str_sub(sql, 0, PG_SQL_SHOWN)));
    fail(err, code, "metadata database: " STR_FMT " (%s)", STR_ARG(line), sqlstate);
    if (code == ERR_LIMIT && str_is(str_of(sqlstate), "53100"))
        fail_hint(err, "make room on the database server and run it again; nothing was changed");
    return false;
}
