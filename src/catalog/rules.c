/* SPDX-License-Identifier: Apache-2.0
 *
 * Rows of cat_rules: a pattern and, as JSON, the names allowed per action.  There are few, so all are read where one is asked for. */
#include "base/vec.h"
#include "catalog/catalog_priv.h"
#include "catalog/events_priv.h"
#include "catalog/rules_priv.h"
#include "codec/json.h"

#define PATTERN_MAX 200
#define NAME_MAX_BYTES 256
#define ALLOWED_BYTES_MAX ((size_t)128 << 10)

const char *ref_action_name(enum ref_action action)
{
    static const char *const names[REF_ACTIONS] = { "write", "merge", "assign", "delete" };
    return names[action];
}

/* The last star takes as little as it can and a character more each time that the rest does not fit. */
bool rule_pattern_fits(str pattern, str text)
{
    size_t p = 0, t = 0, star = SIZE_MAX, resume = 0;
    while (t < text.len) {
        if (p < pattern.len && pattern.ptr[p] == '*') {
            star = p++;
            resume = t;
        } else if (p < pattern.len && pattern.ptr[p] == text.ptr[t]) {
            p++;
            t++;
        } else if (star != SIZE_MAX) {
            p = star + 1;
            t = ++resume;
        } else {
            return false;
        }
    }
    while (p < pattern.len && pattern.ptr[p] == '*')
        p++;
    return p == pattern.len;
}

static bool read_names(const struct json *doc, const char *key, struct arena *a,
                       struct rule_names *out, struct error *err)
{
    const struct json *list;
    if (!json_need_array(doc, key, &list, err))
        return false;
    str *names = arena_array(a, str, list->array.n);
    for (size_t i = 0; i < list->array.n; i++) {
        if (list->array.items[i].kind != JSON_STR)
            return fail(err, ERR_INVALID, "a name in %s is no string", key);
        names[i] = list->array.items[i].s;
    }
    *out = (struct rule_names){ names, list->array.n };
    return true;
}

static bool read_rule(const struct db_rows *rows, size_t r, struct arena *a, struct ref_rule *out,
                      struct error *err)
{
    struct json *doc;
    *out = (struct ref_rule){ .pattern = db_str(rows, r, 0),
                              .author = db_str(rows, r, 2),
                              .updated_us = db_int(rows, r, 3) };
    bool ok = json_parse(db_str(rows, r, 1), a, &doc, err);
    for (int i = 0; ok && i < REF_ACTIONS; i++)
        ok = read_names(doc, ref_action_name((enum ref_action)i), a, &out->allowed[i], err);
    if (ok)
        return true;
    err->code = ERR_CORRUPT;
    return fail_in(err, "rule of " STR_FMT, STR_ARG(out->pattern));
}

static bool read_rules(struct db_tx *tx, struct arena *a, struct ref_rule **out, size_t *n,
                       struct error *err)
{
    struct db_rows rows;
    if (!db_run(tx,
                STR("SELECT pattern, allowed, author, updated_us FROM cat_rules ORDER BY pattern"),
                DB_NO_ARGS, a, &rows, err))
        return false;
    *out = arena_array(a, struct ref_rule, rows.n);
    *n = rows.n;
    for (size_t i = 0; i < rows.n; i++)
        if (!read_rule(&rows, i, a, &(*out)[i], err))
            return false;
    return true;
}

static bool is_one_of(const struct commit_info *who, str name)
{
    if (str_is(name, "*"))
        return true;
    if (!who)
        return false;
    if (who->principal.len && str_eq(name, who->principal))
        return true;
    if (!str_starts(name, STR("role:")))
        return false;
    for (size_t i = 0; i < who->roles_n; i++)
        if (str_eq(str_from(name, 5), who->roles[i]))
            return true;
    return false;
}

static bool allows(const struct ref_rule *rule, enum ref_action action,
                   const struct commit_info *who)
{
    const struct rule_names *names = &rule->allowed[action];
    for (size_t i = 0; i < names->n; i++)
        if (is_one_of(who, names->at[i]))
            return true;
    return false;
}

static bool refuse(const struct ref_rule *rule, str ref, enum ref_action action,
                   const struct commit_info *who, struct error *err)
{
    static const char *const verbs[REF_ACTIONS] = { "write to", "merge into", "move", "delete" };
    str name = who && who->principal.len ? who->principal : STR("a caller without a name");
    fail(err, ERR_DENIED,
         STR_FMT " may not %s " STR_FMT ": the rule of \"" STR_FMT "\" says who may", STR_ARG(name),
         verbs[action], STR_ARG(ref), STR_ARG(rule->pattern));
    return fail_hint(err, "work on a branch of your own, or have the rule changed");
}

bool rules_check(struct db_tx *tx, str ref, enum ref_action action, const struct commit_info *who,
                 struct arena *a, struct error *err)
{
    struct ref_rule *rules;
    size_t n;
    if (who && who->own)
        return true;
    if (!read_rules(tx, a, &rules, &n, err))
        return false;
    for (size_t i = 0; i < n; i++)
        if (rule_pattern_fits(rules[i].pattern, ref) && !allows(&rules[i], action, who))
            return refuse(&rules[i], ref, action, who, err);
    return true;
}

static bool check_pattern(str pattern, struct error *err)
{
    bool ok = pattern.len > 0 && pattern.len <= PATTERN_MAX;
    for (size_t i = 0; ok && i < pattern.len; i++) {
        char ch = pattern.ptr[i];
        ok = (ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z') || (ch >= '0' && ch <= '9') ||
             memchr("-_./*", ch, 5);
    }
    if (ok)
        return true;
    fail(err, ERR_INVALID, "\"" STR_FMT "\" is not a pattern of refs",
         STR_ARG(str_sub(pattern, 0, PATTERN_MAX)));
    return fail_hint(err, "write a name, with * for any text, of at most %d characters",
                     PATTERN_MAX);
}

static bool check_names(const struct ref_rule *rule, struct error *err)
{
    for (int i = 0; i < REF_ACTIONS; i++) {
        const struct rule_names *names = &rule->allowed[i];
        if (names->n > RULE_NAMES_MAX)
            return fail(err, ERR_LIMIT, "%zu names for %s, at most %d are possible", names->n,
                        ref_action_name((enum ref_action)i), RULE_NAMES_MAX);
        for (size_t k = 0; k < names->n; k++)
            if (names->at[k].len == 0 || names->at[k].len > NAME_MAX_BYTES ||
                !str_is_utf8(names->at[k]))
                return fail(err, ERR_INVALID, "a name for %s is empty, too long or no text",
                            ref_action_name((enum ref_action)i));
    }
    return true;
}

static bool write_names(const struct ref_rule *rule, struct buf *out, struct error *err)
{
    struct json_writer w;
    jw_init(&w, out);
    jw_begin_object(&w);
    for (int i = 0; i < REF_ACTIONS; i++) {
        jw_kv_array(&w, ref_action_name((enum ref_action)i));
        for (size_t k = 0; k < rule->allowed[i].n; k++)
            jw_str(&w, rule->allowed[i].at[k]);
        jw_end_array(&w);
    }
    jw_end_object(&w);
    return buf_ok(out, "rule", err);
}

/* A change of a pattern's rule, told when there was one. */
static bool record(struct catalog *c, struct db_tx *tx, enum change_kind kind, str pattern,
                   str author, struct error *err)
{
    struct commit_info who = { .principal = author };
    return change_record(tx, &(struct change_row){ .kind = kind, .ref = pattern, .who = &who },
                         env_now_us(c->env), err);
}

/* Runs one statement as a transaction.  Its effect is the same however often it runs, so a lost answer is told as ERR_UNKNOWN. */
static bool run_alone(struct catalog *c, enum change_kind kind, str pattern, str author, str sql,
                      const struct db_value *args, size_t n, int64_t *changes, struct error *err)
{
    struct db_tx *tx;
    struct arena *a = arena_create(0);
    struct db_rows rows = { 0 };
    bool ok = db_begin(c->db, &tx, err);
    if (ok) {
        ok = db_run(tx, sql, args, n, a, &rows, err) &&
             (rows.changes == 0 || record(c, tx, kind, pattern, author, err));
        if (ok)
            ok = db_commit(tx, err);
        else
            db_rollback(tx);
    }
    if (ok)
        changes_made(c);
    *changes = rows.changes;
    arena_destroy(a);
    return ok;
}

static bool check_room(struct catalog *c, const struct ref_rule *rule, struct error *err)
{
    struct arena *a = arena_create(0);
    struct ref_rule *rules;
    size_t n = 0;
    bool there = false, ok = catalog_list_rules(c, a, &rules, &n, err);
    for (size_t i = 0; ok && i < n; i++)
        there = there || str_eq(rules[i].pattern, rule->pattern);
    if (ok && !there && n >= RULES_MAX)
        ok = fail(err, ERR_LIMIT, "there are %d rules already", RULES_MAX);
    arena_destroy(a);
    return ok;
}

bool catalog_set_rule(struct catalog *c, const struct ref_rule *rule, struct error *err)
{
    struct buf body = BUF_INIT(ALLOWED_BYTES_MAX);
    int64_t changes;
    bool ok = check_pattern(rule->pattern, err) && check_names(rule, err) &&
              check_room(c, rule, err) && write_names(rule, &body, err) &&
              run_alone(c, CHANGE_RULE_SET, rule->pattern, rule->author,
                        STR("INSERT INTO cat_rules (pattern, allowed, author, updated_us) "
                            "VALUES (?, ?, ?, ?) ON CONFLICT (pattern) DO UPDATE SET "
                            "allowed = excluded.allowed, author = excluded.author, "
                            "updated_us = excluded.updated_us"),
                        DB_ARGS(db_val_text(rule->pattern), db_val_text(buf_str(&body)),
                                db_val_text(rule->author.ptr ? rule->author : STR("")),
                                db_val_int(env_now_us(c->env))),
                        &changes, err);
    buf_deinit(&body);
    return ok;
}

bool catalog_drop_rule(struct catalog *c, str pattern, struct error *err)
{
    int64_t changes;
    if (!run_alone(c, CHANGE_RULE_DROPPED, pattern, (str){ 0 },
                   STR("DELETE FROM cat_rules WHERE pattern = ?"), DB_ARGS(db_val_text(pattern)),
                   &changes, err))
        return false;
    return changes > 0 || fail(err, ERR_NOT_FOUND, "there is no rule of \"" STR_FMT "\"",
                               STR_ARG(str_sub(pattern, 0, PATTERN_MAX)));
}

bool catalog_list_rules(struct catalog *c, struct arena *a, struct ref_rule **out, size_t *n,
                        struct error *err)
{
    struct db_tx *tx;
    if (!db_read_begin(c->db, &tx, err))
        return false;
    bool ok = read_rules(tx, a, out, n, err);
    db_rollback(tx);
    return ok;
}

bool catalog_check_rules(struct catalog *c, str ref, enum ref_action action,
                         const struct commit_info *who, struct error *err)
{
    struct db_tx *tx;
    if (!db_read_begin(c->db, &tx, err))
        return false;
    struct arena *a = arena_create(0);
    bool ok = rules_check(tx, ref.len ? ref : MAIN_BRANCH, action, who, a, err);
    arena_destroy(a);
    db_rollback(tx);
    return ok;
}
