/* SPDX-License-Identifier: Apache-2.0
 *
 * Ways out of the warehouse, tried on every parameter that names a place.  With credentials (here: while files are not trusted) a
 * table, a view and all that their metadata names lie under the warehouse or an allowed location.  The oracle does not know
 * what is refused: whatever is answered, nothing outside may have changed or be read, and what was accepted must lie inside,
 * decoded or not.  The published advisories of other catalogs are among the cases. */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "codec/uri.h"
#include "iceberg_test.h"

#define SECRET "metadata/v1.metadata.json"

struct places {
    struct app *app;
    str warehouse, outside; /* absolute */
    str file;               /* of table a.t */
    str uuid;
};

static str text(const char *fmt, ...) PRINTF_LIKE(1, 2);
static str text(const char *fmt, ...)
{
    va_list args;
    char out[8192];
    va_start(args, fmt);
    int n = vsnprintf(out, sizeof out, fmt, args);
    va_end(args);
    CHECK(n >= 0 && (size_t)n < sizeof out);
    return arena_str(test_arena(), str_make(out, (size_t)n));
}

static const char *cstr(str s)
{
    return arena_cstr(test_arena(), s);
}

static void write_file(str path, str bytes)
{
    int fd = open(cstr(path), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    CHECK(fd >= 0 && write(fd, bytes.ptr, bytes.len) == (ssize_t)bytes.len);
    close(fd);
}

/* A warehouse with a table, a folder beside it with a table's metadata, and links from one to the other. */
static struct places open_places(void)
{
    struct places p = { .app = open_app() };
    make_namespace(p.app, "'a'");
    struct reply t = make_table(p.app, "a", "t");
    char real[4096];
    CHECK(realpath(test_tmpdir(), real));
    p.warehouse = text("%s/lake/warehouse", real);
    p.outside = text("%s/outside", real);
    p.file = reply_str(t, "metadata-location");
    p.uuid = reply_uuid(t);
    CHECK(mkdir(cstr(p.outside), 0755) == 0);
    CHECK(mkdir(cstr(text(STR_FMT "/metadata", STR_ARG(p.outside))), 0755) == 0);
    struct buf m = BUF_INIT(1 << 20);
    struct json_writer w;
    jw_init(&w, &m);
    jw_json(&w, reply_metadata(t));
    write_file(text(STR_FMT "/" SECRET, STR_ARG(p.outside)), buf_str(&m));
    buf_deinit(&m);
    CHECK(symlink(cstr(p.outside), cstr(text(STR_FMT "/link", STR_ARG(p.warehouse)))) == 0);
    CHECK(symlink("../../outside", cstr(text(STR_FMT "/near", STR_ARG(p.warehouse)))) == 0);
    CHECK(symlink("/proc/self/root", cstr(text(STR_FMT "/magic", STR_ARG(p.warehouse)))) == 0);
    return p;
}

/* How often a folder's files are there: a name or a byte more is a change. */
static size_t count_files(str folder)
{
    size_t n = 0;
    DIR *d = opendir(cstr(folder));
    CHECK(d);
    for (struct dirent *e; (e = readdir(d)) != NULL;) {
        struct stat s;
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
            continue;
        str path = text(STR_FMT "/%s", STR_ARG(folder), e->d_name);
        CHECK(lstat(cstr(path), &s) == 0);
        n += 1 + (S_ISREG(s.st_mode) ? (size_t)s.st_size : 0);
        if (S_ISDIR(s.st_mode))
            n += count_files(path);
    }
    closedir(d);
    return n;
}

/* ---- The strings ---- */

struct strings {
    str at[512];
    size_t n;
};

static void add(struct strings *s, str one)
{
    CHECK(s->n < 512);
    s->at[s->n++] = one;
}

/* Ways to write "up one folder". */
static const char *const ups[] = {
    "..",
    "%2e%2e",
    "%2E%2E",
    ".%2e",
    "%2e.",
    "%252e%252e",
    ".%252e",
    "%25252e%2e",
    "..%2f..",
    "..%2F",
    "%2e%2e%2f",
    "..%5c",
    "..%252f..",
    "%2e%2e%5c..",
    "..\\\\..",
    "..\\\\",
    "%c0%ae%c0%ae",
    "%u002e%u002e",
    "..%00",
    "%00..",
    "..;",
    "..;/..",
    "..?",
    "..#",
    "\xef\xbc\x8e\xef\xbc\x8e",
    "\xe2\x80\xa4\xe2\x80\xa4",
    "\xe2\x80\xa5",
    "..\xef\xbc\x8f..",
    "..\xe2\x88\x95..",
    "..\xe2\x81\x84..",
    "\xef\xb9\x92\xef\xb9\x92",
    "%ef%bc%8e%ef%bc%8e",
    "%e2%80%a4%e2%80%a4",
    "..\\u0000",
    "\\u002e\\u002e",
    "..\\u2215..",
    "..\\n",
    "..\\t",
    ".. ",
    " ..",
};

static void add_ups(struct strings *s, const struct places *p)
{
    for (size_t i = 0; i < sizeof ups / sizeof *ups; i++) {
        add(s, text(STR_FMT "/%s/%s/outside", STR_ARG(p->warehouse), ups[i], ups[i]));
        add(s, text("file:" STR_FMT "/x/%s/%s/%s/outside", STR_ARG(p->warehouse), ups[i], ups[i],
                    ups[i]));
        add(s, text("file://" STR_FMT "/a/t/%s/%s/%s/%s/outside", STR_ARG(p->warehouse), ups[i],
                    ups[i], ups[i], ups[i]));
    }
}

/* Places of other kinds; %s is the folder outside. */
static const char *const others[] = {
    "%s",
    "file:%s",
    "file://%s",
    "file:///%s",
    "file://localhost%s",
    "file://localhost:80%s",
    "file://host%s",
    "file://user@localhost%s",
    "file://127.0.0.1%s",
    "file://[::1]%s",
    "FILE://%s",
    "File:%s",
    " file://%s",
    "file:///..%s",
    "file:///.%s",
    "//%s",
    "///%s",
    "\\\\\\\\host%s",
    "s3://bucket%s",
    "s3a://bucket%s",
    "S3://bucket%s",
    "gs://bucket%s",
    "abfs://c@a.dfs.core.windows.net%s",
    "hdfs://127.0.0.1:9000%s",
    "http://169.254.169.254/latest%s",
    "https://example.org%s",
    "ftp://example.org%s",
    "jar:file:%s!/x",
    "data:text/plain,%s",
    "classpath:%s",
    "unix:%s",
    "~%s",
    "$HOME%s",
    "${env:HOME}%s",
    "%%24%%7BHOME%%7D%s",
    "..%s",
    ".%s",
    "%s/../outside",
    "%s?x=1",
    "%s#f",
    "%s;p=1",
    "%s%%00",
    "%s\\u0000.parquet",
    "/proc/self/root%s",
    "/proc/self/cwd%s",
    "/dev/fd/3%s",
    "/etc/passwd",
    "/etc",
    "/",
    "//",
    "file:",
    "file://",
    "file:///",
    ".",
    "..",
    "outside",
    "../../outside",
    "*",
    "s3://",
};

/* Places that begin as the warehouse does. */
static const char *const near[] = {
    "%s/link",
    "%s/link/t",
    "%s/link/metadata",
    "file://%s/link/x",
    "%s/near/t",
    "%s/near",
    "%s/magic/tmp",
    "%s/magic",
    "%s",
    "%s/",
    "%s//",
    "%s/.",
    "%s/./x",
    "%s-evil/t",
    "%s2/t",
    "%s.evil/t",
    "%s%%2f..",
    "%s/..",
    "%s/../warehouse2",
    "file:%s/../artifacts",
    "%s/../catalog.db",
    "%s/../firn.yaml",
    "%s/.tmp/x",
    "%s/a/.tmp/x",
    "%s/a\\nb",
    "%s//a/t",
    "file://host%s/t",
    "file://%s@evil/t",
    "%s/a?b",
    "%s/a#b",
};

static void make_strings(const struct places *p, struct strings *s)
{
    add_ups(s, p);
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        struct buf b = BUF_INIT(4096); /* the only % but %% and %s are ours */
        str rest = str_of(others[i]);
        while (rest.len) {
            if (str_starts(rest, STR("%s"))) {
                buf_add_str(&b, p->outside);
                rest = str_from(rest, 2);
            } else if (str_starts(rest, STR("%%"))) {
                buf_add_char(&b, '%');
                rest = str_from(rest, 2);
            } else {
                buf_add_char(&b, rest.ptr[0]);
                rest = str_from(rest, 1);
            }
        }
        add(s, arena_str(test_arena(), buf_str(&b)));
        buf_deinit(&b);
    }
    for (size_t i = 0; i < sizeof near / sizeof *near; i++) {
        str before, after;
        str pattern = str_of(near[i]);
        ptrdiff_t at = str_find(pattern, STR("%s"));
        before = str_sub(pattern, 0, (size_t)at);
        after = str_from(pattern, (size_t)at + 2);
        if (str_starts(after, STR("%%")))
            after = str_from(after, 1);
        add(s,
            text(STR_FMT STR_FMT STR_FMT, STR_ARG(before), STR_ARG(p->warehouse), STR_ARG(after)));
    }
}

/* ---- The parameters ---- */

/* @place@ is the place; each must leave table a.t and view a.v as they were, or be accepted with a place inside. */
static const struct parameter {
    const char *what, *path, *body;
    bool file;  /* the place is a file to be read: nothing outside may be */
    bool below; /* the place is the folder of the file that is named */
} parameters[] = {
    { "location of a new table", "/v1/namespaces/a/tables",
      "{\"name\":\"n@n@\",\"location\":\"@place@\",\"schema\":@schema@}", false, false },
    { "location of a staged table", "/v1/namespaces/a/tables",
      "{\"name\":\"n@n@\",\"location\":\"@place@\",\"stage-create\":true,\"schema\":@schema@}",
      false, false },
    { "data path of a new table", "/v1/namespaces/a/tables",
      "{\"name\":\"n@n@\",\"properties\":{\"write.data.path\":\"@place@\"},\"schema\":@schema@}",
      false, false },
    { "metadata path of a new table", "/v1/namespaces/a/tables",
      "{\"name\":\"n@n@\",\"properties\":{\"write.metadata.path\":\"@place@\"},\"schema\":@schema@}",
      false, false },
    { "metadata file of a table", "/v1/namespaces/a/register",
      "{\"name\":\"n@n@\",\"metadata-location\":\"@place@/metadata/v1.metadata.json\",\"x\":@schema@}",
      true, false },
    { "metadata file of a view", "/v1/namespaces/a/register-view",
      "{\"name\":\"n@n@\",\"metadata-location\":\"@place@/metadata/v1.metadata.json\",\"x\":@schema@}",
      true, false },
    { "location of a new view", "/v1/namespaces/a/views",
      "{\"name\":\"n@n@\",\"location\":\"@place@\",\"view-version\":{\"version-id\":1,\"schema-id\":0,\"timestamp-ms\":1,\"summary\":{},"
      "\"default-namespace\":[],\"representations\":[{\"type\":\"sql\",\"sql\":\"x\",\"dialect\":"
      "\"d\"}]},\"schema\":@schema@}",
      false, false },
    { "metadata path of a new view", "/v1/namespaces/a/views",
      "{\"name\":\"n@n@\",\"properties\":{\"write.metadata.path\":\"@place@\"},\"view-version\":{\"version-id\":1,\"schema-id\":0,\"timestamp-ms\":1,\"summary\":{},"
      "\"default-namespace\":[],\"representations\":[{\"type\":\"sql\",\"sql\":\"x\",\"dialect\":"
      "\"d\"}]},\"schema\":@schema@}",
      false, false },
    { "set-location", "/v1/namespaces/a/tables/t",
      "{\"n\":@n@,\"updates\":[{\"action\":\"set-location\",\"location\":\"@place@\"}],\"x\":@schema@}",
      false, false },
    { "write.data.path", "/v1/namespaces/a/tables/t",
      "{\"n\":@n@,\"updates\":[{\"action\":\"set-properties\",\"updates\":{\"write.data.path\":\"@place@\"}}],\"x\":@schema@}",
      false, false },
    { "write.metadata.path", "/v1/namespaces/a/tables/t",
      "{\"n\":@n@,\"updates\":[{\"action\":\"set-properties\",\"updates\":{\"write.metadata.path\":\"@place@\"}}],\"x\":@schema@}",
      false, false },
    { "write.object-storage.path", "/v1/namespaces/a/tables/t",
      "{\"n\":@n@,\"updates\":[{\"action\":\"set-properties\",\"updates\":{\"write.object-storage.path\":\"@place@\"}}],\"x\":@schema@}",
      false, false },
    { "write.folder-storage.path", "/v1/namespaces/a/tables/t",
      "{\"n\":@n@,\"updates\":[{\"action\":\"set-properties\",\"updates\":{\"write.folder-storage.path\":\"@place@\"}}],\"x\":@schema@}",
      false, false },
    { "manifest list", "/v1/namespaces/a/tables/t",
      "{\"updates\":[{\"action\":\"add-snapshot\",\"snapshot\":{\"snapshot-id\":1@n@,"
      "\"sequence-number\":1,\"timestamp-ms\":4000000000000,\"manifest-list\":\"@place@/snap.avro\",\"summary\":{\"operation\":\"append\"}}}],\"x\":@schema@}",
      false, true },
    { "statistics", "/v1/namespaces/a/tables/t",
      "{\"n\":@n@,\"updates\":[{\"action\":\"set-statistics\",\"statistics\":{\"snapshot-id\":1,"
      "\"statistics-path\":\"@place@/s.puffin\",\"file-size-in-bytes\":1,\"file-footer-size-in-bytes\":1,\"blob-metadata\":[]}}],"
      "\"x\":@schema@}",
      false, true },
    { "partition statistics", "/v1/namespaces/a/tables/t",
      "{\"n\":@n@,\"updates\":[{\"action\":\"set-partition-statistics\",\"partition-statistics\":{"
      "\"snapshot-id\":1,\"statistics-path\":\"@place@/p\",\"file-size-in-bytes\":1}}],\"x\":@schema@}",
      false, true },
    { "set-location of a view", "/v1/namespaces/a/views/v",
      "{\"n\":@n@,\"updates\":[{\"action\":\"set-location\",\"location\":\"@place@\"}],\"x\":@schema@}",
      false, false },
    { "write.metadata.path of a view", "/v1/namespaces/a/views/v",
      "{\"n\":@n@,\"updates\":[{\"action\":\"set-properties\",\"updates\":{\"write.metadata.path\":\"@place@\"}}],\"x\":@schema@}",
      false, false },
    { "what is to be signed", "/v1/namespaces/a/tables/t/sign",
      "{\"n\":@n@,\"region\":\"r\",\"method\":\"PUT\",\"uri\":\"@place@/x\",\"headers\":{},\"x\":@schema@}",
      true, false },
};

/* Whether a place lies in the warehouse however often it is decoded, links followed as far as it exists. */
static bool is_inside(const struct places *p, str place)
{
    struct error err;
    struct uri u;
    str decoded, prefix = text(STR_FMT "/", STR_ARG(p->warehouse));
    for (int i = 0; i < 4; i++) {
        if (!uri_parse(place, &u, &err) || !str_starts(u.path, prefix))
            return false;
        if (!percent_decode(place, false, test_arena(), &decoded, &err) || str_eq(decoded, place))
            break;
        place = decoded;
    }
    CHECK(uri_parse(place, &u, &err));
    for (str path = u.path; path.len > p->warehouse.len;) {
        char real[4096];
        if (realpath(cstr(path), real))
            return str_eq(str_of(real), p->warehouse) || str_starts(str_of(real), prefix);
        path = str_sub(path, 0, (size_t)str_rfind_char(path, '/'));
    }
    return true;
}

/* What an accepted request left behind. */
static void check_accepted(const struct places *p, const struct parameter *q, str place,
                           struct reply r)
{
    struct error err = { 0 };
    struct json *said;
    if (q->file)
        test_fail(__FILE__, __LINE__, "%s: " STR_FMT " was accepted: " STR_FMT, q->what,
                  STR_ARG(place), STR_ARG(r.body));
    CHECK_OK(json_parse(text("[\"" STR_FMT "\"]", STR_ARG(place)), test_arena(), &said, &err));
    str named = said->array.items[0].s;
    if (!is_inside(p, q->below ? text(STR_FMT "/x", STR_ARG(named)) : named))
        test_fail(__FILE__, __LINE__, "%s: " STR_FMT " was accepted", q->what, STR_ARG(place));
}

static str body_of(const struct parameter *q, int n, str place)
{
    struct buf b = BUF_INIT(1 << 16);
    str rest = str_of(q->body), piece;
    for (bool name = false; str_next(&rest, '@', &piece); name = !name) {
        if (!name)
            buf_add_str(&b, piece);
        else if (str_is(piece, "n"))
            buf_add_i64(&b, n);
        else
            buf_add_str(&b, str_is(piece, "place") ? place : json_f(SCHEMA));
    }
    str out = arena_str(test_arena(), buf_str(&b));
    buf_deinit(&b);
    return out;
}

static void make_view(struct app *app)
{
    EXPECT(send(app, "POST", "/v1/namespaces/a/views",
                json_f("{'name':'v','schema':" SCHEMA ",'view-version':{'version-id':1,"
                       "'schema-id':0,'timestamp-ms':1,'summary':{},'default-namespace':[],"
                       "'representations':[{'type':'sql','sql':'x','dialect':'d'}]}}")),
           200);
}

TEST(no_string_leads_out_of_the_warehouse)
{
    struct places p = open_places();
    struct strings *s = arena_new(test_arena(), struct strings);
    size_t before = count_files(p.outside), accepted = 0;
    make_view(p.app);
    make_strings(&p, s);
    CHECK(s->n >= 200);
    for (size_t i = 0; i < sizeof parameters / sizeof *parameters; i++)
        for (size_t j = 0; j < s->n; j++) {
            struct reply r = send(p.app, "POST", parameters[i].path,
                                  body_of(&parameters[i], (int)(i * 1000 + j), s->at[j]));
            if (r.status == 200) {
                accepted++;
                check_accepted(&p, &parameters[i], s->at[j], r);
            } else if (r.status < 400 || r.status >= 500) {
                test_fail(__FILE__, __LINE__, "%s: " STR_FMT ": status %d " STR_FMT,
                          parameters[i].what, STR_ARG(s->at[j]), r.status, STR_ARG(r.body));
            }
            CHECK(str_find(r.body, STR("storage-credentials\":[{")) < 0);
        }
    CHECK_INT(count_files(p.outside), before);
    CHECK(accepted > 0); /* folders with odd names inside of the warehouse are fine */
    EXPECT(get(p.app, "/v1/namespaces/a/tables/t"), 200);
    app_close(p.app);
}

/* Functions come in by a route of our own. */
TEST(no_function_leads_out_of_the_warehouse)
{
    static const struct parameter q = { "location of a function", NULL, NULL, false, false };
    struct places p = open_places();
    struct strings *s = arena_new(test_arena(), struct strings);
    size_t before = count_files(p.outside);
    make_strings(&p, s);
    for (size_t i = 0; i < s->n; i++) {
        str body = text("{\"name\":\"a.f%zu\",\"metadata\":{\"function-uuid\":"
                        "\"42fd3f91-bc10-41c1-8a52-92b57dd0a9b2\",\"format-version\":1,"
                        "\"definitions\":[],\"definition-log\":[],\"max-overload-id\":0,"
                        "\"location\":\"" STR_FMT "\"}}",
                        i, STR_ARG(s->at[i]));
        struct reply r = send_raw(p.app, "POST", "/api/functions", body);
        if (r.status == 201)
            check_accepted(&p, &q, s->at[i], r);
        else
            CHECK(r.status >= 400 && r.status < 500);
    }
    CHECK_INT(count_files(p.outside), before);
    app_close(p.app);
}

/* The same places are fine while whoever can ask is the user of this machine. */
TEST(without_credentials_places_are_the_users_own)
{
    struct places p = open_places();
    app_trust_files(p.app, true);
    str body = json_f("{'name':'far','location':'file://" STR_FMT "/far','schema':" SCHEMA "}",
                      STR_ARG(p.outside));
    EXPECT(send(p.app, "POST", "/v1/namespaces/a/tables", body), 200);
    EXPECT(get(p.app, "/v1/namespaces/a/tables/far"), 200);
    EXPECT(send(p.app, "POST", "/v1/namespaces/a/register",
                json_f("{'name':'reg','metadata-location':'" STR_FMT "/" SECRET "'}",
                       STR_ARG(p.outside))),
           200);
    /* Once others can ask, what lies outside is out of reach, and so is every change that keeps it there. */
    app_trust_files(p.app, false);
    EXPECT_ERROR(send(p.app, "POST", "/v1/namespaces/a/tables/far",
                      json_f("{'updates':[{'action':'set-properties','updates':{'p':'1'}}]}")),
                 403, "ForbiddenException", "");
    EXPECT_ERROR(get(p.app, "/v1/namespaces/a/tables/far/credentials"), 403, "ForbiddenException",
                 "");
    EXPECT(send(p.app, "DELETE", "/v1/namespaces/a/tables/far", (str){ 0 }), 204);
    app_close(p.app);
}

TEST(allowed_locations_are_inside_too)
{
    char real[4096];
    CHECK(realpath(test_tmpdir(), real));
    CHECK(mkdir(cstr(text("%s/lake", real)), 0755) == 0);
    CHECK(mkdir(cstr(text("%s/allowed", real)), 0755) == 0);
    write_file(text("%s/lake/firn.yaml", real),
               text("allowed_locations:\n  - %s/allowed\n"
                    "  - {location: \"s3://bucket/t\", dir: %s/allowed}\n",
                    real, real));
    struct app *app = open_app();
    make_namespace(app, "'a'");
    for (size_t i = 0; i < 2; i++) {
        str place = text("%s%s/allowed/%zu", i ? "file://" : "", real, i);
        EXPECT(send(app, "POST", "/v1/namespaces/a/tables",
                    json_f("{'name':'t%zu','location':'" STR_FMT "','schema':" SCHEMA "}", i,
                           STR_ARG(place))),
               200);
    }
    EXPECT(send(app, "POST", "/v1/namespaces/a/tables",
                json_f("{'name':'s','location':'s3://bucket/t/s','schema':" SCHEMA "}")),
           200);
    const char *bad[] = { "-evil/x", "/../outside", "" };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct reply r = send(
            app, "POST", "/v1/namespaces/a/tables",
            json_f("{'name':'b','location':'%s/allowed%s','schema':" SCHEMA "}", real, bad[i]));
        CHECK(r.status == 400 || r.status == 403);
    }
    app_close(app);
}

/* A namespace's own location makes no exception for the tables below it. */
TEST(a_namespace_cannot_lead_out)
{
    struct places p = open_places();
    size_t before = count_files(p.outside);
    send(p.app, "POST", "/v1/namespaces",
         json_f("{'namespace':['n'],'properties':{'location':'" STR_FMT "'}}", STR_ARG(p.outside)));
    struct reply r =
        send(p.app, "POST", "/v1/namespaces/n/tables", json_f("{'name':'t','schema':" SCHEMA "}"));
    CHECK(r.status >= 400 && r.status < 500);
    CHECK_INT(count_files(p.outside), before);
    app_close(p.app);
}

/* ---- Advisories: what other catalogs got wrong ---- */

/* CVE-2026-42809: credentials for a staged table before its location was looked at. */
TEST(a_staged_table_gets_nothing_before_its_place_is_checked)
{
    struct places p = open_places();
    str bad[] = { p.warehouse, text(STR_FMT "/..", STR_ARG(p.warehouse)), p.outside,
                  STR("s3://bucket/t") };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct reply r = send(p.app, "POST", "/v1/namespaces/a/tables",
                              json_f("{'name':'x','stage-create':true,'location':'" STR_FMT
                                     "','schema':" SCHEMA "}",
                                     STR_ARG(bad[i])));
        CHECK(r.status == 403 || r.status == 400);
        CHECK(str_find(r.body, STR("credential")) < 0 && str_find(r.body, STR("config")) < 0);
    }
    EXPECT(send(p.app, "HEAD", "/v1/namespaces/a/tables/x", (str){ 0 }), 404);
    app_close(p.app);
}

/* CVE-2026-42810: names that a policy takes as a pattern. */
TEST(names_are_never_patterns)
{
    static const char *const names[] = { "*",      "t*",     "?",        "[a]",  "${x}",
                                         "t\\\\x", "t/../x", "t\\u0000", "t\\n", "/t" };
    struct app *app = open_app();
    make_namespace(app, "'a'");
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        EXPECT_ERROR(send(app, "POST", "/v1/namespaces/a/tables",
                          json_f("{'name':'%s','schema':" SCHEMA "}", names[i])),
                     400, "BadRequestException", "");
        EXPECT_ERROR(send(app, "POST", "/v1/namespaces", json_f("{'namespace':['%s']}", names[i])),
                     400, "BadRequestException", "");
        EXPECT_ERROR(
            send(app, "POST", "/v1/tables/rename",
                 json_f("{'source':{'namespace':['a'],'name':'t'},'destination':{'namespace':['a'],"
                        "'name':'%s'}}",
                        names[i])),
            400, "BadRequestException", "");
    }
    app_close(app);
}

/* CVE-2026-42812: only write.metadata.path changes, and the server itself writes there. */
TEST(a_change_of_one_property_is_a_change_of_place)
{
    struct places p = open_places();
    size_t before = count_files(p.outside);
    EXPECT_ERROR(send(p.app, "POST", "/v1/namespaces/a/tables/t",
                      json_f("{'updates':[{'action':'set-properties','updates':{"
                             "'write.metadata.path':'" STR_FMT "'}}]}",
                             STR_ARG(p.outside))),
                 403, "ForbiddenException", "write.metadata.path");
    CHECK_INT(count_files(p.outside), before);
    CHECK(str_eq(reply_str(get(p.app, "/v1/namespaces/a/tables/t"), "metadata-location"), p.file));
    app_close(p.app);
}
