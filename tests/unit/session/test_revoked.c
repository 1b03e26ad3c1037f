/* SPDX-License-Identifier: Apache-2.0 */
/* What a session process knows to be revoked, and for how long. Nobody answers; time is data. */
#include "tests/unit/edge.h"

#include "session/asks.h"
#include "session/socket/conn.h"
#include "session/auth/revoked.h"
#include "session/users.h"

enum { NOW_S = 1795445100, DAY_S = 86400 };

static struct world {
    void *ctx;
    struct settings settings;
    struct session s;
    struct counter counts[COUNT_COUNT];
    uint64_t asked, failed;
} w;

static bool has(const char *user, const char *jti, uint64_t iat_s)
{
    struct token t = {.iat_s = iat_s};
    snprintf(t.sub, sizeof t.sub, "%s", user);
    snprintf(t.jti, sizeof t.jti, "%s", jti);
    return revoked_has(&w.s, &t);
}

/* Later by so much, a minute at a time, as the process would look. */
static void pass(uint64_t seconds)
{
    for (uint64_t past = 0; past < seconds; past += 60) {
        w.s.now_ms += 60000;
        w.s.wall_ms += 60000;
        revoked_tick(&w.s);
    }
}

static void until_its_end_and_no_longer(void **state)
{
    (void)state;
    struct msg_revocation one = {.jti = BYTES("j1"), .until_s = NOW_S + DAY_S};
    struct msg_revocation all = {
        .user = BYTES("ann"), .before_s = NOW_S + 1, .until_s = NOW_S + 2 * DAY_S};
    revoked_learn(&w.s, &one);
    revoked_learn(&w.s, &all);
    pass(DAY_S - 60);
    assert_true(has("bob", "j1", NOW_S));
    assert_true(has("ann", "", NOW_S));
    pass(120);
    assert_false(has("bob", "j1", NOW_S));
    assert_true(has("ann", "", NOW_S));
    pass(DAY_S);
    assert_false(has("ann", "", NOW_S));
}

static void of_a_user_what_was_made_before(void **state)
{
    (void)state;
    struct msg_revocation m = {
        .user = BYTES("ann"), .before_s = NOW_S + 1, .until_s = NOW_S + DAY_S};
    revoked_learn(&w.s, &m);
    assert_true(has("ann", "", 0));
    assert_true(has("ann", "", NOW_S));
    assert_false(has("ann", "", NOW_S + 1));
    assert_false(has("an", "", NOW_S));
    assert_false(has("bob", "ann", NOW_S)); /* a jti is not a user */
    m.before_s = NOW_S - 100;               /* an earlier one takes nothing back */
    m.until_s = NOW_S + 60;
    revoked_learn(&w.s, &m);
    assert_true(has("ann", "", NOW_S));
    pass(600);
    assert_true(has("ann", "", NOW_S));
}

/* More than one look forgets: the rest goes with the next ones, at once. */
static void many_are_forgotten_in_pieces(void **state)
{
    (void)state;
    enum { MANY = 200 };
    char jti[16];
    for (int i = 0; i < MANY; i++) {
        snprintf(jti, sizeof jti, "j%d", i);
        struct msg_revocation m = {.jti = bytes_of(jti), .until_s = NOW_S + 30};
        revoked_learn(&w.s, &m);
    }
    assert_int_equal(w.counts[COUNT_revocations].value, MANY);
    pass(60);
    for (int turn = 0; turn < MANY / 64; turn++)
        revoked_tick(&w.s);
    assert_int_equal(w.counts[COUNT_revocations].value, 0);
}

static int setup(void **state)
{
    (void)state;
    w = (struct world){.ctx = zmq_ctx_new(), .settings = {.request_ms = 1000}};
    w.s = (struct session){
        .settings = &w.settings, .counts = w.counts, .now_ms = 1000, .wall_ms = NOW_S * 1000ull};
    w.s.store = asks_new(w.ctx, "inproc://nobody", &w.asked, &w.failed);
    w.s.conns = conns_new(&w.s, 1);
    users_init(&w.s.users, 0);
    revoked_new(&w.s);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    asks_free(&w.s.store); /* which tells that nobody answered */
    revoked_free(&w.s.revoked);
    map_fini(&w.s.users);
    conns_free(&w.s.conns);
    zmq_ctx_term(w.ctx);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(until_its_end_and_no_longer, setup, teardown),
        cmocka_unit_test_setup_teardown(of_a_user_what_was_made_before, setup, teardown),
        cmocka_unit_test_setup_teardown(many_are_forgotten_in_pieces, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
