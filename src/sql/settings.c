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
    enum setting which = SETTING_WAP_ID;
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

const char *settings_name(enum setting which)
{
    return names[which];
}

/* A name of words and dots, as a.b.c or 'a.b.c' or "a.b.c". */
static bool read_name(const struct lex *lex, size_t *i, struct arena *a, str *out,
                      struct error *err)
{
    str *parts;
    size_t n;
    if (*i < lex->n && lex->at[*i].kind == LEX_STRING) {
        *out = lex_string(lex->at[(*i)++], a);
        return true;
    }
    if (!lex_name(lex, i, a, &parts, &n))
        return fail(err, ERR_INVALID, "the name of a setting is missing");
    *out = arena_join(a, parts, n, STR("."));
    return true;
}

static bool set(const struct lex *lex, struct arena *a, struct sql_settings *s, struct error *err)
{
    size_t i = 1;
    str name;
    if (!read_name(lex, &i, a, &name, err))
        return false;
    if (!lex_is(lex, i, "=") || i + 1 >= lex->n)
        return fail(err, ERR_INVALID, "SET is written as SET name = value");
    bool text = lex->at[i + 1].kind == LEX_STRING && i + 2 == lex->n;
    return settings_set(
        s, name, text ? lex_string(lex->at[i + 1], a) : lex_span(lex, i + 1, lex->n), a, err);
}

static bool reset(const struct lex *lex, struct arena *a, struct sql_settings *s, struct error *err)
{
    size_t i = 1;
    str name;
    if (lex->n == 1) {
        *s = (struct sql_settings){ 0 };
        return true;
    }
    if (!read_name(lex, &i, a, &name, err))
        return false;
    return i < lex->n ? fail(err, ERR_INVALID, "RESET takes one name")
                      : settings_set(s, name, (str){ 0 }, a, err);
}

bool settings_statement(struct sql_settings *s, str text, struct arena *a, bool *is_one,
                        struct error *err)
{
    struct lex lex;
    *is_one = false;
    if (!lex_sql(text, a, &lex, err))
        return false;
    while (lex.n && lex_is(&lex, lex.n - 1, ";"))
        lex.n--;
    *is_one = lex_is(&lex, 0, "SET") || lex_is(&lex, 0, "RESET");
    if (!*is_one)
        return true;
    return lex_is(&lex, 0, "SET") ? set(&lex, a, s, err) : reset(&lex, a, s, err);
}

static bool can_set(const struct run *r, struct error *err)
{
    return r->req->settings ||
           fail(err, ERR_UNSUPPORTED, "settings cannot be changed here: they go with a request");
}

bool run_set(struct run *r, struct error *err)
{
    return can_set(r, err) && set(&r->lex, r->a, r->req->settings, err);
}

bool run_reset(struct run *r, struct error *err)
{
    return can_set(r, err) && reset(&r->lex, r->a, r->req->settings, err);
}
