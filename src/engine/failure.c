/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "engine/duck_priv.h"

/* The library's texts begin with their kind; its numeric kinds are lost where statements are
 * prepared, so the words decide everywhere. */
static const struct {
    str prefix;
    enum err_code code;
} kinds[] = {
    { STR_INIT("Parser Error: "), ERR_INVALID },
    { STR_INIT("Syntax Error: "), ERR_INVALID },
    { STR_INIT("Binder Error: "), ERR_INVALID },
    { STR_INIT("Catalog Error: "), ERR_INVALID },
    { STR_INIT("Conversion Error: "), ERR_INVALID },
    { STR_INIT("Mismatch Type Error: "), ERR_INVALID },
    { STR_INIT("Invalid type Error: "), ERR_INVALID },
    { STR_INIT("Invalid Input Error: "), ERR_INVALID },
    { STR_INIT("Out of Range Error: "), ERR_INVALID },
    { STR_INIT("Constraint Error: "), ERR_INVALID },
    { STR_INIT("Parameter Not Resolved Error: "), ERR_INVALID },
    { STR_INIT("Parameter Not Allowed Error: "), ERR_INVALID },
    { STR_INIT("Parameter Not Found Error: "), ERR_INVALID },
    { STR_INIT("Sequence Error: "), ERR_INVALID },
    { STR_INIT("Expression Error: "), ERR_INVALID },
    { STR_INIT("Dependency Error: "), ERR_INVALID },
    { STR_INIT("TransactionContext Error: "), ERR_INVALID },
    { STR_INIT("Settings Error: "), ERR_INVALID },
    { STR_INIT("Invalid Configuration Error: "), ERR_INVALID },
    { STR_INIT("Missing Extension Error: "), ERR_UNSUPPORTED },
    { STR_INIT("Not implemented Error: "), ERR_UNSUPPORTED },
    { STR_INIT("Permission Error: "), ERR_DENIED },
    { STR_INIT("Out of Memory Error: "), ERR_LIMIT },
    { STR_INIT("Object Size Error: "), ERR_LIMIT },
    { STR_INIT("IO Error: "), ERR_UNAVAILABLE },
    { STR_INIT("HTTP Error: "), ERR_UNAVAILABLE },
    { STR_INIT("INTERRUPT Error: "), ERR_CANCELLED },
    { STR_INIT("INTERNAL Error: "), ERR_INTERNAL },
    { STR_INIT("FATAL Error: "), ERR_INTERNAL },
    { STR_INIT("Serialization Error: "), ERR_INTERNAL },
};

/* Parquet that is damaged is told as bad input: it is the file's fault, not the request's. */
static bool says_corrupt(str text)
{
    static const char *const words[] = {
        "No magic bytes found",          "TProtocolException",  "too small to be a Parquet file",
        "Invalid footer length",         "footer length error", "Invalid Parquet",
        "converted type can only be set"
    };
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (str_find(text, str_of(words[i])) >= 0)
            return true;
    return false;
}

static enum err_code classify(str *text)
{
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        if (str_starts(*text, kinds[i].prefix)) {
            *text = str_from(*text, kinds[i].prefix.len);
            return says_corrupt(*text) ? ERR_CORRUPT : kinds[i].code;
        }
    }
    return says_corrupt(*text) ? ERR_CORRUPT : ERR_INTERNAL;
}

static bool take_callback_error(struct session *s, struct error *err)
{
    pthread_mutex_lock(&s->lock);
    bool there = s->callback_error.code != ERR_NONE;
    if (there)
        *err = s->callback_error;
    s->callback_error.code = ERR_NONE;
    pthread_mutex_unlock(&s->lock);
    return there;
}

bool duck_reason_lost(const struct session *s, const char *text)
{
    struct error asked = { 0 };
    return s && text && str_starts(str_of(text), STR("INTERRUPT Error: ")) &&
           cancel_check(s->cancel, &asked);
}

bool duck_fail(struct session *s, const char *text, struct error *err)
{
    struct error own;
    if (s && take_callback_error(s, &own)) {
        *err = own;
        return false;
    }
    str all = str_of(text ? text : "INTERNAL Error: no text given"), first, rest;
    enum err_code code = classify(&all);
    if (code == ERR_CANCELLED && s && s->cancel && !cancel_check(s->cancel, err))
        return false;
    if (duck_reason_lost(s, text)) {
        fail(err, ERR_UNAVAILABLE, "the query failed on one core, and the engine lost the reason");
        return fail_hint(err, "run it again");
    }
    str_cut(all, '\n', &first, &rest);
    fail(err, code, STR_FMT, STR_ARG(str_trim(first)));
    while (rest.len && rest.ptr[0] == '\n')
        rest = str_from(rest, 1);
    if (rest.len)
        fail_hint(err, STR_FMT, STR_ARG(rest));
    blame_file(s, err);
    return false;
}
