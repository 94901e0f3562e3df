/* SPDX-License-Identifier: Apache-2.0
 *
 * What a ref argument means: a name or a commit id, and steps after it (catalog.h).  Names hold none of the characters that steps
 * begin with, so the text is read from left to right without looking back. */
#include "base/time.h"
#include "catalog/history.h"

#define STEP_CHARS "@*~^"
#define ID_DIGITS_MIN 8
#define STEPS_BACK_MAX 1000000

static bool is_step(char c)
{
    return c && strchr(STEP_CHARS, c);
}

/* Cuts the text before the next step off. */
static str take_piece(str *rest)
{
    size_t n = 0;
    while (n < rest->len && !is_step(rest->ptr[n]))
        n++;
    str piece = str_sub(*rest, 0, n);
    *rest = str_from(*rest, n);
    return piece;
}

static bool is_hex(str s)
{
    for (size_t i = 0; i < s.len; i++)
        if (!strchr("0123456789abcdefABCDEF", s.ptr[i]))
            return false;
    return s.len > 0;
}

static bool no_commit(str id, str of, struct error *err)
{
    return fail(err, ERR_NOT_FOUND, "Commit does not exist: " STR_FMT " in " STR_FMT, STR_ARG(id),
                STR_ARG(of));
}

/* The one commit whose id begins with these digits. */
static bool find_id(struct db_tx *tx, str digits, str of, struct arena *a, struct sha256 *out,
                    struct error *err)
{
    char low[SHA256_TEXT_LEN], high[SHA256_TEXT_LEN];
    struct sha256 from, to;
    struct db_rows rows;
    memset(low, '0', sizeof low);
    memset(high, 'f', sizeof high);
    memcpy(low, digits.ptr, digits.len);
    memcpy(high, digits.ptr, digits.len);
    if (!sha_parse(str_make(low, sizeof low), &from) ||
        !sha_parse(str_make(high, sizeof high), &to))
        return no_commit(digits, of, err);
    if (!db_run(tx, STR("SELECT id FROM cat_commits WHERE id >= ? AND id <= ? ORDER BY id LIMIT 2"),
                DB_ARGS(db_val_blob(sha_str(&from)), db_val_blob(sha_str(&to))), a, &rows, err))
        return false;
    if (rows.n == 0)
        return no_commit(digits, of, err);
    if (rows.n > 1)
        return fail(err, ERR_INVALID, "more than one commit begins with " STR_FMT, STR_ARG(digits));
    memcpy(out->bytes, db_str(&rows, 0, 0).ptr, SHA256_LEN);
    return true;
}

static bool step_to_id(struct db_tx *tx, str digits, str of, struct arena *a, struct commit *at,
                       struct error *err)
{
    struct sha256 id;
    bool there;
    if (digits.len < ID_DIGITS_MIN || digits.len > SHA256_TEXT_LEN)
        return fail(err, ERR_INVALID, "\"" STR_FMT "\" is not %d to %d digits of a commit id",
                    STR_ARG(digits), ID_DIGITS_MIN, SHA256_TEXT_LEN);
    if (!find_id(tx, digits, of, a, &id, err))
        return false;
    if (sha_equal(&id, &at->id))
        return true;
    if (!history_was_at(tx, &at->id, &id, &there, err))
        return false;
    return there ? commit_load(tx, &id, a, at, err) : no_commit(digits, of, err);
}

/* Times do not go back along first parents, so the first that is not later is the newest. */
static bool step_to_time(struct db_tx *tx, int64_t us, str of, struct arena *a, struct commit *at,
                         struct error *err)
{
    while (at->time_us > us) {
        struct sha256 parent = at->parents[0];
        if (at->parents_n == 0) {
            char text[TIME_TEXT_MAX];
            time_format_iso(us, text);
            return fail(err, ERR_NOT_FOUND, "Commit does not exist: " STR_FMT " is younger than %s",
                        STR_ARG(of), text);
        }
        if (!commit_load(tx, &parent, a, at, err))
            return false;
    }
    return true;
}

static bool step_back(struct db_tx *tx, str count, str of, struct arena *a, struct commit *at,
                      struct error *err)
{
    int64_t n = 1;
    if (count.len && (!str_to_i64(count, &n) || n < 0 || n > STEPS_BACK_MAX))
        return fail(err, ERR_INVALID, "\"~" STR_FMT "\" is not a number of steps", STR_ARG(count));
    for (int64_t i = 0; i < n; i++) {
        struct sha256 parent = at->parents[0];
        if (at->parents_n == 0)
            return fail(err, ERR_NOT_FOUND,
                        "Commit does not exist: " STR_FMT " has fewer than %lld steps back",
                        STR_ARG(of), (long long)n);
        if (!commit_load(tx, &parent, a, at, err))
            return false;
    }
    return true;
}

static bool step_to_parent(struct db_tx *tx, str which, str of, struct arena *a, struct commit *at,
                           struct error *err)
{
    int64_t n = 1;
    if (which.len && (!str_to_i64(which, &n) || n < 1 || n > 2))
        return fail(err, ERR_INVALID, "\"^" STR_FMT "\" is not a parent: 1 or 2", STR_ARG(which));
    if (n > at->parents_n)
        return fail(err, ERR_NOT_FOUND, "Commit does not exist: " STR_FMT " has no parent %lld",
                    STR_ARG(of), (long long)n);
    struct sha256 parent = at->parents[n - 1];
    return commit_load(tx, &parent, a, at, err);
}

/* The time of "@" is a text; that of "*" may be milliseconds. */
static bool read_time(char kind, str text, int64_t *us)
{
    int64_t ms;
    if (kind == '*' && str_to_i64(text, &ms) && ms >= 0 && ms < INT64_MAX / US_PER_MS) {
        *us = ms * US_PER_MS;
        return true;
    }
    return time_parse(text, us, NULL);
}

static bool step(struct db_tx *tx, char kind, str arg, str of, struct arena *a, struct commit *at,
                 struct error *err)
{
    int64_t us;
    if (kind == '~')
        return step_back(tx, arg, of, a, at, err);
    if (kind == '^')
        return step_to_parent(tx, arg, of, a, at, err);
    if (kind == '@' && is_hex(arg))
        return step_to_id(tx, arg, of, a, at, err);
    if (read_time(kind, arg, &us))
        return step_to_time(tx, us, of, a, at, err);
    fail(err, ERR_INVALID, "\"%c" STR_FMT "\" is neither a commit id nor a time", kind,
         STR_ARG(arg));
    return fail_hint(err, "write name@<commit id>, name@2026-02-03T04:05:06Z or name~3");
}

bool ref_has_steps(str ref)
{
    for (size_t i = 0; i < ref.len; i++)
        if (is_step(ref.ptr[i]))
            return true;
    return false;
}

bool ref_walk_steps(struct db_tx *tx, str ref, struct arena *a, struct ref_row *row,
                    struct commit *commit, struct error *err)
{
    str rest = ref, name = take_piece(&rest);
    if (name.len == 0 && rest.ptr[0] == '@') { /* "@<id>" is that commit, wherever it is */
        rest = str_from(rest, 1);
        name = take_piece(&rest);
        struct sha256 id;
        if (name.len < ID_DIGITS_MIN || name.len > SHA256_TEXT_LEN || !is_hex(name))
            return fail(err, ERR_INVALID, "\"" STR_FMT "\" names no commit", STR_ARG(ref));
        if (!find_id(tx, name, ref, a, &id, err) || !commit_load(tx, &id, a, commit, err))
            return false;
    } else if (!ref_resolve(tx, name, a, row, commit, err)) {
        return false;
    }
    while (rest.len) {
        char kind = rest.ptr[0];
        rest = str_from(rest, 1);
        if (!step(tx, kind, take_piece(&rest), ref, a, commit, err))
            return false;
    }
    *row = (struct ref_row){ ref, CATALOG_COMMIT, commit->id, commit->time_us, commit->time_us };
    return true;
}
