/* SPDX-License-Identifier: Apache-2.0 */
/* Requests of an API key are counted as that key's, also while an answer in parts does not wait. */
#include "tests/unit/edge.h"

#include "session/socket/admit.h"

static struct key_queue queues[KEY_QUEUES];
static struct settings settings;
static struct session s = {.settings = &settings, .key_queues = queues};

static void a_queue_is_its_keys_while_a_request_holds_it(void **state)
{
    (void)state;
    settings.key_requests = 2;
    struct key_queue *export = admit_request(&s, "export");
    assert_non_null(export);
    struct key_queue *other = admit_request(&s, "other"); /* while the export's client reads */
    assert_ptr_not_equal(other, export);
    export->waiting = 2;
    assert_null(admit_request(&s, "export"));
    export->waiting = 1;
    struct key_queue *again = admit_request(&s, "export");
    assert_ptr_equal(again, export);
    struct key_queue *third = admit_request(&s, "other");
    assert_ptr_equal(third, other);
    export->waiting = 0;
    struct key_queue **const held[] = {&export, &again, &other, &third};
    for (size_t i = 0; i < 4; i++) {
        admit_request_over(held[i]);
        assert_null(*held[i]);
    }
    admit_request_over(&export); /* NULL is fine */
}

static void every_queue_is_free_again(void **state)
{
    (void)state;
    struct key_queue *all[KEY_QUEUES], *none;
    for (unsigned i = 0; i < KEY_QUEUES; i++) {
        char name[16];
        snprintf(name, sizeof name, "k%u", i);
        all[i] = admit_request(&s, name);
        assert_non_null(all[i]);
        assert_string_equal(all[i]->name, name);
    }
    none = admit_request(&s, "one too many");
    assert_null(none);
    admit_request_over(&all[7]);
    all[7] = admit_request(&s, "one too many");
    assert_non_null(all[7]);
    for (unsigned i = 0; i < KEY_QUEUES; i++)
        admit_request_over(&all[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_queue_is_its_keys_while_a_request_holds_it),
        cmocka_unit_test(every_queue_is_free_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
