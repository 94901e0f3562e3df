/* SPDX-License-Identifier: Apache-2.0 */
#include "server/hooks.h"

#include "base/env.h"
#include "db_place.h"
#include "io/db.h"
#include "test.h"

static struct db *db;
static struct hooks *hooks;

static void open_hooks(void)
{
    struct error err;
    CHECK_OK(
        db_open(db_place(arena_printf(test_arena(), "%s/catalog.db", test_tmpdir())), &db, &err));
    CHECK_OK(hooks_open(db, env_real(), &hooks, &err));
}

static void close_hooks(void)
{
    hooks_close(hooks);
    db_close(db);
}

static bool add(const char *name, const char *url, const char *types, struct hook *out,
                struct error *err)
{
    *out = (struct hook){
        .name = str_of(name), .url = str_of(url), .types = str_of(types), .cursor = { 7, EVENT_ALL }
    };
    return hook_add(hooks, out, test_arena(), err);
}

static struct hook get(const char *name)
{
    struct error err;
    struct hook k;
    CHECK_OK(hook_get(hooks, str_of(name), test_arena(), &k, &err));
    return k;
}

TEST(hooks_are_kept_with_their_places_and_secrets)
{
    struct error err;
    struct hook k, *list;
    size_t n;
    open_hooks();
    str source = arena_str(test_arena(), hooks_source(hooks));
    CHECK(str_starts(source, STR("urn:uuid:")) && source.len == 9 + 36);
    CHECK_OK(add("b", "https://example.com/", "table.*", &k, &err));
    CHECK(str_starts(k.secret, STR(HOOK_SECRET_PREFIX)));
    CHECK_OK(add("a", "https://example.com/", "", &k, &err));
    close_hooks();
    open_hooks();
    CHECK(str_eq(source, hooks_source(hooks))); /* made once */
    CHECK_OK(hook_list(hooks, test_arena(), &list, &n, &err));
    CHECK_INT(n, 2);
    CHECK_STR(list[0].name, "a");
    CHECK(!str_eq(list[0].secret, list[1].secret));
    CHECK(list[1].cursor.seq == 7 && list[1].cursor.index == EVENT_ALL);
    CHECK_OK(hook_remove(hooks, STR("a"), &err));
    CHECK_FAILS(hook_remove(hooks, STR("a"), &err), ERR_NOT_FOUND);
    close_hooks();
}

TEST(what_makes_no_hook_is_refused)
{
    struct error err;
    struct hook k;
    open_hooks();
    CHECK_OK(add("h", "https://example.com/", "", &k, &err));
    CHECK_FAILS(add("h", "https://example.com/", "", &k, &err), ERR_EXISTS);
    CHECK_FAILS(add("", "https://example.com/", "", &k, &err), ERR_INVALID);
    CHECK_FAILS(add("a b", "https://example.com/", "", &k, &err), ERR_INVALID);
    CHECK_FAILS(add("x", "ftp://example.com/", "", &k, &err), ERR_INVALID);
    CHECK_FAILS(add("x", "file:///etc/passwd", "", &k, &err), ERR_INVALID);
    CHECK_FAILS(add("x", "https://example.com/", "nope.*", &k, &err), ERR_INVALID);
    for (int i = 1; i < HOOKS_MAX; i++)
        CHECK_OK(
            add(arena_printf(test_arena(), "h%d", i).ptr, "https://example.com/", "", &k, &err));
    CHECK_FAILS(add("one-more", "https://example.com/", "", &k, &err), ERR_LIMIT);
    close_hooks();
}

/* A delivery that was under way when somebody paused the hook or made it active again does not undo that. */
TEST(a_change_by_hand_is_not_overwritten)
{
    struct error err;
    struct hook k;
    open_hooks();
    CHECK_OK(add("h", "https://example.com/", "", &k, &err));
    struct hook under_way = get("h");
    under_way.cursor = (struct event_cursor){ 9, 2 };
    under_way.delivered = 3;
    CHECK_OK(hook_save(hooks, &under_way, &err));
    k = get("h");
    CHECK(k.cursor.seq == 9 && k.cursor.index == 2 && k.delivered == 3);
    CHECK_OK(hook_set_state(hooks, STR("h"), HOOK_PAUSED, &err));
    under_way.state = HOOK_DEAD;
    under_way.attempts = 12;
    CHECK_OK(hook_save(hooks, &under_way, &err));
    k = get("h");
    CHECK(k.state == HOOK_PAUSED && k.attempts == 0);
    CHECK_FAILS(hook_set_state(hooks, STR("none"), HOOK_ACTIVE, &err), ERR_NOT_FOUND);
    close_hooks();
}

TEST(one_server_holds_the_lease)
{
    struct error err;
    bool held;
    int64_t later = env_now_us(env_real()) + 3600 * 1000000LL;
    open_hooks();
    CHECK_OK(hooks_lease(hooks, 1, later, &held, &err));
    CHECK(held);
    CHECK_OK(hooks_lease(hooks, 2, later, &held, &err));
    CHECK(!held);
    CHECK_OK(hooks_lease(hooks, 1, later + 1, &held, &err));
    CHECK(held);
    CHECK_OK(hooks_lease(hooks, 1, 0, &held, &err)); /* given back */
    CHECK_OK(hooks_lease(hooks, 2, later, &held, &err));
    CHECK(held);
    close_hooks();
}
