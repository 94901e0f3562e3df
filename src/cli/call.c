/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/call.h"

#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/vec.h"
#include "cli/http.h"
#include "cli/print.h"
#include "govern/identity.h"
#include "io/lock.h"
#include "sql/lake.h"

#define PATH_BYTES_MAX 8192
#define TREE_FILES_MAX 100000
#define TREE_FILE_BYTES_MAX ((size_t)4 << 20)

static void close_app(void *app)
{
    app_close(app);
}

static void close_http(void *h)
{
    http_close(h);
}

/* A server that runs on the data directory is the one to ask: it holds the directory. */
static bool find_server(struct cli *cli, struct error *err)
{
    struct lock_owner owner;
    struct stat st;
    bool held;
    if (cli->server.len || cli->app || stat(cli->data_dir, &st) != 0)
        return true;
    if (!lock_owner_of(str_of(cli->data_dir), cli->a, &owner, &held, err))
        return false;
    if (held && owner.url.len)
        cli->server = owner.url;
    return true;
}

static bool connect_once(struct cli *cli, struct error *err)
{
    if (cli->app || cli->http)
        return true;
    if (!find_server(cli, err))
        return false;
    if (cli->server.len) {
        struct http_login login = { .token = cli->token,
                                    .credential = cli->credential,
                                    .ca_file = cli->ca_file.len ? arena_cstr(cli->a, cli->ca_file)
                                                                : NULL };
        if (!http_open(cli->server, &login, &cli->http, err))
            return false;
        arena_defer(cli->a, close_http, cli->http);
        return true;
    }
    struct lake_options o = { .dir = cli->data_dir, .must_exist = !cli->command->makes_data };
    if (!app_open(&o, &cli->app, err))
        return false;
    app_trust_files(cli->app, true);
    arena_defer(cli->a, close_app, cli->app);
    return true;
}

static bool bar_drawn;

void progress_bar_clear(void)
{
    if (bar_drawn)
        fputs("\r\033[K", stderr);
    bar_drawn = false;
}

static void draw_bar(struct progress *p, const char *what, int64_t done, int64_t total)
{
    enum { WIDTH = 30 };
    (void)p;
    if (total <= 0) {
        fprintf(stderr, "\r\033[K  %s", what);
    } else {
        int filled = (int)(WIDTH * done / total);
        fprintf(stderr, "\r\033[K  [%.*s%*s] %s", filled, "##############################",
                WIDTH - filled, "", what);
    }
    fflush(stderr);
    bar_drawn = true;
}

/* Split as the listener splits what comes over the wire. */
static void split_path(str path, struct api_request *req)
{
    str_cut(path, '?', &req->path, &req->query);
}

static bool into_buf(void *ctx, str piece)
{
    buf_add_str(ctx, piece);
    return true;
}

static bool call_in_process(struct cli *cli, const char *method, str path, str body, api_sink sink,
                            void *ctx, int *status, struct error *err)
{
    struct progress bar = { draw_bar };
    struct api_request req = { .method = str_of(method),
                               .content_type = STR("application/json"),
                               .body = body,
                               .request_id = STR("cli"),
                               .arena = cli->a,
                               .progress = isatty(STDERR_FILENO) && !cli->quiet ? &bar : NULL,
                               .identity = &identity_system,
                               .in_process = true };
    struct api_answer answer;
    split_path(path, &req);
    api_answer_init(&answer);
    api_dispatch(cli->app, &req, &answer);
    progress_bar_clear();
    *status = answer.status;
    bool ok = true;
    if (answer.stream)
        ok = answer.stream(answer.stream_ctx, sink, ctx, err);
    else
        sink(ctx, buf_str(&answer.body));
    api_answer_deinit(&answer);
    return ok;
}

/* The status is known to the sink before the first piece. */
struct pieces {
    api_sink sink;
    void *ctx;
    int *status;
};

static bool pass_piece(void *ctx, int status, str piece)
{
    struct pieces *p = ctx;
    *p->status = status;
    return p->sink(p->ctx, piece);
}

static bool call_over_http(struct cli *cli, const char *method, str path, str body, api_sink sink,
                           void *ctx, int *status, struct error *err)
{
    struct pieces p = { sink, ctx, status };
    return http_stream(cli->http, method, path, body, status, pass_piece, &p, err);
}

static const enum err_code codes_by_status[] = { ERR_INVALID,     ERR_DENIED,     ERR_NOT_FOUND,
                                                 ERR_EXISTS,      ERR_LIMIT,      ERR_CANCELLED,
                                                 ERR_UNAVAILABLE, ERR_UNSUPPORTED };

static bool answer_error(int status, str text, struct arena *a, struct error *err)
{
    struct json *doc;
    struct error unreadable = { 0 };
    str message = { 0 }, hint = { 0 };
    enum err_code code = ERR_INTERNAL;
    for (size_t i = 0; i < sizeof codes_by_status / sizeof *codes_by_status; i++)
        if (err_http_status(codes_by_status[i]) == status)
            code = codes_by_status[i];
    if (status == 401 || status == 419)
        code = ERR_DENIED;
    if (status == 429)
        code = ERR_UNAVAILABLE;
    if (json_parse(text, a, &doc, &unreadable)) {
        const struct json *e = json_get(doc, "error"), *m = json_get(e, "message"),
                          *h = json_get(e, "hint");
        message = m && m->kind == JSON_STR ? m->s : (str){ 0 };
        hint = h && h->kind == JSON_STR ? h->s : (str){ 0 };
    }
    if (!message.len)
        return fail(err, code, "the server answered with status %d: " STR_FMT, status,
                    STR_ARG(str_sub(text, 0, 200)));
    fail(err, code, STR_FMT, STR_ARG(message));
    return hint.len ? fail_hint(err, STR_FMT, STR_ARG(hint)) : false;
}

/* Collects an answer, so that an error can be told from a document before anything is printed. */
static bool collect(struct cli *cli, const char *method, str path, str body, struct buf *out,
                    int *status, struct error *err)
{
    if (!connect_once(cli, err))
        return false;
    return cli->app ? call_in_process(cli, method, path, body, into_buf, out, status, err)
                    : call_over_http(cli, method, path, body, into_buf, out, status, err);
}

bool cli_call(struct cli *cli, const char *method, str path, str body, const struct json **out,
              struct error *err)
{
    struct buf *text = arena_new(cli->a, struct buf);
    struct json *doc;
    int status;
    buf_init(text, HTTP_BODY_MAX);
    buf_in_arena(text, cli->a);
    if (!collect(cli, method, path, body, text, &status, err))
        return false;
    if (status < 200 || status > 299)
        return answer_error(status, buf_str(text), cli->a, err);
    if (!json_parse(buf_str(text), cli->a, &doc, err))
        return fail_in(err, "the answer to %s " STR_FMT, method, STR_ARG(path));
    *out = doc;
    return true;
}

/* Passes pieces on as soon as the status is known to be good. */
struct raw {
    struct cli *cli;
    api_sink sink;
    void *ctx;
    int *status;
    struct buf error_text;
};

static bool pass_on(void *ctx, str piece)
{
    struct raw *r = ctx;
    if (*r->status >= 200 && *r->status <= 299)
        return r->sink(r->ctx, piece);
    buf_add_str(&r->error_text, piece);
    return true;
}

bool cli_call_raw(struct cli *cli, const char *method, str path, str body, api_sink sink, void *ctx,
                  struct error *err)
{
    int status = 0;
    struct raw raw = { cli, sink, ctx, &status, BUF_INIT(HTTP_BODY_MAX) };
    if (!connect_once(cli, err))
        return false;
    bool ok = cli->app ? call_in_process(cli, method, path, body, pass_on, &raw, &status, err)
                       : call_over_http(cli, method, path, body, pass_on, &raw, &status, err);
    if (ok && (status < 200 || status > 299))
        ok = answer_error(status, buf_str(&raw.error_text), cli->a, err);
    buf_deinit(&raw.error_text);
    return ok;
}

void print_json(const struct json *doc)
{
    struct buf text = BUF_INIT(HTTP_BODY_MAX);
    struct json_writer w;
    jw_init(&w, &text);
    w.pretty = true;
    jw_json(&w, doc);
    buf_add_char(&text, '\n');
    out_str(buf_str(&text));
    buf_deinit(&text);
}

void print_answer(const struct cli *cli, const struct json *doc, const struct print_column *columns)
{
    if (cli->json)
        print_json(doc);
    else
        print_object(doc, columns);
}

static void add_encoded(struct buf *out, str s)
{
    static const char hex[] = "0123456789ABCDEF";
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.ptr[i];
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                     c == '-' || c == '_' || c == '.' || c == '~';
        if (plain)
            buf_add_char(out, (char)c);
        else
            buf_add(out, (const char[]){ '%', hex[c >> 4], hex[c & 15] }, 3);
    }
}

struct buf *path_begin(struct cli *cli, const char *start)
{
    struct buf *path = arena_new(cli->a, struct buf);
    buf_init(path, PATH_BYTES_MAX);
    buf_in_arena(path, cli->a);
    buf_printf(path, "%s", start);
    return path;
}

void path_add_query(struct buf *path, const char *name, str value)
{
    if (!value.len)
        return;
    buf_printf(path, "%c%s=", str_find_char(buf_str(path), '?') < 0 ? '?' : '&', name);
    add_encoded(path, value);
}

void path_add_segment(struct buf *path, str segment)
{
    buf_add_char(path, '/');
    add_encoded(path, segment);
}

bool read_file(struct cli *cli, str path, size_t bytes_max, str *out, struct error *err)
{
    struct buf *text = arena_new(cli->a, struct buf);
    buf_init(text, bytes_max);
    buf_in_arena(text, cli->a);
    int fd =
        str_is(path, "-") ? STDIN_FILENO : open(arena_cstr(cli->a, path), O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return fail_errno(err, errno, "open " STR_FMT, STR_ARG(path));
    ssize_t n = 0;
    char *room;
    while ((room = buf_reserve(text, 65536)) && (n = read(fd, room, 65536)) > 0)
        text->len += (size_t)n;
    int saved = errno;
    if (fd != STDIN_FILENO)
        close(fd);
    if (n < 0)
        return fail_errno(err, saved, "read " STR_FMT, STR_ARG(path));
    *out = buf_str(text);
    return room || fail(err, ERR_LIMIT, STR_FMT " is larger than %zu bytes", STR_ARG(path),
                        bytes_max - 65536);
}

str absolute_path(struct cli *cli, str path)
{
    char *here = path.len && path.ptr[0] != '/' ? getcwd(NULL, 0) : NULL;
    str out = here ? arena_printf(cli->a, "%s/" STR_FMT, here, STR_ARG(path)) : path;
    free(here);
    return out;
}

static int by_name(const FTSENT **x, const FTSENT **y)
{
    return strcmp((*x)->fts_name, (*y)->fts_name);
}

static bool wanted(str name, const char *const *suffixes, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (str_ends(name, str_of(suffixes[i])))
            return true;
    return false;
}

bool read_tree(struct cli *cli, str dir, const char *const *suffixes, size_t suffixes_n,
               struct tree_file **out, size_t *n, struct error *err)
{
    char *const roots[] = { arena_cstr(cli->a, dir), NULL };
    VEC(struct tree_file) files = { 0 };
    struct stat st;
    bool ok = true;
    if (stat(roots[0], &st) != 0)
        return fail_errno(err, errno, "open the folder " STR_FMT, STR_ARG(dir));
    FTS *fts = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR, by_name);
    if (!fts)
        return fail_errno(err, errno, "open the folder " STR_FMT, STR_ARG(dir));
    for (FTSENT *e; ok && (e = fts_read(fts));) {
        if (e->fts_info == FTS_D && e->fts_level > 0 && e->fts_name[0] == '.')
            fts_set(fts, e, FTS_SKIP);
        if (e->fts_info != FTS_F || !wanted(str_of(e->fts_name), suffixes, suffixes_n))
            continue;
        struct tree_file *f = vec_push(cli->a, &files);
        str path = arena_str(cli->a, str_of(e->fts_path));
        f->path = e->fts_level == 0
                      ? path
                      : str_from(path, strlen(roots[0]) + (str_ends(dir, STR("/")) ? 0 : 1));
        ok = files.n <= TREE_FILES_MAX ? read_file(cli, path, TREE_FILE_BYTES_MAX, &f->text, err)
                                       : fail(err, ERR_LIMIT, "more than %d files below " STR_FMT,
                                              TREE_FILES_MAX, STR_ARG(dir));
    }
    fts_close(fts);
    *out = files.at;
    *n = files.n;
    return ok;
}

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st, (void)type, (void)ftw;
    return remove(path);
}

bool remove_tree(const char *dir)
{
    return nftw(dir, remove_entry, 32, FTW_DEPTH | FTW_PHYS) == 0;
}
