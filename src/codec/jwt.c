/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/jwt.h"

#include <math.h>

#include "codec/digest.h"

static bool parse_part(str text, const char *what, struct arena *a, struct json **out,
                       struct error *err)
{
    str bytes;
    if (text.len == 0 || !base64url_decode(text, a, &bytes))
        return fail(err, ERR_INVALID, "the token's %s is not base64url", what);
    if (!json_parse(bytes, a, out, err)) {
        err->code = ERR_INVALID;
        return fail_in(err, "the token's %s", what);
    }
    if ((*out)->kind != JSON_OBJECT)
        return fail(err, ERR_INVALID, "the token's %s is no JSON object", what);
    return true;
}

/* "JWT", "at+jwt" (RFC 9068) or nothing; media types with their prefix too. */
static bool known_type(str typ)
{
    if (str_starts_nocase(typ, STR("application/")))
        typ = str_from(typ, 12);
    return typ.len == 0 || str_eq_nocase(typ, STR("JWT")) || str_eq_nocase(typ, STR("at+jwt"));
}

static bool take_header(const struct json *header, struct jwt *out, struct error *err)
{
    str alg;
    if (!json_need_str(header, "alg", &alg, err) ||
        !json_opt_str(header, "kid", (str){ 0 }, &out->kid, err) ||
        !json_opt_str(header, "typ", (str){ 0 }, &out->typ, err))
        return fail_in(err, "the token's header");
    out->alg = jwt_alg_parse(alg);
    if (out->alg == JWT_ALG_NONE)
        return fail(err, ERR_INVALID, "tokens signed with \"" STR_FMT "\" are not accepted",
                    STR_ARG(str_sub(alg, 0, 64)));
    if (json_get(header, "crit"))
        return fail(err, ERR_INVALID, "the token asks for extensions (crit) that are not known");
    if (out->kid.len > JWK_KID_MAX)
        return fail(err, ERR_INVALID, "the token's kid is longer than %d bytes", JWK_KID_MAX);
    if (!known_type(out->typ))
        return fail(err, ERR_INVALID, "the token's type is \"" STR_FMT "\", not JWT",
                    STR_ARG(str_sub(out->typ, 0, 64)));
    return true;
}

bool jwt_parse(str token, struct arena *a, struct jwt *out, struct error *err)
{
    str head, rest, body, signature;
    struct json *header, *claims;
    *out = (struct jwt){ 0 };
    if (token.len > JWT_BYTES_MAX)
        return fail(err, ERR_INVALID, "the token is larger than %zu bytes", JWT_BYTES_MAX);
    if (!str_cut(token, '.', &head, &rest) || !str_cut(rest, '.', &body, &signature) ||
        str_find_char(signature, '.') >= 0)
        return fail(err, ERR_INVALID, "the token has not three parts");
    if (!parse_part(head, "header", a, &header, err) || !take_header(header, out, err) ||
        !parse_part(body, "claims", a, &claims, err))
        return false;
    if (signature.len == 0 || !base64url_decode(signature, a, &out->signature))
        return fail(err, ERR_INVALID, "the token's signature is not base64url");
    out->claims = claims;
    out->signed_part = str_sub(token, 0, head.len + 1 + body.len);
    return true;
}

static bool wrong_signature(struct error *err)
{
    return fail(err, ERR_DENIED, "the token's signature is wrong");
}

bool jwt_verify(const struct jwt *token, const struct jwk_set *keys, struct error *err)
{
    int tried = 0;
    bool named = false;
    for (size_t i = 0; i < keys->n; i++) {
        const struct jwk *key = keys->keys[i];
        if (token->kid.len && !str_eq(key->kid, token->kid))
            continue;
        named = true;
        if (!(key->algs & 1u << token->alg) || tried++ >= JWT_KEYS_TRIED)
            continue;
        if (jwk_verify(key, token->alg, token->signed_part, token->signature))
            return true;
    }
    if (token->kid.len && !named)
        return fail(err, ERR_NOT_FOUND, "no key is called \"" STR_FMT "\", which signed the token",
                    STR_ARG(str_sub(token->kid, 0, 64)));
    return wrong_signature(err);
}

str jwt_claim(const struct jwt *token, const char *name)
{
    const struct json *v = json_get(token->claims, name);
    return v && v->kind == JSON_STR ? v->s : (str){ 0 };
}

bool jwt_claim_time(const struct jwt *token, const char *name, bool *present, int64_t *out,
                    struct error *err)
{
    const struct json *v = json_get(token->claims, name);
    *present = v != NULL;
    *out = 0;
    if (!v)
        return true;
    if (v->kind == JSON_INT)
        *out = v->i;
    else if (v->kind == JSON_F64 && fabs(v->f) <= (double)JWT_TIME_MAX)
        *out = (int64_t)floor(v->f);
    else
        return fail(err, ERR_DENIED, "the token's %s is no time", name);
    if (*out < 0 || *out > JWT_TIME_MAX)
        return fail(err, ERR_DENIED, "the token's %s is no time", name);
    return true;
}

static bool check_times(const struct jwt *token, const struct jwt_expect *expect, bool *expired,
                        struct error *err)
{
    bool has_exp, has_nbf, has_iat;
    int64_t exp, nbf, iat, now = expect->now_s, leeway = expect->leeway_s;
    if (!jwt_claim_time(token, "exp", &has_exp, &exp, err) ||
        !jwt_claim_time(token, "nbf", &has_nbf, &nbf, err) ||
        !jwt_claim_time(token, "iat", &has_iat, &iat, err))
        return false;
    if (!has_exp)
        return fail(err, ERR_DENIED, "the token never expires");
    if (has_nbf && now + leeway < nbf)
        return fail(err, ERR_DENIED, "the token is not valid yet");
    if (has_iat && now + leeway < iat)
        return fail(err, ERR_DENIED, "the token was issued in the future");
    if (expect->age_max_s && (!has_iat || exp - iat > expect->age_max_s))
        return fail(err, ERR_DENIED, "the token is valid for longer than %lld s",
                    (long long)expect->age_max_s);
    if (now - leeway >= exp) {
        *expired = true;
        return fail(err, ERR_DENIED, "the token has expired");
    }
    return true;
}

static bool is_expected(str audience, const struct jwt_expect *expect)
{
    for (size_t i = 0; i < expect->audiences_n; i++)
        if (str_eq(audience, expect->audiences[i]))
            return true;
    return false;
}

static bool check_audience(const struct jwt *token, const struct jwt_expect *expect,
                           struct error *err)
{
    const struct json *aud = json_get(token->claims, "aud");
    if (expect->audiences_n == 0)
        return true;
    if (aud && aud->kind == JSON_STR && is_expected(aud->s, expect))
        return true;
    for (size_t i = 0; aud && aud->kind == JSON_ARRAY && i < aud->array.n; i++)
        if (aud->array.items[i].kind == JSON_STR && is_expected(aud->array.items[i].s, expect))
            return true;
    return fail(err, ERR_DENIED, "the token is for another audience");
}

bool jwt_check(const struct jwt *token, const struct jwt_expect *expect, bool *expired,
               struct error *err)
{
    bool ignored;
    if (!expired)
        expired = &ignored;
    *expired = false;
    if (expect->issuer.len && !str_eq(jwt_claim(token, "iss"), expect->issuer))
        return fail(err, ERR_DENIED, "the token comes from another issuer");
    return check_audience(token, expect, err) && check_times(token, expect, expired, err);
}

bool jwt_sign(const struct jwk *key, enum jwt_alg alg, const char *typ, str claims, struct arena *a,
              str *token, struct error *err)
{
    struct buf text = BUF_INIT(4096);
    struct json_writer w;
    str signature;
    jw_init(&w, &text);
    jw_begin_object(&w);
    jw_kv_str(&w, "alg", str_of(jwt_alg_name(alg)));
    jw_kv_str(&w, "typ", str_of(typ));
    if (key->kid.len)
        jw_kv_str(&w, "kid", key->kid);
    jw_end_object(&w);
    str head = base64url_encode(buf_str(&text), a), body = base64url_encode(claims, a);
    str both = arena_printf(a, STR_FMT "." STR_FMT, STR_ARG(head), STR_ARG(body));
    buf_deinit(&text);
    if (!jwk_sign(key, alg, both, a, &signature, err))
        return false;
    signature = base64url_encode(signature, a);
    *token = arena_printf(a, STR_FMT "." STR_FMT, STR_ARG(both), STR_ARG(signature));
    return true;
}
