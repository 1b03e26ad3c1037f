/* SPDX-License-Identifier: Apache-2.0 */
/* Which messages a rule takes, what it makes of them, and what it is known by. */
#include "tests/unit/edge.h"

#include "lib/json.h"
#include "notifier/rules.h"
#include "proto/types.h"

static struct topic_rule rule(const char *topic, const char *title, const char *body)
{
    struct topic_rule r = {.event = "say", .type = "activity", .type_number = TYPE_activity};
    snprintf(r.topic, sizeof r.topic, "%s", topic);
    snprintf(r.title, sizeof r.title, "%s", title);
    snprintf(r.body, sizeof r.body, "%s", body);
    return r;
}

static struct msg_entry said(const char *topic, const char *user)
{
    return (struct msg_entry){.seq = 7,
                              .kind = ENTRY_message,
                              .topic = bytes_of(topic),
                              .event = BYTES("say"),
                              .content = BYTES("{}"),
                              .user = bytes_of(user)};
}

static void which_it_takes(void **state)
{
    (void)state;
    struct topic_rule r = rule("room:{id}", "t", "");
    struct msg_entry e = said("room:a", "ann");
    assert_true(rule_takes(&r, &e));
    e.topic = BYTES("room:a:b"), assert_false(rule_takes(&r, &e)), e.topic = BYTES("room:a");
    e.event = BYTES("says"), assert_false(rule_takes(&r, &e)), e.event = BYTES("say");
    e.kind = ENTRY_created, assert_false(rule_takes(&r, &e)), e.kind = ENTRY_message;
    assert_true(rule_takes(&r, &e));
}

static void expect(const char *topic, const char *user, const struct topic_rule *r,
                   const char *want)
{
    struct buf out;
    struct msg_entry e = said(topic, user);
    buf_init(&out, RULE_CONTENT_MAX);
    rule_content(r, &e, &out);
    assert_bytes(r->title, buf_all(&out), bytes_of(want));
    assert_true(json_valid(buf_all(&out)));
    buf_fini(&out);
}

static void what_it_says(void **state)
{
    (void)state;
    struct topic_rule r = rule("room:{id}", "New message in #{id}", "");
    expect("room:general", "ann", &r,
           "{\"type\":\"activity\",\"title\":\"New message in #general\",\"body\":null,"
           "\"data\":{\"topic\":\"room:general\",\"seq\":7}}");
    r = rule("{kind}:{id}", "{from}: \"{kind}\"", "\\ {id} {other}");
    r.type_number = TYPE_system;
    expect("room:caf\xc3\xa9", "bob", &r,
           "{\"type\":\"system\",\"title\":\"bob: \\\"room\\\"\",\"body\":\"\\\\ caf\xc3\xa9 "
           "{other}\",\"data\":{\"topic\":\"room:caf\xc3\xa9\",\"seq\":7}}");
    r = rule("room:{id}", "{from}", "");
    expect("room:a", "", &r, /* a back end */
           "{\"type\":\"activity\",\"title\":\"someone\",\"body\":null,"
           "\"data\":{\"topic\":\"room:a\",\"seq\":7}}");
}

/* The longest of everything: cut at whole characters, and within what the store takes. */
static void the_longest(void **state)
{
    (void)state;
    char title[256] = "", body[512] = "", topic[TOPIC_MAX + 1] = "r:";
    for (size_t n = 0; n + 3 < sizeof title; n += 3)
        strcat(title, "{i}");
    for (size_t n = 0; n + 3 < sizeof body; n += 3)
        strcat(body, "{i}");
    for (size_t n = 2; n + 2 <= TOPIC_MAX; n += 2)
        strcat(topic, "\xc3\xa9");
    struct topic_rule r = rule("r:{i}", title, body);
    struct msg_entry e = said(topic, "");
    struct buf out;
    buf_init(&out, RULE_CONTENT_MAX);
    rule_content(&r, &e, &out);
    assert_false(out.overflowed);
    assert_true(json_valid(buf_all(&out)));
    struct json in = json_over(buf_all(&out));
    struct bytes key, value;
    json_enter(&in, '{');
    while (json_member(&in, &key, &value)) {
        if (json_key_is(key, "title"))
            assert_int_equal(value.n - 2, RULE_TITLE_MAX - 1); /* half a character less */
        if (json_key_is(key, "body"))
            assert_int_equal(value.n - 2, RULE_BODY_MAX);
    }
    buf_fini(&out);
    memset(title, '"', 255), memset(body, '\\', 511); /* each becomes two */
    r = rule("r:{i}", title, body);
    buf_init(&out, RULE_CONTENT_MAX);
    rule_content(&r, &e, &out);
    assert_false(out.overflowed);
    buf_fini(&out);
}

static void what_it_is_known_by(void **state)
{
    (void)state;
    struct topic_rule r = rule("room:{id}", "t", "b"), other;
    uint64_t id = rule_id(&r);
    memset(r.title + 2, 'x', 10); /* behind its end: not said */
    r.line = 9;
    assert_true(rule_id(&r) == id);
    other = r, strcpy(other.event, "sa"), assert_true(rule_id(&other) != id);
    other = r, strcpy(other.topic, "room:{ix}"), assert_true(rule_id(&other) != id);
    other = r, strcpy(other.type, "alert"), assert_true(rule_id(&other) != id);
    other = r, strcpy(other.title, "tb"), strcpy(other.body, ""),
    assert_true(rule_id(&other) != id);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(which_it_takes),
        cmocka_unit_test(what_it_says),
        cmocka_unit_test(the_longest),
        cmocka_unit_test(what_it_is_known_by),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
