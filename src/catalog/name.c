/* SPDX-License-Identifier: Apache-2.0 */
#include "catalog/name.h"

/* Patterns and variables of policies, grants and clients, and "$", after which a metadata table is named. */
#define PATTERNS "\\*?[]${}"
/* What paths, URLs and shells take as special: allowed in names, and written otherwise in folders (name_folder). */
#define SPECIAL "/%#:;\"'`<>|"
#define FOLDER_BYTES_MAX 200 /* with "-<uuid>" a path component, which file systems end at 255 */

/* Control characters: C0, DEL, and C1 as UTF-8 writes them. */
static bool is_control(str s, size_t i)
{
    unsigned char c = (unsigned char)s.ptr[i];
    if (c < 0x20 || c == 0x7f)
        return true;
    return c == 0xc2 && i + 1 < s.len && (unsigned char)s.ptr[i + 1] < 0xa0;
}

static bool check_bytes(str name, const char *refused, struct error *err)
{
    for (size_t i = 0; i < name.len; i++) {
        if (is_control(name, i))
            return fail(err, ERR_INVALID, "name holds a control character at byte %zu", i);
        if (strchr(refused, name.ptr[i]))
            return fail(err, ERR_INVALID, "name \"" STR_FMT "\" holds '%c'", STR_ARG(name),
                        name.ptr[i]);
    }
    return true;
}

/* "a/../b" is a name that leads somewhere for whoever makes a path of it. */
static bool check_segments(str name, struct error *err)
{
    str rest = name, segment;
    while (str_next(&rest, '/', &segment))
        if (segment.len == 0 || segment.ptr[0] == '.')
            return fail(err, ERR_INVALID,
                        "name \"" STR_FMT "\" has a part between slashes that is empty or begins "
                        "with a dot",
                        STR_ARG(name));
    return true;
}

static bool check(str name, const char *refused, struct error *err)
{
    if (name.len == 0)
        return fail(err, ERR_INVALID, "name is empty");
    if (name.len > NAME_BYTES_MAX)
        return fail(err, ERR_INVALID, "name of %zu bytes is longer than %d", name.len,
                    NAME_BYTES_MAX);
    if (!str_is_utf8(name))
        return fail(err, ERR_INVALID, "name is not valid UTF-8");
    if (!check_bytes(name, refused, err))
        return false;
    char first = name.ptr[0], last = name.ptr[name.len - 1];
    if (first == '.' || first == ' ' || last == ' ')
        return fail(err, ERR_INVALID,
                    "name \"" STR_FMT "\" begins with a dot or a space or ends with a space",
                    STR_ARG(name));
    return check_segments(name, err);
}

bool name_check(str name, struct error *err)
{
    return check(name, PATTERNS, err);
}

bool name_check_plain(str name, struct error *err)
{
    return check(name, PATTERNS SPECIAL, err);
}

str name_folder(str name, struct arena *a)
{
    static const char digits[] = "0123456789abcdef";
    char *out = arena_alloc(a, 3 * name.len + 1);
    size_t n = 0, end = 0;
    for (size_t i = 0; i < name.len; i++) {
        unsigned char c = (unsigned char)name.ptr[i];
        if (memchr(SPECIAL, c, sizeof SPECIAL - 1)) {
            out[n++] = '~';
            out[n++] = digits[c >> 4];
            out[n++] = digits[c & 15];
        } else {
            out[n++] = (char)c;
        }
        if (n <= FOLDER_BYTES_MAX && (i + 1 == name.len || (name.ptr[i + 1] & 0xc0) != 0x80))
            end = n; /* whole characters */
    }
    while (end > 1 && out[end - 1] == ' ')
        end--;
    return str_make(out, end);
}

bool ns_check(str ns, struct error *err)
{
    size_t levels = 0;
    str rest = ns, level;
    while (str_next(&rest, NS_SEP, &level)) {
        if (++levels > NS_LEVELS_MAX)
            return fail(err, ERR_INVALID, "namespace has more than %d levels", NS_LEVELS_MAX);
        if (!name_check(level, err))
            return fail_in(err, "namespace");
    }
    if (levels == 0)
        return fail(err, ERR_INVALID, "namespace is empty");
    return true;
}

/* How long the quoted part is that the text begins with; 0: the part has no quotes, or they do not enclose it. */
static size_t quoted_len(str text)
{
    if (!str_starts(text, STR("\"")))
        return 0;
    for (size_t i = 1; i < text.len; i++) {
        if (text.ptr[i] != '"')
            continue;
        if (i + 1 < text.len && text.ptr[i + 1] == '"')
            i++;
        else
            return i + 1 == text.len || text.ptr[i + 1] == '.' ? i + 1 : 0;
    }
    return 0;
}

/* The value of the part at the front of *text goes to `out`, and *text to behind the dot after it; false: it was the last. */
static bool next_part(str *text, char *out, size_t *n)
{
    size_t quoted = quoted_len(*text), end = quoted;
    while (!quoted && end < text->len && text->ptr[end] != '.')
        end++;
    for (size_t i = quoted > 0; i < end - (quoted > 0); i++) {
        out[(*n)++] = text->ptr[i];
        i += quoted && text->ptr[i] == '"'; /* the second of two */
    }
    bool more = end < text->len;
    *text = str_from(*text, end + more);
    return more;
}

str ns_from_dotted(str dotted, struct arena *a)
{
    char *out = arena_alloc(a, dotted.len + 1);
    size_t n = 0;
    while (next_part(&dotted, out, &n))
        out[n++] = NS_SEP;
    return str_make(out, n);
}

#define PART_GROWTH                                                                                \
    5 /* bytes of text a byte of levels takes at the most: quoted, with the dot before it */

static void put_part(str part, char *out, size_t *n)
{
    bool quotes = str_starts(part, STR("\"")) || str_find_char(part, '.') >= 0;
    if (quotes)
        out[(*n)++] = '"';
    for (size_t i = 0; i < part.len; i++) {
        out[(*n)++] = part.ptr[i];
        if (quotes && part.ptr[i] == '"')
            out[(*n)++] = '"';
    }
    if (quotes)
        out[(*n)++] = '"';
}

str ns_to_text(str ns, struct arena *a)
{
    return name_to_text(ns, (str){ 0 }, a);
}

str name_to_text(str ns, str name, struct arena *a)
{
    char *out = arena_alloc_array(a, ns.len + name.len + 2, PART_GROWTH);
    size_t n = 0;
    str level;
    while (str_next(&ns, NS_SEP, &level)) {
        put_part(level, out, &n);
        if (ns.ptr || name.len)
            out[n++] = '.';
    }
    put_part(name, out, &n);
    return str_make(out, n);
}

bool name_split(str dotted, struct arena *a, str *ns, str *name, struct error *err)
{
    char *out = arena_alloc(a, dotted.len + 1);
    size_t n = 0, last = 0;
    str rest = dotted;
    while (next_part(&rest, out, &n)) {
        out[n++] = NS_SEP;
        last = n;
    }
    if (last == 0) {
        fail(err, ERR_INVALID, "\"" STR_FMT "\" names no namespace", STR_ARG(dotted));
        return fail_hint(err, "write namespace.table");
    }
    *ns = str_make(out, last - 1);
    *name = str_make(out + last, n - last);
    return ns_check(*ns, err) && name_check(*name, err);
}

str ns_parent(str ns)
{
    ptrdiff_t sep = str_rfind_char(ns, NS_SEP);
    return sep < 0 ? (str){ 0 } : str_sub(ns, 0, (size_t)sep);
}

str ns_last(str ns)
{
    ptrdiff_t sep = str_rfind_char(ns, NS_SEP);
    return sep < 0 ? ns : str_from(ns, (size_t)sep + 1);
}
