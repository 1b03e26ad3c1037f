/* SPDX-License-Identifier: Apache-2.0 */
/* mp: each form at its borders, the longer forms refused, every truncation, depth, and msgpack-c's
 * opinion. */
#include "tests/unit/edge.h"

#include "proto/mp.h"

#include <msgpack.h>

static void check_u64(uint64_t n, const char *hex)
{
    struct buf out, want;
    buf_init(&out, 100);
    buf_init(&want, 100);
    hex_read(&want, hex);
    mp_put_u64(&out, n);
    CHECK(hex, bytes_equal(buf_all(&out), buf_all(&want)));
    struct edge edge = edge_new(16);
    struct mp_in in = mp_over(edge_put(&edge, buf_all(&out)));
    CHECK(hex, mp_u64(&in) == n && in.ok && mp_end(&in));
    for (size_t cut = 0; cut < out.n; cut++) {
        in = mp_over(edge_put(&edge, (struct bytes){out.p, cut}));
        mp_u64(&in);
        CHECK(hex, !in.ok);
    }
    msgpack_unpacked oracle;
    msgpack_unpacked_init(&oracle);
    CHECK(hex, msgpack_unpack_next(&oracle, out.p, out.n, NULL) == MSGPACK_UNPACK_SUCCESS);
    CHECK(hex, oracle.data.type == MSGPACK_OBJECT_POSITIVE_INTEGER && oracle.data.via.u64 == n);
    msgpack_unpacked_destroy(&oracle);
    edge_free(&edge);
    buf_fini(&want);
    buf_fini(&out);
}

static void numbers(void **state)
{
    (void)state;
    check_u64(0, "00");
    check_u64(0x7f, "7f");
    check_u64(0x80, "cc80");
    check_u64(0xff, "ccff");
    check_u64(0x100, "cd0100");
    check_u64(0xffff, "cdffff");
    check_u64(0x10000, "ce00010000");
    check_u64(UINT32_MAX, "ceffffffff");
    check_u64(UINT64_C(0x100000000), "cf0000000100000000");
    check_u64(UINT64_MAX, "cfffffffffffffffff");
}

enum kind { STR, BIN, ARRAY };

static void put(struct buf *out, enum kind kind, struct bytes content)
{
    if (kind == STR)
        mp_put_str(out, content);
    else if (kind == BIN)
        mp_put_bin(out, content);
    else
        mp_put_array(out, (uint32_t)content.n);
}

/* The head of something with n bytes or elements in it; an array's are zeros. */
static void check_length(enum kind kind, size_t n, const char *head)
{
    struct buf out, want;
    struct edge edge = edge_new(n + 16);
    char *zeros = calloc(1, n + 1);
    struct bytes content = {zeros, n};
    buf_init(&out, n + 16);
    buf_init(&want, n + 16);
    hex_read(&want, head);
    size_t head_size = want.n;
    buf_bytes(&want, content);
    put(&out, kind, content);
    if (kind == ARRAY)
        buf_bytes(&out, content);
    CHECK(head, bytes_equal(buf_all(&out), buf_all(&want)));

    struct mp_in in = mp_over(edge_put(&edge, buf_all(&out)));
    if (kind == STR)
        CHECK(head, bytes_equal(mp_str(&in), content) && mp_end(&in));
    else if (kind == BIN)
        CHECK(head, bytes_equal(mp_bin(&in), content) && mp_end(&in));
    else
        CHECK(head, mp_array(&in) == n);
    CHECK(head, in.ok);
    in = mp_over(edge_put(&edge, buf_all(&out)));
    mp_skip(&in);
    CHECK(head, in.ok && mp_end(&in));
    for (size_t cut = 0; cut < out.n;
         cut += cut < head_size || out.n - cut < 3 ? 1 : (out.n - cut) / 2) {
        in = mp_over(edge_put(&edge, (struct bytes){out.p, cut}));
        mp_skip(&in);
        CHECK(head, !in.ok);
    }
    msgpack_unpacked oracle;
    msgpack_unpacked_init(&oracle);
    CHECK(head, msgpack_unpack_next(&oracle, out.p, out.n, NULL) == MSGPACK_UNPACK_SUCCESS);
    CHECK(head, oracle.data.type == (kind == STR   ? MSGPACK_OBJECT_STR
                                     : kind == BIN ? MSGPACK_OBJECT_BIN
                                                   : MSGPACK_OBJECT_ARRAY));
    CHECK(head, oracle.data.via.array.size == n); /* all three have their size there */
    msgpack_unpacked_destroy(&oracle);
    free(zeros);
    edge_free(&edge);
    buf_fini(&want);
    buf_fini(&out);
}

static void lengths(void **state)
{
    (void)state;
    check_length(STR, 0, "a0");
    check_length(STR, 31, "bf");
    check_length(STR, 32, "d920");
    check_length(STR, 255, "d9ff");
    check_length(STR, 256, "da0100");
    check_length(STR, 65535, "daffff");
    check_length(STR, 65536, "db00010000");
    check_length(BIN, 0, "c400");
    check_length(BIN, 255, "c4ff");
    check_length(BIN, 256, "c50100");
    check_length(BIN, 65535, "c5ffff");
    check_length(BIN, 65536, "c600010000");
    check_length(ARRAY, 0, "90");
    check_length(ARRAY, 15, "9f");
    check_length(ARRAY, 16, "dc0010");
    check_length(ARRAY, 65535, "dcffff");
    check_length(ARRAY, 65536, "dd00010000");
}

static bool skips(const struct edge *edge, struct bytes bytes)
{
    struct mp_in in = mp_over(edge_put(edge, bytes));
    mp_skip(&in);
    return in.ok;
}

/* With zeros behind, enough for any of the lengths, so that only the form can be what is wrong. */
static void longer_forms_and_other_types_are_refused(void **state)
{
    (void)state;
    static const char *const table[] = {
        "cc7f",   "cc00",       "cd00ff",     "ce0000ffff", "cf00000000ffffffff", /* numbers */
        "d91f",   "d900",       "da00ff",     "db0000ffff",                       /* str */
        "c500ff", "c60000ffff",                                                   /* bin */
        "dc000f", "dc0000",     "dd0000ffff",                                     /* array */
        "c0",     "c1",         "c2",         "c3",         "ff",
        "e0",     "d0",         "d1",         "d2",         "d3",
        "ca",     "cb",         "80",         "81",         "8f",
        "de",     "df",         "c7",         "c8",         "c9",
        "d4",     "d5",         "d6",         "d7",         "d8", /* what we do not use */
    };
    static char padded[70000];
    struct edge edge = edge_new(sizeof padded);
    struct buf head;
    buf_init(&head, 100);
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        buf_reset(&head);
        hex_read(&head, table[i]);
        memset(padded, 0, sizeof padded);
        memcpy(padded, head.p, head.n);
        CHECK(table[i], !skips(&edge, (struct bytes){padded, sizeof padded}));
    }
    buf_fini(&head);
    edge_free(&edge);
}

static void lengths_that_are_not_there_are_refused(void **state)
{
    (void)state;
    struct edge edge = edge_new(100);
    assert_false(skips(&edge, BYTES("\xdb\xff\xff\xff\xff")));
    assert_false(skips(&edge, BYTES("\xc6\xff\xff\xff\xff"
                                    "abc")));
    assert_false(skips(&edge, BYTES("\xdd\xff\xff\xff\xff\x05\x05")));
    assert_false(skips(&edge, BYTES("\xa1")));
    assert_false(skips(&edge, BYTES("\xc4\x01")));
    assert_false(skips(&edge, BYTES("\x91")));
    assert_false(skips(&edge, BYTES("\x92\x05")));
    edge_free(&edge);
}

static void each_reader_takes_its_own_type(void **state)
{
    (void)state;
    static const char *const table[] = {"05", "a161", "c40161", "9105"};
    struct buf text;
    buf_init(&text, 100);
    for (unsigned i = 0; i < 4; i++) {
        buf_reset(&text);
        hex_read(&text, table[i]);
        struct mp_in in = mp_over(buf_all(&text));
        mp_u64(&in);
        CHECK(table[i], in.ok == (i == 0));
        in = mp_over(buf_all(&text));
        mp_str(&in);
        CHECK(table[i], in.ok == (i == 1));
        in = mp_over(buf_all(&text));
        mp_bin(&in);
        CHECK(table[i], in.ok == (i == 2));
        in = mp_over(buf_all(&text));
        mp_array(&in);
        CHECK(table[i], in.ok == (i == 3));
    }
    buf_fini(&text);
}

static void a_failure_stays(void **state)
{
    (void)state;
    struct mp_in in = mp_over(BYTES("\xc0\x05\x05"));
    mp_u64(&in);
    assert_false(in.ok);
    assert_int_equal(mp_u64(&in), 0);
    assert_int_equal(mp_str(&in).n, 0);
    assert_false(in.ok);
    assert_true(mp_end(&in));
}

static void skips_arrays_to_depth_8(void **state)
{
    (void)state;
    char deep[100000];
    memset(deep, '\x91', sizeof deep);
    for (size_t depth = 1; depth < 20; depth++) {
        deep[depth] = 0x05;
        struct mp_in in = mp_over((struct bytes){deep, depth + 1});
        mp_skip(&in);
        assert_int_equal(in.ok, depth <= 8);
        deep[depth] = '\x91';
    }
    struct mp_in in = mp_over((struct bytes){deep, sizeof deep});
    mp_skip(&in);
    assert_false(in.ok);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers),
        cmocka_unit_test(lengths),
        cmocka_unit_test(longer_forms_and_other_types_are_refused),
        cmocka_unit_test(lengths_that_are_not_there_are_refused),
        cmocka_unit_test(each_reader_takes_its_own_type),
        cmocka_unit_test(a_failure_stays),
        cmocka_unit_test(skips_arrays_to_depth_8),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
