/* SPDX-License-Identifier: Apache-2.0 */
/* hooks: which URLs are taken, and which settings need which. */
#include "tests/unit/edge.h"

#include "proto/hooks.h"

#include <stdio.h>

static void urls(void **state)
{
    (void)state;
    static const struct {
        const char *url;
        bool hook, keys; /* taken for a hook; for auth/jwks */
    } rows[] = {
        {"https://id.example/keys.json", true, true},
        {"HTTPS://id.example:8443", true, true},
        {"http://app:3000/belfry", true, false},
        {"http://127.0.0.1:3000/x", true, true},
        {"http://localhost/x", true, true},
        {"http://[::1]:80", true, true},
        {"http://127.0.0.1.example/x", true, false},
        {"http://localhost:80.example/x", true, false},
        {"http://127.0.0.1:80@id.example/x", false, false},
        {"https://ann@id.example/x", false, false},
        {"https:///x", false, false},
        {"https://?x", false, false},
        {"https://id.example/a b", false, false},
        {"http://", false, false},
        {"ftp://id.example/x", false, true}, /* a file's name, however odd */
        {"app/belfry", false, true},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct settings connect = {0}, join = {0}, keys = {0};
        snprintf(connect.hook_connect, sizeof connect.hook_connect, "%s", rows[i].url);
        snprintf(join.hook_join, sizeof join.hook_join, "%s", rows[i].url);
        snprintf(keys.jwks, sizeof keys.jwks, "%s", rows[i].url);
        if (!hooks_refused(&connect) != rows[i].hook || !hooks_refused(&join) != rows[i].hook ||
            !hooks_refused(&keys) != rows[i].keys)
            fail_msg("%s", rows[i].url);
        assert_true(hooks_wanted(&connect));
        assert_int_equal(hooks_wanted(&keys), jwks_by_url(&keys));
    }
}

static void what_needs_what(void **state)
{
    (void)state;
    static struct settings s = {.classes_n = 1, .classes[0] = {.join = ACCESS_hook}};
    assert_non_null(hooks_refused(&s));
    assert_false(hooks_wanted(&s));
    snprintf(s.hook_join, sizeof s.hook_join, "https://app.example/join");
    assert_null(hooks_refused(&s));
    struct topic_class c = {.pattern = "room:{id}",
                            .join_text = "token",
                            .publish_text = "hook",
                            .events = "*",
                            .echo = 1};
    struct buf why;
    buf_init(&why, 500);
    assert_false(class_check(&c, &why));
    snprintf(c.join_text, sizeof c.join_text, "hook");
    buf_reset(&why);
    assert_true(class_check(&c, &why));
    buf_fini(&why);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(urls),
        cmocka_unit_test(what_needs_what),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
