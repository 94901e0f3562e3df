/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/digest.h"

#include "test.h"

static str sha(str s)
{
    struct sha256 d = sha256_of(s);
    return sha256_format(&d, arena_alloc(test_arena(), SHA256_TEXT_LEN + 1));
}

TEST(sha256_of_known_texts)
{
    CHECK_STR(sha(STR("")), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    CHECK_STR(sha(STR("abc")), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    struct sha256 d = sha256_of_parts((str[]){ STR("a"), STR(""), STR("bc") }, 3);
    char text[SHA256_TEXT_LEN + 1];
    CHECK(str_eq(sha256_format(&d, text), sha(STR("abc"))));
}

/* RFC 4231, test case 2. */
TEST(hmac_of_a_known_text)
{
    struct sha256 d = hmac_sha256(STR("Jefe"), STR("what do ya want for nothing?"));
    char text[SHA256_TEXT_LEN + 1];
    CHECK_STR(sha256_format(&d, text),
              "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    d = hmac_sha256(STR(""), STR(""));
    CHECK_STR(sha256_format(&d, text),
              "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
}

TEST(hex)
{
    str out;
    struct arena *a = test_arena();
    CHECK_STR(hex_encode(STR("\x00\xff\x1a"), a), "00ff1a");
    CHECK(hex_decode(STR("00Ff1A"), a, &out) && str_eq(out, STR("\x00\xff\x1a")));
    CHECK(hex_decode(STR(""), a, &out) && out.len == 0);
    CHECK(!hex_decode(STR("0"), a, &out) && !hex_decode(STR("0g"), a, &out));
    CHECK(!hex_decode(STR("0\x10"), a, &out) && !hex_decode(STR(" 0"), a, &out));
}

/* RFC 4648, section 10, and the bytes that tell the two alphabets apart. */
TEST(base64)
{
    static const char *const pairs[][2] = {
        { "", "" },
        { "f", "Zg==" },
        { "fo", "Zm8=" },
        { "foo", "Zm9v" },
        { "foob", "Zm9vYg==" },
        { "fooba", "Zm9vYmE=" },
        { "foobar", "Zm9vYmFy" },
    };
    str out;
    struct arena *a = test_arena();
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        str plain = str_of(pairs[i][0]), text = str_of(pairs[i][1]);
        CHECK_STR(base64_encode(plain, a), pairs[i][1]);
        CHECK(base64_decode(text, a, &out) && str_eq(out, plain));
        CHECK(base64url_decode(base64url_encode(plain, a), a, &out) && str_eq(out, plain));
    }
    CHECK_STR(base64_encode(STR("\xfb\xff"), a), "+/8=");
    CHECK_STR(base64url_encode(STR("\xfb\xff"), a), "-_8");
    static const char *const bad[] = { "Z",    "Zg", "Zg=",      "Zh==", "Zm9=",   "Z===",
                                       "====", "=",  "Zg==Zg==", "Zm 9", "Zm9v\n", "-_8=" };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        CHECK(!base64_decode(str_of(bad[i]), a, &out));
    CHECK(!base64url_decode(STR("+/8"), a, &out) && !base64url_decode(STR("-_8="), a, &out));
    CHECK(!base64url_decode(STR("-_9"), a, &out) && !base64url_decode(STR("A"), a, &out));
}

TEST(random_bytes_survive_base64)
{
    struct rand r;
    rand_init(&r, test_seed());
    for (size_t n = 0; n < 200; n++) {
        char bytes[200];
        str out;
        rand_bytes(&r, bytes, n);
        str in = str_make(bytes, n);
        CHECK(base64_decode(base64_encode(in, test_arena()), test_arena(), &out));
        CHECK(str_eq(in, out));
        CHECK(hex_decode(hex_encode(in, test_arena()), test_arena(), &out));
        CHECK(str_eq(in, out));
    }
}

TEST(secrets_are_compared)
{
    CHECK(bytes_equal_secret(STR("abc"), STR("abc")) && bytes_equal_secret(STR(""), (str){ 0 }));
    CHECK(!bytes_equal_secret(STR("abc"), STR("abd")) &&
          !bytes_equal_secret(STR("ab"), STR("abc")));
}

/* RFC 7914, section 11 (the first 32 bytes), and what Python's hashlib gives for a key longer than a block. */
TEST(pbkdf2)
{
    static const struct {
        const char *secret, *salt;
        uint32_t rounds;
        const char *want;
    } cases[] = {
        { "passwd", "salt", 1, "55ac046e56e3089fec1691c22544b605f94185216dde0465e68b9d57c20dacbc" },
        { "Password", "NaCl", 80000,
          "4ddcd8f60b98be21830cee5ef22701f9641a4418d04c0414aeff08876b34ab56" },
        { "", "", 2, "97398411d6aea43a77acef92226ab8278d4db0668bd1d7a76a725f7680ac45c5" },
        { "0123456789012345678901234567890123456789012345678901234567890123456789", "salt", 3,
          "c79f5fe672a318996512eff680f28bd5f117edddf0f6dbc4550053d076fcdc68" },
    };
    char text[SHA256_TEXT_LEN + 1];
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct sha256 d =
            pbkdf2_sha256(str_of(cases[i].secret), str_of(cases[i].salt), cases[i].rounds);
        CHECK_STR(sha256_format(&d, text), cases[i].want);
    }
}
