/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FIRN_ENGINE_SESSION_PRIV_H
#define FIRN_ENGINE_SESSION_PRIV_H

struct arena;
struct session;
struct type;

/* Lives as long as the session. */
struct arena *session_arena(struct session *s);

/* Where files may be made that go with the session; NULL: nowhere. */
const char *session_temp_directory(const struct session *s);

/* A primitive type in another arena. */
const struct type *type_copy_plain(const struct type *t, struct arena *a);

#endif
