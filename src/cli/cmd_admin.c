/* SPDX-License-Identifier: Apache-2.0
 *
 * Access control from the command line: each command is a request of the management API. */
#include "cli/body.h"
#include "cli/call.h"
#include "cli/commands.h"
#include "cli/print.h"
#include "catalog/name.h"

#define MANAGEMENT "/api/management/v1/"
#define CATALOG_ROLES MANAGEMENT "catalogs/firn/catalog-roles"

static bool dropped(void *ctx, str piece)
{
    (void)ctx, (void)piece;
    return true;
}

/* A request whose answer may be empty. */
static bool send_request(struct cli *cli, const char *method, struct buf *path, str body,
                         struct error *err)
{
    return cli_call_raw(cli, method, buf_str(path), body, dropped, NULL, err);
}

/* An action's word and what it does. */
struct action {
    const char *word;
    bool (*run)(struct cli *cli, struct error *err);
    size_t args; /* besides the word */
};

static bool run_action(struct cli *cli, const struct action *actions, struct error *err)
{
    struct buf known = BUF_INIT(200);
    for (const struct action *a = actions; a->word; a++) {
        buf_printf(&known, "%s%s", known.len ? ", " : "", a->word);
        if (!str_is(cli->args[0], a->word))
            continue;
        buf_deinit(&known);
        if (cli->args_n != a->args + 1)
            return fail(err, ERR_INVALID, "%s %s takes %zu names, not %zu", cli->command->name,
                        a->word, a->args, cli->args_n - 1);
        return a->run(cli, err);
    }
    fail(err, ERR_INVALID, "%s: \"" STR_FMT "\" is none of " STR_FMT, cli->command->name,
         STR_ARG(cli->args[0]), STR_ARG(buf_str(&known)));
    buf_deinit(&known);
    return false;
}

static bool print_list(struct cli *cli, struct buf *path, const char *key,
                       const struct print_column *columns, struct error *err)
{
    const struct json *doc, *rows;
    if (!cli_call(cli, "GET", buf_str(path), (str){ 0 }, &doc, err))
        return false;
    rows = json_get(doc, key);
    if (cli->json)
        print_json(doc);
    else if (rows && rows->kind == JSON_ARRAY)
        print_rows(rows, columns);
    return true;
}

/* ---- Secrets: printed once, to standard output ---- */

static bool print_secret(struct cli *cli, const char *method, struct buf *path, str body,
                         struct error *err)
{
    static const struct print_column columns[] = {
        { "clientId", "client id", PRINT_TEXT },
        { "clientSecret", "client secret", PRINT_TEXT },
        { NULL, NULL, PRINT_TEXT },
    };
    const struct json *doc, *credentials;
    if (!cli_call(cli, method, buf_str(path), body, &doc, err))
        return false;
    credentials = json_get(doc, "credentials");
    if (cli->json)
        print_json(doc);
    else if (credentials)
        print_object(credentials, columns);
    note(cli, "the secret is not kept: write it down now");
    return true;
}

static bool run_bootstrap(struct cli *cli, struct error *err)
{
    struct buf *path = path_begin(cli, MANAGEMENT "bootstrap");
    if (!print_secret(cli, "POST", path, STR("{}"), err))
        return false;
    note(cli, "access control is on: requests to a server show credentials from now on");
    return true;
}

const struct command cmd_admin_bootstrap = {
    .name = "admin bootstrap",
    .args = "",
    .summary = "turn access control on and print the root principal's secret, once",
    .detail =
        "Makes the principal root with the role service_admin.  From then on a server answers only who shows\n"
        "credentials, and every decision is kept in the table system.audit_logs.  It cannot be turned off again.",
    .examples = "firn admin bootstrap\nfirn admin bootstrap --json > root.json",
    .makes_data = true,
    .run = run_bootstrap,
};

/* ---- Principals ---- */

static struct buf *principal_path(struct cli *cli, const char *rest)
{
    struct buf *path = path_begin(cli, MANAGEMENT "principals");
    path_add_segment(path, cli->args[1]);
    buf_printf(path, "%s", rest);
    return path;
}

static bool principal_ls(struct cli *cli, struct error *err)
{
    static const struct print_column columns[] = {
        { "name", NULL, PRINT_TEXT },    { "clientId", "client id", PRINT_TEXT },
        { "enabled", NULL, PRINT_TEXT }, { "createTimestamp", "created", PRINT_TIME },
        { NULL, NULL, PRINT_TEXT },
    };
    return print_list(cli, path_begin(cli, MANAGEMENT "principals"), "principals", columns, err);
}

static bool principal_make(struct cli *cli, struct error *err)
{
    struct body *b = body_begin(cli);
    jw_kv_object(&b->w, "principal");
    jw_kv_str(&b->w, "name", cli->args[1]);
    jw_end_object(&b->w);
    jw_kv_bool(&b->w, "credentialRotationRequired", cli_has(cli, "must-rotate"));
    return print_secret(cli, "POST", path_begin(cli, MANAGEMENT "principals"), body_end(b), err);
}

static bool principal_remove(struct cli *cli, struct error *err)
{
    if (!send_request(cli, "DELETE", principal_path(cli, ""), (str){ 0 }, err))
        return false;
    note(cli, "dropped the principal " STR_FMT, STR_ARG(cli->args[1]));
    return true;
}

static bool principal_new_secret(struct cli *cli, struct error *err)
{
    return print_secret(cli, "POST", principal_path(cli, "/rotate"), STR("{}"), err);
}

static bool principal_only_secret(struct cli *cli, struct error *err)
{
    return print_secret(cli, "POST", principal_path(cli, "/reset"), STR("{}"), err);
}

static bool set_enabled(struct cli *cli, bool enabled, struct error *err)
{
    struct body *b = body_begin(cli);
    jw_kv_bool(&b->w, "enabled", enabled);
    if (!send_request(cli, "PUT", principal_path(cli, ""), body_end(b), err))
        return false;
    note(cli, "the principal " STR_FMT " is %s", STR_ARG(cli->args[1]),
         enabled ? "enabled" : "disabled");
    return true;
}

static bool principal_on(struct cli *cli, struct error *err)
{
    return set_enabled(cli, true, err);
}

static bool principal_off(struct cli *cli, struct error *err)
{
    return set_enabled(cli, false, err);
}

static bool run_principal(struct cli *cli, struct error *err)
{
    static const struct action actions[] = {
        { "ls", principal_ls, 0 },
        { "create", principal_make, 1 },
        { "drop", principal_remove, 1 },
        { "rotate", principal_new_secret, 1 },
        { "reset", principal_only_secret, 1 },
        { "enable", principal_on, 1 },
        { "disable", principal_off, 1 },
        { NULL, NULL, 0 },
    };
    return run_action(cli, actions, err);
}

static const struct flag principal_flags[] = {
    { "must-rotate", NULL, "the first secret may only be used to make another one", '\0', false },
    { NULL, NULL, NULL, '\0', false },
};

const struct command cmd_admin_principal = {
    .name = "admin principal",
    .args = "ls | create NAME | drop NAME | rotate NAME | reset NAME | enable NAME | disable NAME",
    .summary = "users and services, and the secrets that prove them",
    .detail =
        "rotate makes a second secret and lets the first one hold until the next rotation; reset ends all secrets and makes one.\n"
        "reset root, on the data directory itself, helps when root's secret is lost.",
    .examples = "firn admin principal create etl\nfirn admin principal rotate etl",
    .flags = principal_flags,
    .args_min = 1,
    .args_max = 2,
    .run = run_principal,
};

/* ---- API keys ---- */

static bool key_ls(struct cli *cli, struct error *err)
{
    static const struct print_column columns[] = {
        { "id", NULL, PRINT_TEXT },      { "note", NULL, PRINT_TEXT },
        { "created", NULL, PRINT_TIME }, { "expires", NULL, PRINT_TIME },
        { NULL, NULL, PRINT_TEXT },
    };
    return print_list(cli, principal_path(cli, "/api-keys"), "keys", columns, err);
}

static bool key_make(struct cli *cli, struct error *err)
{
    static const struct print_column columns[] = {
        { "id", NULL, PRINT_TEXT },
        { "key", "API key", PRINT_TEXT },
        { "expires", NULL, PRINT_TIME },
        { NULL, NULL, PRINT_TEXT },
    };
    const struct json *doc;
    struct body *b = body_begin(cli);
    body_str(b, "note", cli_flag(cli, "note", ""));
    body_str(b, "lifetime", cli_flag(cli, "lifetime", ""));
    if (!cli_call(cli, "POST", buf_str(principal_path(cli, "/api-keys")), body_end(b), &doc, err))
        return false;
    print_answer(cli, doc, columns);
    note(cli, "the key is not kept: write it down now");
    return true;
}

static bool key_remove(struct cli *cli, struct error *err)
{
    struct buf *path = principal_path(cli, "/api-keys");
    path_add_segment(path, cli->args[2]);
    return send_request(cli, "DELETE", path, (str){ 0 }, err);
}

static bool run_key(struct cli *cli, struct error *err)
{
    static const struct action actions[] = {
        { "ls", key_ls, 1 },
        { "create", key_make, 1 },
        { "drop", key_remove, 2 },
        { NULL, NULL, 0 },
    };
    return run_action(cli, actions, err);
}

static const struct flag key_flags[] = {
    { "note", "TEXT", "what the key is for", '\0', false },
    { "lifetime", "TIME", "when it ends: 90d, 12h (default: never)", '\0', false },
    { NULL, NULL, NULL, '\0', false },
};

const struct command cmd_admin_key = {
    .name = "admin key",
    .args = "ls PRINCIPAL | create PRINCIPAL | drop PRINCIPAL ID",
    .summary = "API keys: secrets that a request shows as they are",
    .examples = "firn admin key create etl --note \"nightly load\" --lifetime 90d",
    .flags = key_flags,
    .args_min = 2,
    .args_max = 3,
    .run = run_key,
};

/* ---- Roles ---- */

static const char *roles_path(const struct cli *cli)
{
    return cli_has(cli, "catalog") ? CATALOG_ROLES : MANAGEMENT "principal-roles";
}

static bool role_ls(struct cli *cli, struct error *err)
{
    static const struct print_column columns[] = {
        { "name", NULL, PRINT_TEXT },
        { "createTimestamp", "created", PRINT_TIME },
        { NULL, NULL, PRINT_TEXT },
    };
    return print_list(cli, path_begin(cli, roles_path(cli)), "roles", columns, err);
}

static bool role_make(struct cli *cli, struct error *err)
{
    struct body *b = body_begin(cli);
    jw_kv_object(&b->w, cli_has(cli, "catalog") ? "catalogRole" : "principalRole");
    jw_kv_str(&b->w, "name", cli->args[1]);
    jw_end_object(&b->w);
    if (!send_request(cli, "POST", path_begin(cli, roles_path(cli)), body_end(b), err))
        return false;
    note(cli, "made the %s role " STR_FMT, cli_has(cli, "catalog") ? "catalog" : "principal",
         STR_ARG(cli->args[1]));
    return true;
}

static bool role_remove(struct cli *cli, struct error *err)
{
    struct buf *path = path_begin(cli, roles_path(cli));
    path_add_segment(path, cli->args[1]);
    return send_request(cli, "DELETE", path, (str){ 0 }, err);
}

/* Whose roles change: a principal's, or with --catalog a principal role's. */
static struct buf *holder_path(struct cli *cli)
{
    bool catalog = cli_has(cli, "catalog");
    struct buf *path =
        path_begin(cli, catalog ? MANAGEMENT "principal-roles" : MANAGEMENT "principals");
    path_add_segment(path, cli->args[2]);
    buf_printf(path, "%s", catalog ? "/catalog-roles/firn" : "/principal-roles");
    return path;
}

static bool role_give(struct cli *cli, struct error *err)
{
    struct body *b = body_begin(cli);
    jw_kv_object(&b->w, cli_has(cli, "catalog") ? "catalogRole" : "principalRole");
    jw_kv_str(&b->w, "name", cli->args[1]);
    jw_end_object(&b->w);
    return send_request(cli, "PUT", holder_path(cli), body_end(b), err);
}

static bool role_take(struct cli *cli, struct error *err)
{
    struct buf *path = holder_path(cli);
    path_add_segment(path, cli->args[1]);
    return send_request(cli, "DELETE", path, (str){ 0 }, err);
}

static bool run_role(struct cli *cli, struct error *err)
{
    static const struct action actions[] = {
        { "ls", role_ls, 0 },     { "create", role_make, 1 }, { "drop", role_remove, 1 },
        { "give", role_give, 2 }, { "take", role_take, 2 },   { NULL, NULL, 0 },
    };
    return run_action(cli, actions, err);
}

static const struct flag role_flags[] = {
    { "catalog", NULL, "a role of the catalog, which is given to principal roles", '\0', false },
    { NULL, NULL, NULL, '\0', false },
};

const struct command cmd_admin_role = {
    .name = "admin role",
    .args = "ls | create NAME | drop NAME | give NAME HOLDER | take NAME HOLDER",
    .summary = "roles: principals hold principal roles, which hold catalog roles",
    .detail =
        "give and take name the role, then who gets or loses it: a principal, or with --catalog a principal role.",
    .examples =
        "firn admin role create analysts\nfirn admin role give analysts bob\n"
        "firn admin role create readers --catalog\nfirn admin role give readers analysts --catalog",
    .flags = role_flags,
    .args_min = 1,
    .args_max = 3,
    .run = run_role,
};

/* ---- Grants ---- */

static struct buf *grants_path(struct cli *cli)
{
    struct buf *path = path_begin(cli, CATALOG_ROLES);
    path_add_segment(path, cli->args[1]);
    buf_printf(path, "/grants");
    return path;
}

/* ":a", ".b": a part of a name as commands take it. */
static void add_part(struct cli *cli, struct buf *line, bool first, bool dotted,
                     const struct json *part)
{
    if (part->kind != JSON_STR)
        return;
    str text = dotted ? name_to_text((str){ 0 }, part->s, cli->a) : part->s;
    buf_printf(line, "%c" STR_FMT, first ? ':' : '.', STR_ARG(text));
}

static void print_grant(struct cli *cli, const struct json *g)
{
    const struct json *ns = json_get(g, "namespace"), *ref = json_get(g, "ref");
    struct buf line = BUF_INIT(65536);
    str type, privilege;
    struct error ignored = { 0 };
    if (!json_need_str(g, "type", &type, &ignored) ||
        !json_need_str(g, "privilege", &privilege, &ignored))
        return;
    buf_printf(&line, STR_FMT "  " STR_FMT, STR_ARG(privilege), STR_ARG(type));
    for (size_t i = 0; ns && ns->kind == JSON_ARRAY && i < ns->array.n; i++)
        add_part(cli, &line, i == 0, true, &ns->array.items[i]);
    for (size_t i = 0; i < g->object.n; i++)
        if (str_ends(g->object.members[i].key, STR("Name")))
            add_part(cli, &line, !ns, ns != NULL, &g->object.members[i].value);
    if (ref && ref->kind == JSON_STR)
        buf_printf(&line, "  at " STR_FMT, STR_ARG(ref->s));
    buf_add_char(&line, '\n');
    out_str(buf_str(&line));
    buf_deinit(&line);
}

static bool grant_ls(struct cli *cli, struct error *err)
{
    const struct json *doc, *grants;
    if (!cli_call(cli, "GET", buf_str(grants_path(cli)), (str){ 0 }, &doc, err))
        return false;
    grants = json_get(doc, "grants");
    if (cli->json)
        print_json(doc);
    for (size_t i = 0; !cli->json && grants && grants->kind == JSON_ARRAY && i < grants->array.n;
         i++)
        print_grant(cli, &grants->array.items[i]);
    return true;
}

/* The levels of a dotted name as "namespace"; the last one stays in *name when it names something in it. */
static void write_levels(struct cli *cli, struct body *b, str *name, bool keep_last)
{
    str rest = ns_from_dotted(*name, cli->a), part;
    jw_kv_array(&b->w, "namespace");
    while (name->len && str_next(&rest, NS_SEP, &part)) {
        *name = part;
        if (rest.ptr || !keep_last)
            jw_str(&b->w, part);
    }
    jw_end_array(&b->w);
}

/* --on KIND[:NAME]: "catalog", "namespace:a.b", "table:a.b.t", "model:m". */
static bool write_object(struct cli *cli, struct body *b, struct error *err)
{
    static const struct {
        const char *kind, *name_key;
        bool dotted;
    } kinds[] = {
        { "catalog", NULL, false },       { "service", NULL, false },
        { "namespace", NULL, true },      { "table", "tableName", true },
        { "view", "viewName", true },     { "function", "functionName", true },
        { "policy", "policyName", true }, { "feature-view", "featureViewName", false },
        { "model", "modelName", false },
    };
    str kind, name;
    str_cut(cli_flag(cli, "on", "catalog"), ':', &kind, &name);
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        if (!str_is(kind, kinds[i].kind))
            continue;
        jw_kv_str(&b->w, "type", kind);
        if (kinds[i].dotted)
            write_levels(cli, b, &name, kinds[i].name_key != NULL);
        if (kinds[i].name_key)
            jw_kv_str(&b->w, kinds[i].name_key, name);
        return true;
    }
    return fail(
        err, ERR_INVALID,
        "--on is catalog, namespace:a.b, table:a.b.t, view:..., function:..., feature-view:NAME, "
        "model:NAME or service, not \"" STR_FMT "\"",
        STR_ARG(kind));
}

static bool change_grant(struct cli *cli, const char *method, struct error *err)
{
    struct body *b = body_begin(cli);
    jw_kv_object(&b->w, "grant");
    if (!write_object(cli, b, err))
        return false;
    jw_kv_str(&b->w, "privilege", cli->args[2]);
    body_str(b, "ref", cli_flag(cli, "ref", ""));
    jw_end_object(&b->w);
    return send_request(cli, method, grants_path(cli), body_end(b), err);
}

static bool grant_give(struct cli *cli, struct error *err)
{
    return change_grant(cli, "PUT", err);
}

static bool grant_take(struct cli *cli, struct error *err)
{
    return change_grant(cli, "POST", err);
}

static bool run_grant(struct cli *cli, struct error *err)
{
    static const struct action actions[] = {
        { "ls", grant_ls, 1 },
        { "add", grant_give, 2 },
        { "revoke", grant_take, 2 },
        { NULL, NULL, 0 },
    };
    return run_action(cli, actions, err);
}

static const struct flag grant_flags[] = {
    { "on", "OBJECT",
      "catalog (default), namespace:a.b, table:a.b.t, view:a.v, function:a.f, feature-view:NAME, model:NAME",
      '\0', false },
    { "ref", "PATTERN", "branches and tags where it holds: main, dev/* (default: all)", '\0',
      false },
    { NULL, NULL, NULL, '\0', false },
};

const struct command cmd_admin_grant = {
    .name = "admin grant",
    .args = "ls ROLE | add ROLE PRIVILEGE | revoke ROLE PRIVILEGE",
    .summary = "privileges of catalog roles, on the catalog or a part of it, at all refs or some",
    .examples = "firn admin grant add readers TABLE_READ_DATA --on namespace:gold\n"
                "firn admin grant add writers CATALOG_MANAGE_CONTENT --ref \"dev/*\"\n"
                "firn admin grant ls readers",
    .flags = grant_flags,
    .args_min = 2,
    .args_max = 3,
    .run = run_grant,
};
