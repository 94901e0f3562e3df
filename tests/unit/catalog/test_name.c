/* SPDX-License-Identifier: Apache-2.0 */
#include "catalog/name.h"
#include "catalog/entry.h"
#include "iceberg/metadata.h"
#include "test.h"

TEST(good_names_pass)
{
    struct error err;
    const char *good[] = { "a",
                           "flights",
                           "Flights 2001",
                           "a-b_c",
                           "a.b",
                           "\xc3\xa9t\xc3\xa9",
                           "\xe6\x97\xa5\xe6\x9c\xac",
                           "x=1",
                           "a+b",
                           "(a)",
                           "a~" };
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        CHECK_OK(name_check(str_of(good[i]), &err));
}

TEST(names_that_others_take_as_special_are_refused)
{
    struct error err;
    const char *bad[] = { "",     ".",        "..",           ".tmp",      ".hidden",  " a",
                          "a ",   "a\\b",     "a*",           "a?",        "[a",       "a]",
                          "$a",   "{a",       "a}",           "a\nb",      "\t",       "a\x7f",
                          "\xff", "\xc0\xaf", "\xed\xa0\x80", "../../etc", "\xc2\x85", "a/../b",
                          "/a",   "a/",       "a//b",         "a/.b" };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        CHECK_FAILS(name_check(str_of(bad[i]), &err), ERR_INVALID);
    CHECK_FAILS(name_check(str_make("a\0b", 3), &err), ERR_INVALID);
    char longest[NAME_BYTES_MAX + 1];
    memset(longest, 'x', sizeof longest);
    CHECK_OK(name_check(str_make(longest, NAME_BYTES_MAX), &err));
    CHECK_FAILS(name_check(str_make(longest, NAME_BYTES_MAX + 1), &err), ERR_INVALID);
}

/* A name may hold them; a folder or a model's name may not. */
TEST(what_paths_take_as_special_is_written_otherwise_in_folders)
{
    static const struct {
        const char *name, *folder;
    } cases[] = {
        { "a/b", "a~2fb" },         { "100%", "100~25" },   { "a%2fb", "a~252fb" },
        { "a#b", "a~23b" },         { "c:d", "c~3ad" },     { "a;b", "a~3bb" },
        { "it's", "it~27s" },       { "\"q\"", "~22q~22" }, { "`", "~60" },
        { "<t>", "~3ct~3e" },       { "a|b", "a~7cb" },     { "plain", "plain" },
        { "\xc3\xa9", "\xc3\xa9" }, { "a b", "a b" },
    };
    struct error err;
    struct arena *a = test_arena();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        str name = str_of(cases[i].name);
        CHECK_OK(name_check(name, &err));
        CHECK_STR(name_folder(name, a), cases[i].folder);
        if (str_is(name, cases[i].folder))
            CHECK_OK(name_check_plain(name, &err));
        else
            CHECK_FAILS(name_check_plain(name, &err), ERR_INVALID);
    }
    /* Long ones are cut between characters, so that "-<uuid>" still fits a path component. */
    char longest[NAME_BYTES_MAX];
    memset(longest, '%', sizeof longest);
    CHECK_INT(name_folder(str_make(longest, sizeof longest), a).len, 198);
    for (size_t i = 0; i < sizeof longest; i += 2)
        memcpy(longest + i, i ? "\xc3\xa9" : "a%", 2);
    str cut = name_folder(str_make(longest, sizeof longest), a);
    CHECK(cut.len == 200 && str_is_utf8(cut));
}

TEST(namespaces_have_levels)
{
    struct error err;
    struct arena *a = test_arena();
    str ns = ns_from_dotted(STR("a.b.c"), a), head, name;
    CHECK_OK(ns_check(ns, &err));
    CHECK_STR(ns_to_text(ns, a), "a.b.c");
    CHECK_STR(ns_last(ns), "c");
    CHECK_STR(ns_to_text(ns_parent(ns), a), "a.b");
    CHECK_INT(ns_parent(STR("a")).len, 0);
    CHECK_FAILS(ns_check((str){ 0 }, &err), ERR_INVALID);
    CHECK_FAILS(ns_check(ns_from_dotted(STR("a..b"), a), &err), ERR_INVALID);
    CHECK_FAILS(ns_check(ns_from_dotted(STR("a."), a), &err), ERR_INVALID);
    CHECK_FAILS(ns_check(ns_from_dotted(STR("1.2.3.4.5.6.7.8.9.0.1.2.3.4.5.6.7"), a), &err),
                ERR_INVALID);
    CHECK_OK(name_split(STR("a.b.t"), a, &head, &name, &err));
    CHECK_STR(name_to_text(head, name, a), "a.b.t");
    CHECK_STR(name, "t");
    CHECK_FAILS(name_split(STR("t"), a, &head, &name, &err), ERR_INVALID);
    CHECK_FAILS(name_split(STR("a."), a, &head, &name, &err), ERR_INVALID);
}

/* A level or name with a dot stands in quotes, and is read back as what it was. */
TEST(levels_with_dots_are_quoted)
{
    struct error err;
    struct arena *a = test_arena();
    static const struct {
        const char *text, *ns, *name;
    } same[] = {
        { "\"a.b\".t", "a.b", "t" },
        { "x.\"a.b\".t",
          "x\x1f"
          "a.b",
          "t" },
        { "\"a.b\".\"c.d\".\"t.u\"",
          "a.b\x1f"
          "c.d",
          "t.u" },
        { "a.\"\"\"q\"\"\"", "a", "\"q\"" },
        { "a.q\"q", "a", "q\"q" },
    };
    for (size_t i = 0; i < sizeof same / sizeof *same; i++) {
        str ns, name;
        CHECK_OK(name_split(str_of(same[i].text), a, &ns, &name, &err));
        CHECK_STR(ns, same[i].ns);
        CHECK_STR(name, same[i].name);
        CHECK_STR(name_to_text(ns, name, a), same[i].text);
    }
    str ns, name;
    CHECK_OK(name_split(STR("\"a\".t"), a, &ns, &name, &err)); /* needless quotes */
    CHECK_STR(name_to_text(ns, name, a), "a.t");
    CHECK_OK(name_split(STR("a.\"b"), a, &ns, &name, &err)); /* quotes that enclose nothing */
    CHECK_STR(name, "\"b");
    CHECK_FAILS(name_split(STR("\"a.b\""), a, &ns, &name, &err), ERR_INVALID);
    CHECK_FAILS(name_split(STR("\"\".t"), a, &ns, &name, &err), ERR_INVALID);
    CHECK_STR(ns_to_text(ns_from_dotted(STR("\"a.b\".c"), a), a), "\"a.b\".c");
}

/* Direct children stand together, and keys give their names back. */
TEST(keys_order_as_listings_need)
{
    struct arena *a = test_arena();
    struct error err;
    str ab = ns_from_dotted(STR("a.b"), a), ns, name;
    CHECK(str_starts(key_namespace(ab, a), key_children(STR("a"), a)));
    CHECK(
        !str_starts(key_namespace(ns_from_dotted(STR("a.b.c"), a), a), key_children(STR("a"), a)));
    CHECK(!str_starts(key_namespace(STR("ab"), a), key_children(STR("a"), a)));
    CHECK(str_starts(key_namespace(STR("ab"), a), key_children((str){ 0 }, a)));
    str t = key_entry(ENTRY_TABLE, ab, STR("t"), a);
    CHECK(str_starts(t, key_contents(ENTRY_TABLE, ab, a)));
    CHECK(!str_starts(t, key_contents(ENTRY_TABLE, STR("a"), a)));
    CHECK_OK(key_parse(t, &ns, &name, &err));
    CHECK(str_eq(ns, ab));
    CHECK_STR(name, "t");
    CHECK_OK(key_parse(key_namespace(ab, a), &ns, &name, &err));
    CHECK(str_eq(ns, ab) && name.len == 0);
    CHECK_FAILS(key_parse(STR("Xx"), &ns, &name, &err), ERR_CORRUPT);
    CHECK_FAILS(key_parse(STR("Tnothing"), &ns, &name, &err), ERR_CORRUPT);
}

TEST(entries_read_back_and_damage_is_seen)
{
    struct arena *a = test_arena();
    struct error err;
    struct property props[] = { { STR_INIT("z"), STR_INIT("1") }, { STR_INIT("a"), STR_INIT("") } };
    struct entry e = { ENTRY_TABLE, STR_INIT("uuid"), STR_INIT("/w/x.json"), 77, props, 2 }, got;
    str bytes;
    CHECK_OK(entry_encode(&e, a, &bytes, &err));
    CHECK_OK(entry_decode(bytes, a, &got, &err));
    CHECK_INT(got.type, ENTRY_TABLE);
    CHECK_INT(got.snapshot_id, 77);
    CHECK_STR(got.location, "/w/x.json");
    CHECK_STR(got.props[0].key, "a");
    CHECK_STR(got.props[1].value, "1");
    for (size_t n = 0; n < bytes.len; n++)
        CHECK_FAILS(entry_decode(arena_str(a, str_sub(bytes, 0, n)), a, &got, &err), ERR_CORRUPT);
}
