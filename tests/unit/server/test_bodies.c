/* SPDX-License-Identifier: Apache-2.0 */
#include "server/bodies.h"

#include <math.h>

#include "test.h"

TEST(sql_bodies)
{
    struct error err = { 0 };
    struct sql_body b;
    CHECK_OK(sql_body_parse(
        STR("{\"sql\":\"SELECT $1\",\"params\":[1,\"x\",null,true,2.5,-9007199254740993],\"format\":\"csv\",\"max_rows\":5,\"timeout_ms\":0}"),
        test_arena(), &b, &err));
    CHECK_STR(b.sql, "SELECT $1");
    CHECK_INT(b.format, SQL_CSV);
    CHECK_INT(b.params_n, 6);
    CHECK_STR(b.params[0], "1");
    CHECK_STR(b.params[1], "x");
    CHECK(b.params[2].ptr == NULL);
    CHECK_STR(b.params[3], "true");
    CHECK_STR(b.params[4], "2.5");
    CHECK_STR(b.params[5], "-9007199254740993");
    CHECK_INT(b.timeout_ms, 0);
    CHECK_OK(sql_body_parse(STR("{\"sql\":\"\",\"params\":[\"\"]}"), test_arena(), &b, &err));
    CHECK(b.params[0].ptr != NULL);
    CHECK_INT(b.timeout_ms, -1);
    CHECK_INT(b.format, SQL_JSON);
}

TEST(wrong_sql_bodies_say_what_is_wrong)
{
    static const char *const bad[] = {
        "",
        "[]",
        "{",
        "{\"sql\":1}",
        "{}",
        "{\"sql\":\"x\",\"sq\":1}",
        "{\"sql\":\"x\",\"format\":\"xml\"}",
        "{\"sql\":\"x\",\"params\":{}}",
        "{\"sql\":\"x\",\"params\":[[1]]}",
        "{\"sql\":\"x\",\"max_rows\":-1}",
        "{\"sql\":\"x\",\"timeout_ms\":-2}",
        "{\"sql\":\"x\",\"timeout_ms\":99999999999}",
        "{\"sql\":\"x\",\"format\":\"parquet\"}",
        "{\"sql\":\"x\",\"out\":\"/x\"}",
        "{\"sql\":\"x\",\"sql\":\"y\"}",
    };
    struct error err = { 0 };
    struct sql_body b;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        CHECK_FAILS(sql_body_parse(str_of(bad[i]), test_arena(), &b, &err), ERR_INVALID);
        CHECK(*err.msg);
    }
}

TEST(plans_name_a_table_or_a_file)
{
    struct error err = { 0 };
    struct plan_body b;
    CHECK_OK(
        plan_body_parse(STR("{\"table\":\"a.b\",\"filter\":\"x > 1\"}"), test_arena(), &b, &err));
    CHECK_FAILS(plan_body_parse(STR("{}"), test_arena(), &b, &err), ERR_INVALID);
    CHECK_FAILS(
        plan_body_parse(STR("{\"table\":\"a.b\",\"metadata\":\"/x\"}"), test_arena(), &b, &err),
        ERR_INVALID);
}

TEST(tensors_flat_and_nested_read_the_same)
{
    struct error err = { 0 };
    struct infer_body flat, nested;
    CHECK_OK(infer_body_parse(
        STR("{\"id\":\"7\",\"inputs\":[{\"name\":\"x\",\"shape\":[2,3],\"datatype\":\"FP32\",\"data\":[1,2,3,4,null,true]}],\"outputs\":[{\"name\":\"predict\",\"parameters\":{}}]}"),
        test_arena(), &flat, &err));
    CHECK_OK(infer_body_parse(
        STR("{\"inputs\":[{\"data\":[[1,2,3],[4,null,1]],\"datatype\":\"FP64\",\"shape\":[2,3],\"name\":\"x\",\"parameters\":{\"a\":1}}]}"),
        test_arena(), &nested, &err));
    CHECK_STR(flat.id, "7");
    CHECK_INT(flat.outputs_n, 1);
    CHECK_STR(flat.outputs[0], "predict");
    CHECK_INT(flat.inputs[0].n, 6);
    CHECK_INT(nested.inputs[0].n, 6);
    for (size_t i = 0; i < 6; i++)
        CHECK(flat.inputs[0].values[i] == nested.inputs[0].values[i] ||
              (i == 4 && isnan(flat.inputs[0].values[i]) && isnan(nested.inputs[0].values[i])));
}

TEST(wrong_tensors_are_refused)
{
#define INPUT(members) "{\"inputs\":[{" members "}]}"
    static const char *const bad[] = {
        "{}",
        "{\"inputs\":[]}",
        "{\"inputs\":{}}",
        INPUT("\"name\":\"x\",\"shape\":[1],\"datatype\":\"FP32\""),
        INPUT("\"name\":\"x\",\"shape\":[1],\"data\":[1]"),
        INPUT("\"name\":\"x\",\"datatype\":\"FP32\",\"data\":[1]"),
        INPUT("\"shape\":[1],\"datatype\":\"FP32\",\"data\":[1]"),
        INPUT("\"name\":\"x\",\"shape\":[2],\"datatype\":\"FP32\",\"data\":[1]"),
        INPUT("\"name\":\"x\",\"shape\":[1],\"datatype\":\"FP32\",\"data\":[1,2]"),
        INPUT("\"name\":\"x\",\"shape\":[-1],\"datatype\":\"FP32\",\"data\":[1]"),
        INPUT("\"name\":\"x\",\"shape\":[1],\"datatype\":\"FP31\",\"data\":[1]"),
        INPUT("\"name\":\"x\",\"shape\":[1],\"datatype\":\"FP32\",\"data\":[\"1\"]"),
        INPUT("\"name\":\"x\",\"shape\":[1],\"datatype\":\"FP32\",\"data\":1"),
        INPUT(
            "\"name\":\"x\",\"shape\":[4294967296,4294967296,4294967296],\"datatype\":\"FP32\",\"data\":[]"),
        INPUT("\"name\":\"x\",\"shape\":[1,1,1,1,1,1,1,1,1],\"datatype\":\"FP32\",\"data\":[1]"),
        INPUT("\"name\":\"x\",\"shape\":[1],\"datatype\":\"FP32\",\"data\":[[[[[[[[[1]]]]]]]]]"),
    };
    struct error err = { 0 };
    struct infer_body b;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        CHECK_FAILS(infer_body_parse(str_of(bad[i]), test_arena(), &b, &err), ERR_INVALID);
}

/* Every beginning of a good body is an error, never a crash or a success. */
TEST(bodies_cut_short_are_errors)
{
    str whole =
        STR("{\"inputs\":[{\"name\":\"x\",\"shape\":[2],\"datatype\":\"FP32\",\"data\":[1.5,2]}]}");
    for (size_t n = 0; n < whole.len; n++) {
        struct error err = { 0 };
        struct infer_body b;
        char *copy = arena_cstr(test_arena(), str_sub(whole, 0, n));
        CHECK_FAILS(infer_body_parse(str_make(copy, n), test_arena(), &b, &err), ERR_INVALID);
    }
}
