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

static str replace(str s, char from, char to, struct arena *a)
{
    char *out = arena_cstr(a, s);
    for (size_t i = 0; i < s.len; i++)
        if (out[i] == from)
            out[i] = to;
    return (str){ out, s.len };
}

str ns_from_dotted(str dotted, struct arena *a)
{
    return replace(dotted, '.', NS_SEP, a);
}

str ns_to_text(str ns, struct arena *a)
{
    return replace(ns, NS_SEP, '.', a);
}

str name_to_text(str ns, str name, struct arena *a)
{
    str text = ns_to_text(ns, a);
    return name.len ? arena_printf(a, STR_FMT "." STR_FMT, STR_ARG(text), STR_ARG(name)) : text;
}

bool name_split(str dotted, struct arena *a, str *ns, str *name, struct error *err)
{
    ptrdiff_t dot = str_rfind_char(dotted, '.');
    if (dot < 0) {
        fail(err, ERR_INVALID, "\"" STR_FMT "\" names no namespace", STR_ARG(dotted));
        return fail_hint(err, "write namespace.table");
    }
    *ns = ns_from_dotted(str_sub(dotted, 0, (size_t)dot), a);
    *name = str_from(dotted, (size_t)dot + 1);
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
