/* SPDX-License-Identifier: Apache-2.0 */
#include "sql/settings.h"

#include "sql/statement_priv.h"

static const char *const names[SETTINGS_N] = {
    [SETTING_WAP_ID] = "wap.id",
    [SETTING_WAP_BRANCH] = "wap.branch",
    [SETTING_OVERWRITE_MODE] = "sql.sources.partitionOverwriteMode",
};

static bool find(str name, enum setting *out, struct error *err)
{
    str word = str_starts(name, STR("spark.")) ? str_from(name, 6) : name;
    for (size_t i = 0; i < SETTINGS_N; i++)
        if (str_eq_nocase(word, str_of(names[i]))) {
            *out = (enum setting)i;
            return true;
        }
    fail(err, ERR_INVALID, "there is no setting \"" STR_FMT "\"", STR_ARG(name));
    return fail_hint(err, "there are: spark.wap.id, spark.wap.branch, "
                          "spark.sql.sources.partitionOverwriteMode");
}

bool settings_set(struct sql_settings *s, str name, str value, struct arena *a, struct error *err)
{
    enum setting which;
    if (!find(name, &which, err))
        return false;
    if (which == SETTING_OVERWRITE_MODE && value.len && !str_eq_nocase(value, STR("static")) &&
        !str_eq_nocase(value, STR("dynamic")))
        return fail(err, ERR_INVALID, STR_FMT " is static or dynamic, not \"" STR_FMT "\"",
                    STR_ARG(name), STR_ARG(value));
    s->values[which] = arena_str(a, value);
    return true;
}

str settings_get(const struct sql_settings *s, enum setting which)
{
    return s ? s->values[which] : (str){ 0 };
}

static bool can_set(const struct run *r, struct error *err)
{
    return r->req->settings ||
           fail(err, ERR_UNSUPPORTED, "settings cannot be changed here: they go with a request");
}

/* A name of words and dots, as `a.b.c` or 'a.b.c' or "a.b.c". */
static bool read_name(const struct run *r, size_t *i, str *out, struct error *err)
{
    str *parts;
    size_t n;
    if (*i < r->lex.n && r->lex.at[*i].kind == LEX_STRING) {
        *out = lex_string(r->lex.at[(*i)++], r->a);
        return true;
    }
    if (!lex_name(&r->lex, i, r->a, &parts, &n))
        return fail(err, ERR_INVALID, "the name of a setting is missing");
    *out = arena_join(r->a, parts, n, STR("."));
    return true;
}

bool run_set(struct run *r, struct error *err)
{
    size_t i = 1;
    str name, value;
    if (!can_set(r, err) || !read_name(r, &i, &name, err))
        return false;
    if (!lex_is(&r->lex, i, "=") || i + 1 >= r->lex.n)
        return fail(err, ERR_INVALID, "SET is written as SET name = value");
    bool text = r->lex.at[i + 1].kind == LEX_STRING && i + 2 == r->lex.n;
    value = text ? lex_string(r->lex.at[i + 1], r->a) : lex_span(&r->lex, i + 1, r->lex.n);
    return settings_set(r->req->settings, name, value, r->a, err);
}

bool run_reset(struct run *r, struct error *err)
{
    size_t i = 1;
    str name;
    if (!can_set(r, err))
        return false;
    if (r->lex.n == 1) {
        *r->req->settings = (struct sql_settings){ 0 };
        return true;
    }
    if (!read_name(r, &i, &name, err))
        return false;
    if (i < r->lex.n)
        return fail(err, ERR_INVALID, "RESET takes one name");
    return settings_set(r->req->settings, name, (str){ 0 }, r->a, err);
}
