/* SPDX-License-Identifier: Apache-2.0 */
/* A cursor comes back as it went out, or is none: whatever byte of it or of the question is changed. */
#include "tests/unit/edge.h"

#include "session/http/cursor.h"

static struct arena scratch;
static const struct msg_snapshot question = {
    .user = {"ann", 3}, .status = 1, .type = 3, .category = {"work", 4}};

static struct bytes written(struct buf *out, uint64_t next)
{
    buf_reset(out);
    cursor_write(out, &question, next, BYTES("key"));
    return (struct bytes){out->p + 1, out->n - 2}; /* without its quotes */
}

static bool reads(struct bytes text, struct msg_snapshot page, const char *key)
{
    arena_reset(&scratch);
    page.before = 1;
    return cursor_read(text, &page, bytes_of(key), &scratch);
}

static void comes_back(void **state)
{
    (void)state;
    static const uint64_t rows[] = {1, 2, 255, 256, UINT64_C(1) << 53};
    struct buf out;
    buf_init(&out, 1000);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct msg_snapshot page = question;
        arena_reset(&scratch);
        assert_true(cursor_read(written(&out, rows[i]), &page, BYTES("key"), &scratch));
        assert_true(page.before == rows[i]);
    }
    buf_reset(&out);
    cursor_write(&out, &question, 0, BYTES("key"));
    assert_true(bytes_is(buf_all(&out), "null"));
    buf_fini(&out);
}

static void one_that_was_tampered_with_is_none(void **state)
{
    (void)state;
    struct buf out;
    buf_init(&out, 1000);
    struct bytes text = written(&out, 77);
    char copy[200];
    assert_true(reads(text, question, "key"));
    for (size_t i = 0; i < text.n; i++) {
        memcpy(copy, text.p, text.n);
        copy[i] = copy[i] == 'B' ? 'C' : 'B';
        assert_false(reads((struct bytes){copy, text.n}, question, "key"));
    }
    for (size_t n = 0; n < text.n; n++)
        assert_false(reads((struct bytes){text.p, n}, question, "key"));
    assert_false(reads(text, question, "another"));
    assert_false(reads(BYTES(""), question, "key"));
    assert_false(reads(BYTES("not base64 at all!"), question, "key"));
    buf_fini(&out);
}

static void one_of_another_question_is_none(void **state)
{
    (void)state;
    struct buf out;
    buf_init(&out, 1000);
    struct bytes text = written(&out, 77);
    struct msg_snapshot page = question;
    page.limit = 7; /* how many is not of the question */
    assert_true(reads(text, page, "key"));
    page = question, page.user = BYTES("bob");
    assert_false(reads(text, page, "key"));
    page = question, page.status = 2;
    assert_false(reads(text, page, "key"));
    page = question, page.place = 1;
    assert_false(reads(text, page, "key"));
    page = question, page.type = 0;
    assert_false(reads(text, page, "key"));
    page = question, page.category = BYTES("wor");
    assert_false(reads(text, page, "key"));
    buf_fini(&out);
}

int main(void)
{
    arena_init(&scratch, 10000);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(comes_back),
        cmocka_unit_test(one_that_was_tampered_with_is_none),
        cmocka_unit_test(one_of_another_question_is_none),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    arena_fini(&scratch);
    return failed;
}
