/* SPDX-License-Identifier: Apache-2.0
 *
 * What a commit requires of the table that it changes.  The texts of failures are those of the reference implementation, because
 * clients compare them. */
#include "iceberg/update.h"

#include <inttypes.h>

/* The member that carries the id, for the requirements that only compare one. */
static const struct {
    const char *type, *member, *what;
} requirement_names[REQUIREMENT_KINDS] = {
    [REQUIRE_CREATE] = { "assert-create", NULL, NULL },
    [REQUIRE_UUID] = { "assert-table-uuid", NULL, NULL },
    [REQUIRE_REF_SNAPSHOT_ID] = { "assert-ref-snapshot-id", NULL, NULL },
    [REQUIRE_LAST_COLUMN_ID] = { "assert-last-assigned-field-id", "last-assigned-field-id",
                                 "last assigned field id" },
    [REQUIRE_CURRENT_SCHEMA_ID] = { "assert-current-schema-id", "current-schema-id",
                                    "current schema" },
    [REQUIRE_LAST_PARTITION_ID] = { "assert-last-assigned-partition-id",
                                    "last-assigned-partition-id", "last assigned partition id" },
    [REQUIRE_DEFAULT_SPEC_ID] = { "assert-default-spec-id", "default-spec-id",
                                  "default partition spec" },
    [REQUIRE_DEFAULT_ORDER_ID] = { "assert-default-sort-order-id", "default-sort-order-id",
                                   "default sort order" },
};

struct table_requirement require_ref(str name, int64_t snapshot_id)
{
    return (struct table_requirement){ .kind = REQUIRE_REF_SNAPSHOT_ID,
                                       .ref = name,
                                       .snapshot_id = snapshot_id };
}

struct table_requirement require_uuid(str uuid)
{
    return (struct table_requirement){ .kind = REQUIRE_UUID, .uuid = uuid };
}

static bool parse_members(const struct json *json, struct table_requirement *out, struct error *err)
{
    switch (out->kind) {
    case REQUIRE_CREATE:
        return true;
    case REQUIRE_UUID:
        return json_need_str(json, "uuid", &out->uuid, err);
    case REQUIRE_REF_SNAPSHOT_ID:
        return json_need_str(json, "ref", &out->ref, err) &&
               json_opt_int(json, "snapshot-id", SNAPSHOT_NONE, &out->snapshot_id, err);
    default:
        return json_need_i32(json, requirement_names[out->kind].member, &out->id, err);
    }
}

bool table_requirement_parse(const struct json *json, struct arena *a,
                             struct table_requirement *out, struct error *err)
{
    str type;
    *out = (struct table_requirement){ 0 };
    if (!json_need_str(json, "type", &type, err))
        return fail_in(err, "requirement");
    for (enum requirement_kind k = 0; k < REQUIREMENT_KINDS; k++) {
        if (!str_is(type, requirement_names[k].type))
            continue;
        out->kind = k;
        if (!parse_members(json, out, err))
            return fail_in(err, "%s", requirement_names[k].type);
        out->uuid = arena_str(a, out->uuid);
        out->ref = arena_str(a, out->ref);
        return true;
    }
    return fail(err, ERR_UNSUPPORTED, "unknown requirement \"" STR_FMT "\"", STR_ARG(type));
}

void table_requirement_write(const struct table_requirement *r, struct json_writer *w)
{
    jw_begin_object(w);
    jw_kv_str(w, "type", str_of(requirement_names[r->kind].type));
    if (r->kind == REQUIRE_UUID)
        jw_kv_str(w, "uuid", r->uuid);
    if (r->kind == REQUIRE_REF_SNAPSHOT_ID) {
        jw_kv_str(w, "ref", r->ref);
        if (r->snapshot_id == SNAPSHOT_NONE)
            jw_kv_null(w, "snapshot-id");
        else
            jw_kv_int(w, "snapshot-id", r->snapshot_id);
    }
    if (requirement_names[r->kind].member)
        jw_kv_int(w, requirement_names[r->kind].member, r->id);
    jw_end_object(w);
}

static bool check_ref(const struct table_requirement *r, const struct metadata *m,
                      struct error *err)
{
    const struct snapshot_ref *ref = metadata_ref(m, r->ref);
    if (r->snapshot_id == SNAPSHOT_NONE)
        return !ref || fail(err, ERR_CONFLICT,
                            "Requirement failed: %s " STR_FMT " was created concurrently",
                            ref->kind == REF_TAG ? "tag" : "branch", STR_ARG(r->ref));
    if (!ref)
        return fail(err, ERR_CONFLICT,
                    "Requirement failed: branch or tag " STR_FMT " is missing, expected %" PRId64,
                    STR_ARG(r->ref), r->snapshot_id);
    return ref->snapshot_id == r->snapshot_id ||
           fail(err, ERR_CONFLICT,
                "Requirement failed: %s " STR_FMT " has changed: expected id %" PRId64
                " != %" PRId64,
                ref->kind == REF_TAG ? "tag" : "branch", STR_ARG(r->ref), r->snapshot_id,
                ref->snapshot_id);
}

static int32_t current_id(enum requirement_kind kind, const struct metadata *m)
{
    switch (kind) {
    case REQUIRE_LAST_COLUMN_ID:
        return m->last_column_id;
    case REQUIRE_CURRENT_SCHEMA_ID:
        return m->current_schema_id;
    case REQUIRE_LAST_PARTITION_ID:
        return m->last_partition_id;
    case REQUIRE_DEFAULT_SPEC_ID:
        return m->default_spec_id;
    default:
        return m->default_order_id;
    }
}

static bool check_one(const struct table_requirement *r, const struct metadata *m,
                      struct error *err)
{
    if (r->kind == REQUIRE_CREATE)
        return !m || fail(err, ERR_EXISTS, "Requirement failed: table already exists");
    if (!m)
        return fail(err, ERR_NOT_FOUND, "the table does not exist");
    if (r->kind == REQUIRE_UUID)
        return str_eq_nocase(r->uuid, m->uuid) ||
               fail(err, ERR_CONFLICT,
                    "Requirement failed: UUID does not match: expected " STR_FMT " != " STR_FMT,
                    STR_ARG(m->uuid), STR_ARG(r->uuid));
    if (r->kind == REQUIRE_REF_SNAPSHOT_ID)
        return check_ref(r, m, err);
    int32_t found = current_id(r->kind, m);
    return found == r->id ||
           fail(err, ERR_CONFLICT, "Requirement failed: %s changed: expected id %d != %d",
                requirement_names[r->kind].what, r->id, found);
}

bool requirements_check(const struct table_requirement *r, size_t n, const struct metadata *m,
                        struct error *err)
{
    for (size_t i = 0; i < n; i++)
        if (!check_one(&r[i], m, err))
            return false;
    return true;
}
