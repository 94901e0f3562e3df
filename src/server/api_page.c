/* SPDX-License-Identifier: Apache-2.0
 *
 * The first page and its parts, embedded by the build (cmake/embed.cmake). */
#include "server/answer_priv.h"
#include "page_files.h"

static bool send_file(struct api_answer *answer, str type, const unsigned char *bytes, size_t n)
{
    answer->content_type = type;
    buf_add(&answer->body, bytes, n);
    return true;
}

static bool page(struct app *app, struct api_request *req, struct api_answer *answer,
                 struct json_writer *w, struct error *err)
{
    (void)app, (void)req, (void)w, (void)err;
    return send_file(answer, STR("text/html; charset=utf-8"), page_html, page_html_size);
}

static bool script(struct app *app, struct api_request *req, struct api_answer *answer,
                   struct json_writer *w, struct error *err)
{
    (void)app, (void)req, (void)w, (void)err;
    return send_file(answer, STR("text/javascript; charset=utf-8"), page_js, page_js_size);
}

static bool style(struct app *app, struct api_request *req, struct api_answer *answer,
                  struct json_writer *w, struct error *err)
{
    (void)app, (void)req, (void)w, (void)err;
    return send_file(answer, STR("text/css; charset=utf-8"), page_css, page_css_size);
}

const struct route page_routes[] = {
    ROUTE("GET", "/", PERMISSION_PUBLIC, page, "The page"),
    ROUTE("GET", "/page.js", PERMISSION_PUBLIC, script, "The page's script"),
    ROUTE("GET", "/page.css", PERMISSION_PUBLIC, style, "The page's style"),
    { 0 },
};
