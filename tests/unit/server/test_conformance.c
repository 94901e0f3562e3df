/* SPDX-License-Identifier: Apache-2.0
 *
 * What the REST specification and the reference implementation's own test kit demand of a catalog: tests/conformance/ played, and
 * held against the lists of what there is: operations, updates, requirements, types of errors, tests of the kit. */
#include "conformance.h"
#include "server/iceberg_priv.h"

static void play_file(const char *name)
{
    struct conf_file f = conf_load(name);
    size_t number = 0;
    for (size_t i = 0; i < f.n; number++)
        i += conf_play(f.steps + i, f.n - i, number);
    CHECK(number > 0);
}

TEST(config)
{
    play_file("config.txt");
}

TEST(namespaces)
{
    play_file("namespaces.txt");
}

TEST(names)
{
    play_file("names.txt");
}

TEST(tables)
{
    play_file("tables.txt");
}

TEST(requirements)
{
    play_file("requirements.txt");
}

TEST(updates)
{
    play_file("updates.txt");
}

TEST(views)
{
    play_file("views.txt");
}

TEST(functions)
{
    play_file("functions.txt");
}

TEST(planning)
{
    play_file("planning.txt");
}

TEST(pages)
{
    play_file("pages.txt");
}

TEST(repeats)
{
    play_file("repeats.txt");
}

TEST(access)
{
    play_file("access.txt");
}

TEST(hostile)
{
    play_file("hostile.txt");
}

/* ---- Nothing is left out ---- */

static const char *const files[] = {
    "config.txt",  "namespaces.txt", "names.txt",    "tables.txt",  "requirements.txt",
    "updates.txt", "views.txt",      "pages.txt",    "repeats.txt", "functions.txt",
    "access.txt",  "hostile.txt",    "planning.txt",
};
#define FILES_N (sizeof files / sizeof *files)

static struct conf_file all[FILES_N];

static void load_all(void)
{
    for (size_t i = 0; i < FILES_N; i++)
        all[i] = conf_load(files[i]);
}

static bool step_is_of(const struct conf_step *s, const struct route *route)
{
    struct error err;
    const struct route *found;
    str allowed, path;
    struct api_request req = { .method = s->method, .arena = test_arena() };
    str_cut(s->path, '?', &path, &req.query);
    req.path = arena_printf(test_arena(), "/iceberg" STR_FMT, STR_ARG(path));
    return route_find(&req, &found, &allowed, &err) && found->handler == route->handler &&
           str_is(str_of(found->method), route->method);
}

/* Each operation is asked for with success, and refused. */
TEST(every_operation_is_covered)
{
    size_t operations = 0;
    load_all();
    for (const struct route *r = iceberg_routes; r->method; r++) {
        bool done = false, refused = false;
        if (str_find(str_of(r->path), STR("{prefix}")) >= 0 ||
            str_find(str_of(r->path), STR("{ref}")) >= 0)
            continue;
        operations++;
        for (size_t i = 0; i < FILES_N; i++)
            for (size_t k = 0; k < all[i].n && !(done && refused); k++)
                if (step_is_of(&all[i].steps[k], r)) {
                    done = done || all[i].steps[k].status < 300;
                    refused = refused || all[i].steps[k].status >= 400;
                }
        done = done || r->handler == iceberg_sign; /* local files have no requests to sign */
        if (!done || !refused)
            test_fail(__FILE__, __LINE__, "%s %s: %s%s", r->method, r->path,
                      done ? "" : "no success, ", refused ? "" : "no refusal");
    }
    CHECK_INT(operations, 34); /* and the token endpoint, which access.txt asks: 35 */
}

/* Whether a body of a step with such a status holds the words, or a common text that it uses does. */
static bool said(const char *words, bool refused)
{
    struct player p = { 0 };
    map_init(&p.kept, test_arena());
    load_definitions(&p);
    for (size_t i = 0; i < FILES_N; i++)
        for (size_t k = 0; k < all[i].n; k++) {
            str body = all[i].steps[k].body, piece;
            if ((all[i].steps[k].status >= 400) != refused)
                continue;
            if (str_find(body, str_of(words)) >= 0)
                return true;
            for (bool name = false; str_next(&body, '@', &piece); name = !name) {
                str head, tail;
                str_cut(piece, ' ', &head, &tail);
                const str *text = name ? map_get(&p.kept, head) : NULL;
                if (text && str_find(*text, str_of(words)) >= 0)
                    return true;
            }
        }
    return false;
}

TEST(every_update_and_requirement_is_covered)
{
    static const char *const actions[] = {
        "assign-uuid",
        "upgrade-format-version",
        "add-schema",
        "set-current-schema",
        "add-spec",
        "set-default-spec",
        "add-sort-order",
        "set-default-sort-order",
        "add-snapshot",
        "set-snapshot-ref",
        "remove-snapshots",
        "remove-snapshot-ref",
        "set-location",
        "set-properties",
        "remove-properties",
        "set-statistics",
        "remove-statistics",
        "set-partition-statistics",
        "remove-partition-statistics",
        "remove-partition-specs",
        "remove-schemas",
        "add-encryption-key",
        "remove-encryption-key",
        "add-view-version",
        "set-current-view-version",
    };
    static const char *const requirements[] = {
        "assert-create",
        "assert-table-uuid",
        "assert-ref-snapshot-id",
        "assert-last-assigned-field-id",
        "assert-current-schema-id",
        "assert-last-assigned-partition-id",
        "assert-default-spec-id",
        "assert-default-sort-order-id",
        "assert-view-uuid",
    };
    load_all();
    for (size_t i = 0; i < sizeof actions / sizeof *actions; i++) {
        const char *words = arena_printf(test_arena(), "\"action\":\"%s\"", actions[i]).ptr;
        if (!said(words, false) || !said(words, true))
            test_fail(__FILE__, __LINE__, "%s is not both applied and refused", words);
    }
    for (size_t i = 0; i < sizeof requirements / sizeof *requirements; i++) {
        const char *words = arena_printf(test_arena(), "\"type\":\"%s\"", requirements[i]).ptr;
        if (!said(words, false) || !said(words, true))
            test_fail(__FILE__, __LINE__, "%s does not both hold and fail", words);
    }
}

TEST(every_type_of_error_is_covered)
{
    static const char *const types[] = {
        "400 BadRequestException",      "401 NotAuthorizedException",
        "403 ForbiddenException",       "404 NoSuchNamespaceException",
        "404 NoSuchTableException",     "404 NoSuchViewException",
        "404 NoSuchFunctionException",  "404 NoSuchWarehouseException",
        "404 NotFoundException",        "404 NoSuchPlanIdException",
        "404 NoSuchPlanTaskException",  "406 UnsupportedOperationException",
        "409 AlreadyExistsException",   "409 NamespaceNotEmptyException",
        "409 CommitFailedException",    "422 UnprocessableEntityException",
        "400 IllegalArgumentException", "405 BadRequestException",
    };
    load_all();
    for (size_t t = 0; t < sizeof types / sizeof *types; t++) {
        bool found = false;
        for (size_t i = 0; i < FILES_N && !found; i++)
            for (size_t k = 0; k < all[i].n && !found; k++) {
                const struct conf_step *s = &all[i].steps[k];
                found = str_starts(
                    arena_printf(test_arena(), "%d " STR_FMT, s->status, STR_ARG(s->words)),
                    str_of(types[t]));
            }
        if (!found)
            test_fail(__FILE__, __LINE__, "nothing is answered with %s", types[t]);
    }
}

/* A name of a case is used once in its scenario, so that kit.txt can name it. */
TEST(cases_have_names_of_their_own)
{
    struct map seen;
    map_init(&seen, test_arena());
    load_all();
    for (size_t i = 0; i < FILES_N; i++)
        for (size_t k = 0; k < all[i].n; k++) {
            const struct conf_step *s = &all[i].steps[k];
            if (k > 0 && str_eq(s->name, s[-1].name) && str_eq(s->scenario, s[-1].scenario))
                continue;
            str name = arena_printf(test_arena(), STR_FMT " / " STR_FMT, STR_ARG(s->scenario),
                                    STR_ARG(s->name));
            if (!map_add(&seen, name, &seen))
                test_fail(s->file, s->line, "the name is not new: " STR_FMT, STR_ARG(name));
        }
}

static bool case_exists(str name)
{
    for (size_t i = 0; i < FILES_N; i++)
        for (size_t k = 0; k < all[i].n; k++)
            if (str_eq(arena_printf(test_arena(), STR_FMT " / " STR_FMT,
                                    STR_ARG(all[i].steps[k].scenario),
                                    STR_ARG(all[i].steps[k].name)),
                       name))
                return true;
    return false;
}

/* kit.txt: "Suite.test = Scenario / case; Scenario / case", or "Suite.test - why there is none". */
TEST(every_test_of_the_reference_kit_has_its_cases)
{
    str rest = conf_text("kit.txt"), line, test, cases, one;
    size_t tests = 0, without = 0;
    int number = 0;
    load_all();
    while (str_next(&rest, '\n', &line)) {
        number++;
        if (line.len == 0 || line.ptr[0] == '#')
            continue;
        tests++;
        if (str_find(line, STR(" = ")) < 0) {
            CHECK(str_find(line, STR(" - ")) > 0);
            without++;
            continue;
        }
        str_cut(line, '=', &test, &cases);
        while (str_next(&cases, ';', &one))
            if (!case_exists(str_trim(one)))
                test_fail(CONF_DIR "/kit.txt", number, "there is no case \"" STR_FMT "\"",
                          STR_ARG(str_trim(one)));
    }
    CHECK_INT(tests, 262);
    CHECK(without < 80);
}
