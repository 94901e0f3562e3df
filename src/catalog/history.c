/* SPDX-License-Identifier: Apache-2.0 */
#include "catalog/history.h"

#include "codec/avro.h"

#define COMMIT_BYTES_MAX ((size_t)1 << 20) /* of author, message and operations */

static bool load_node(void *ctx, const struct sha256 *hash, struct arena *a, str *bytes,
                      struct error *err)
{
    struct db_rows rows;
    if (!db_run(ctx, STR("SELECT body FROM cat_nodes WHERE hash = ?"),
                DB_ARGS(db_val_blob(sha_str(hash))), a, &rows, err))
        return false;
    if (rows.n == 0)
        return fail(err, ERR_CORRUPT, "tree node is missing");
    *bytes = db_str(&rows, 0, 0);
    return true;
}

static bool save_node(void *ctx, const struct sha256 *hash, str bytes, struct error *err)
{
    return db_run(ctx,
                  STR("INSERT INTO cat_nodes (hash, body) VALUES (?, ?) ON CONFLICT DO NOTHING"),
                  DB_ARGS(db_val_blob(sha_str(hash)), db_val_blob(bytes)), NULL, NULL, err);
}

struct node_io history_node_io(struct db_tx *tx)
{
    return (struct node_io){ load_node, save_node, tx };
}

static bool name_commit(struct commit *c, const uint8_t nonce[16], struct error *err)
{
    struct buf b = BUF_INIT(COMMIT_BYTES_MAX);
    avro_put_long(&b, 1); /* version of this encoding */
    avro_put_bytes(&b, sha_str(&c->root));
    avro_put_long(&b, c->parents_n);
    for (int i = 0; i < c->parents_n; i++)
        avro_put_bytes(&b, sha_str(&c->parents[i]));
    avro_put_long(&b, c->generation);
    avro_put_long(&b, c->time_us);
    avro_put_bytes(&b, c->author);
    avro_put_bytes(&b, c->message);
    avro_put_bytes(&b, c->operations);
    avro_put_bytes(&b, str_make(nonce, 16));
    bool ok = buf_ok(&b, "commit", err);
    if (ok)
        c->id = sha256_of(buf_str(&b));
    buf_deinit(&b);
    return ok;
}

static struct db_value text_value(str s) /* never NULL */
{
    return db_val_text(s.ptr ? s : STR(""));
}

static struct db_value parent_value(const struct commit *c, int i)
{
    return i < c->parents_n ? db_val_blob(sha_str(&c->parents[i])) : db_val_null();
}

bool commit_save(struct db_tx *tx, struct commit *c, const uint8_t nonce[16], struct error *err)
{
    if (!name_commit(c, nonce, err))
        return false;
    return db_run(tx,
                  STR("INSERT INTO cat_commits (id, root, parent1, parent2, generation, time_us, "
                      "author, message, operations, nonce) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"),
                  DB_ARGS(db_val_blob(sha_str(&c->id)), db_val_blob(sha_str(&c->root)),
                          parent_value(c, 0), parent_value(c, 1), db_val_int(c->generation),
                          db_val_int(c->time_us), text_value(c->author), text_value(c->message),
                          text_value(c->operations), db_val_blob(str_make(nonce, 16))),
                  NULL, NULL, err);
}

static bool read_sha(const struct db_rows *rows, size_t r, size_t col, struct sha256 *out,
                     struct error *err)
{
    str bytes = db_str(rows, r, col);
    if (bytes.len != SHA256_LEN)
        return fail(err, ERR_CORRUPT, "catalog: a name of %zu bytes instead of %d", bytes.len,
                    SHA256_LEN);
    memcpy(out->bytes, bytes.ptr, SHA256_LEN);
    return true;
}

#define COMMIT_COLUMNS                                                                             \
    "c.id, c.root, c.parent1, c.parent2, c.generation, c.time_us, c.author, c.message, c.operations"
#define COMMIT_COLUMNS_N 9

static bool read_commit(const struct db_rows *rows, struct commit *out, struct error *err)
{
    *out = (struct commit){ .generation = db_int(rows, 0, 4),
                            .time_us = db_int(rows, 0, 5),
                            .author = db_str(rows, 0, 6),
                            .message = db_str(rows, 0, 7),
                            .operations = db_str(rows, 0, 8) };
    if (!read_sha(rows, 0, 0, &out->id, err) || !read_sha(rows, 0, 1, &out->root, err))
        return false;
    for (size_t i = 0; i < 2 && !db_is_null(rows, 0, 2 + i); i++)
        if (!read_sha(rows, 0, 2 + i, &out->parents[out->parents_n++], err))
            return false;
    return true;
}

bool commit_load(struct db_tx *tx, const struct sha256 *id, struct arena *a, struct commit *out,
                 struct error *err)
{
    struct db_rows rows;
    if (!db_run(tx, STR("SELECT " COMMIT_COLUMNS " FROM cat_commits c WHERE c.id = ?"),
                DB_ARGS(db_val_blob(sha_str(id))), a, &rows, err))
        return false;
    if (rows.n == 0) {
        char text[SHA256_TEXT_LEN + 1];
        sha256_format(id, text);
        return fail(err, ERR_NOT_FOUND, "Commit does not exist: %s", text);
    }
    return read_commit(&rows, out, err);
}

bool commit_exists(struct db_tx *tx, const struct sha256 *id, bool *out, struct error *err)
{
    struct arena *a = arena_create(0);
    struct db_rows rows = { 0 };
    bool ok = db_run(tx, STR("SELECT 1 FROM cat_commits WHERE id = ?"),
                     DB_ARGS(db_val_blob(sha_str(id))), a, &rows, err);
    *out = ok && rows.n > 0;
    arena_destroy(a);
    return ok;
}

static bool read_ref(const struct db_rows *rows, size_t r, size_t col, struct ref_row *out,
                     struct error *err)
{
    *out = (struct ref_row){ .name = db_str(rows, r, col),
                             .kind = (enum catalog_ref_kind)db_int(rows, r, col + 1),
                             .created_us = db_int(rows, r, col + 3),
                             .updated_us = db_int(rows, r, col + 4) };
    return read_sha(rows, r, col + 2, &out->commit_id, err);
}

#define REF_COLUMNS "r.name, r.kind, r.commit_id, r.created_us, r.updated_us"

bool ref_load(struct db_tx *tx, str name, struct arena *a, bool *found, struct ref_row *out,
              struct error *err)
{
    struct db_rows rows;
    *found = false;
    if (!db_run(tx, STR("SELECT " REF_COLUMNS " FROM cat_refs r WHERE r.name = ?"),
                DB_ARGS(db_val_text(name)), a, &rows, err))
        return false;
    *found = rows.n > 0;
    return !*found || read_ref(&rows, 0, 0, out, err);
}

bool ref_resolve(struct db_tx *tx, str ref, struct arena *a, struct ref_row *row,
                 struct commit *commit, struct error *err)
{
    if (ref.len == 0)
        ref = STR("main");
    if (ref_has_steps(ref))
        return ref_walk_steps(tx, ref, a, row, commit, err);
    struct sha256 id;
    if (sha_parse(ref, &id)) {
        if (!commit_load(tx, &id, a, commit, err))
            return false;
        *row = (struct ref_row){ ref, CATALOG_COMMIT, id, commit->time_us, commit->time_us };
        return true;
    }
    struct db_rows rows;
    if (!db_run(tx,
                STR("SELECT " COMMIT_COLUMNS ", " REF_COLUMNS
                    " FROM cat_refs r JOIN cat_commits c ON c.id = r.commit_id WHERE r.name = ?"),
                DB_ARGS(db_val_text(ref)), a, &rows, err))
        return false;
    if (rows.n == 0)
        return fail(err, ERR_NOT_FOUND, "Branch or tag does not exist: " STR_FMT, STR_ARG(ref));
    return read_commit(&rows, commit, err) && read_ref(&rows, 0, COMMIT_COLUMNS_N, row, err);
}

bool ref_list(struct db_tx *tx, struct arena *a, struct ref_row **out, size_t *n, struct error *err)
{
    struct db_rows rows;
    if (!db_run(tx, STR("SELECT " REF_COLUMNS " FROM cat_refs r ORDER BY r.name"), DB_NO_ARGS, a,
                &rows, err))
        return false;
    *n = rows.n;
    *out = arena_array(a, struct ref_row, rows.n);
    for (size_t i = 0; i < rows.n; i++)
        if (!read_ref(&rows, i, 0, &(*out)[i], err))
            return false;
    return true;
}

bool ref_insert(struct db_tx *tx, const struct ref_row *row, struct error *err)
{
    return db_run(tx,
                  STR("INSERT INTO cat_refs (name, kind, commit_id, created_us, updated_us) "
                      "VALUES (?, ?, ?, ?, ?)"),
                  DB_ARGS(db_val_text(row->name), db_val_int(row->kind),
                          db_val_blob(sha_str(&row->commit_id)), db_val_int(row->created_us),
                          db_val_int(row->updated_us)),
                  NULL, NULL, err);
}

bool ref_move(struct db_tx *tx, str name, const struct sha256 *from, const struct sha256 *to,
              int64_t now_us, bool *moved, struct error *err)
{
    struct arena *a = arena_create(0);
    struct db_rows rows = { 0 };
    bool ok = db_run(tx,
                     STR("UPDATE cat_refs SET commit_id = ?, updated_us = ? WHERE name = ? AND "
                         "commit_id = ?"),
                     DB_ARGS(db_val_blob(sha_str(to)), db_val_int(now_us), db_val_text(name),
                             db_val_blob(sha_str(from))),
                     a, &rows, err);
    *moved = ok && rows.changes == 1;
    arena_destroy(a);
    return ok;
}

str sha_text(const struct sha256 *x, struct arena *a)
{
    char *out = arena_alloc(a, SHA256_TEXT_LEN + 1);
    return sha256_format(x, out);
}

bool sha_parse(str text, struct sha256 *out)
{
    if (text.len != SHA256_TEXT_LEN)
        return false;
    for (size_t i = 0; i < SHA256_LEN; i++) {
        int hi = str_hex_digit(text.ptr[2 * i]), lo = str_hex_digit(text.ptr[2 * i + 1]);
        if (hi < 0 || lo < 0)
            return false;
        out->bytes[i] = (uint8_t)(hi * 16 + lo);
    }
    return true;
}
