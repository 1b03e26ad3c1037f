/* SPDX-License-Identifier: Apache-2.0 */
/* An export that the store's queue has no room for is refused, and nothing of it is touched any more
 * (which the sanitizers see: V=asan). */
#include "tests/unit/edge.h"

#include "session/api/export.h"
#include "session/asks.h"
#include "session/auth/auth.h"

#include <microhttpd.h>

enum { T0 = 1000 };

static void told(struct ask_waiter w, const struct msg *answer, enum err e)
{
    (void)answer, (void)e;
    ++*(unsigned *)w.about;
}

static void no_room_at_the_store(void **state)
{
    (void)state;
    static struct settings settings = {.request_ms = 1000};
    static struct counter counts[COUNT_COUNT];
    struct session s = {.settings = &settings, .now_ms = T0, .counts = counts};
    uint64_t asked = 0, failed = 0;
    unsigned times = 0;
    void *ctx = zmq_ctx_new();
    s.store = asks_new(ctx, "inproc://nobody", &asked, &failed);
    asks_most(s.store, 1);
    struct msg first = {.id = MSG_user, .user = {.user = BYTES("ann")}};
    assert_int_not_equal(
        ask(s.store, &first, T0, 1000, true, (struct ask_waiter){told, &s, &times, 0}), 0);

    struct who who = {.kind = WHO_service};
    struct request r = {.s = &s, .topic = BYTES("ann"), .path = "/x", .who = &who, .who_ms = T0};
    users_export(&s, &r);
    assert_non_null(r.response);
    assert_int_equal(r.status, 503);
    assert_int_equal(failed, 1);
    MHD_destroy_response(r.response);
    asks_free(&s.store);
    assert_int_equal(times, 1);
    zmq_ctx_term(ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(no_room_at_the_store)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
