/* SPDX-License-Identifier: Apache-2.0 */
/* classes and rules: what the configuration says of topics, what is refused of it and where, and
 * which class a topic belongs to. */
#include "tests/unit/edge.h"

#include "proto/settings.h"
#include "proto/types.h"

static struct settings settings;

/* Load `text` as the file; "" when it went well, else what was said behind the file's name. */
static const char *load(const char *text)
{
    static char said[4097];
    char file[] = "/tmp/belfry-XXXXXX";
    int fd = mkstemp(file);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
    struct buf why;
    buf_init(&why, sizeof said - 1);
    memset(&settings, 0x55, sizeof settings);
    bool good = conf_load(&settings_table, file, &settings, &why);
    unlink(file);
    assert_int_equal(good, why.n == 0);
    snprintf(said, sizeof said, "%.*s", (int)why.n, why.p ? why.p : "");
    buf_fini(&why);
    size_t n = strlen(file);
    return strncmp(said, file, n) == 0 ? said + n : said;
}

static const struct topic_class *class_named(const char *topic)
{
    return class_of(settings.classes, settings.classes_n, bytes_of(topic));
}

static void everything_said(void **state)
{
    (void)state;
    assert_string_equal(load("topic\n"
                             "    pattern = \"doc:{user}:{id}\"\n"
                             "    join = member\n"
                             "    publish = owner\n"
                             "    events = \"edit, cursor.move,x\"\n"
                             "    history = 500\n"
                             "    history_h = 48\n"
                             "    presence = 1\n"
                             "    presence_max = 20\n"
                             "sessions = 3\n"
                             "rule\n"
                             "    event = edit\n"
                             "    topic = \"doc:{user}:{id}\"\n"
                             "    type = alert\n"
                             "    title = \"{from} edited {id}\"\n"
                             "    body = \"of {user}\"\n"
                             "topic\n"
                             "    pattern = lobby\n"
                             "    echo = 0\n"),
                        "");
    assert_int_equal(settings.classes_n, 2);
    assert_int_equal(settings.rules_n, 1);
    assert_int_equal(settings.sessions, 3);
    const struct topic_class *doc = &settings.classes[0], *lobby = &settings.classes[1];
    assert_string_equal(doc->pattern, "doc:{user}:{id}");
    assert_int_equal(doc->join, ACCESS_member);
    assert_int_equal(doc->publish, ACCESS_owner);
    assert_int_equal(doc->history, 500);
    assert_int_equal(doc->history_h, 48);
    assert_int_equal(doc->presence, 1);
    assert_int_equal(doc->presence_max, 20);
    assert_int_equal(doc->echo, 1);
    assert_int_equal(doc->line, 1);
    assert_string_equal(lobby->pattern, "lobby"); /* and the rest by default */
    assert_int_equal(lobby->join, ACCESS_authenticated);
    assert_int_equal(lobby->publish, ACCESS_nobody);
    assert_string_equal(lobby->events, "*");
    assert_true(lobby->history == 0 && lobby->history_h == 0 && lobby->presence == 0);
    assert_int_equal(lobby->presence_max, 1000);
    assert_int_equal(lobby->echo, 0);
    assert_int_equal(lobby->line, 17);
    const struct topic_rule *rule = &settings.rules[0];
    assert_string_equal(rule->event, "edit");
    assert_string_equal(rule->title, "{from} edited {id}");
    assert_string_equal(rule->body, "of {user}");
    assert_int_equal(rule->type_number, TYPE_alert);
    assert_int_equal(rule->line, 11);
}

static void every_word_of_access(void **state)
{
    (void)state;
    static const char *const words[] = {
#define AS_WORD(name, doc) #name,
        ACCESSES(AS_WORD)};
    for (unsigned i = 0; i < ACCESS_COUNT; i++) {
        char text[200];
        unsigned other = ACCESS_COUNT - 1 - i;
        if (other == ACCESS_hook)
            other = ACCESS_hook - 1; /* tests/unit/proto/test_hooks.c has it */
        snprintf(text, sizeof text,
                 "topic\n    pattern = {user}\n    join = %s\n    publish = %s\n", words[i],
                 words[other]);
        assert_string_equal(load(text), "");
        assert_int_equal(settings.classes[0].join, i);
        assert_int_equal(settings.classes[0].publish, other);
    }
}

static void the_first_match_wins(void **state)
{
    (void)state;
    assert_string_equal(load("topic\n    pattern = channel:general\n"
                             "topic\n    pattern = channel:{id}\n"
                             "topic\n    pattern = channel:{id}:typing\n"
                             "topic\n    pattern = {kind}:{id}\n"
                             "topic\n    pattern = channel:never\n"),
                        "");
    static const struct {
        const char *topic;
        int want; /* -1: none */
    } rows[] = {
        {"channel:general", 0},   {"channel:7", 1}, {"channel:general2", 1}, {"channel:never", 1},
        {"channel:7:typing", 2},  {"project:7", 3}, {"channel", -1},         {"channel:", -1},
        {"project:7:typing", -1}, {"", -1},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct topic_class *c = class_named(rows[i].topic);
        CHECK(rows[i].topic, (c ? (int)(c - settings.classes) : -1) == rows[i].want);
    }
    assert_string_equal(load(""), "");
    assert_null(class_named("channel:7"));
}

static void which_events_it_takes(void **state)
{
    (void)state;
    static const struct {
        const char *events, *event;
        bool want;
    } rows[] = {
        {"*", "anything", true},
        {"*", "message.create", true},
        {"*", "", false},
        {"*", "phx_close", false}, /* the protocol's own: never from a client */
        {"*", "phx_reply", false},
        {"*", "presence_diff", false},
        {"*", "presence:update", false},
        {"*", "a b", false},
        {"*", "a\nb", false},
        {"", "x", false},
        {"x", "x", true},
        {"x", "xx", false},
        {"x", "X", false},
        {"edit, cursor , z", "edit", true},
        {"edit, cursor , z", "cursor", true},
        {"edit, cursor , z", "z", true},
        {"edit, cursor , z", "edi", false},
        {"edit, cursor , z", "edit, cursor", false},
        {"edit, cursor , z", "", false},
        {"edit,", "", false},
        {"edit,", "edit", true},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct topic_class c = {0};
        snprintf(c.events, sizeof c.events, "%s", rows[i].events);
        CHECK(rows[i].event, class_takes(&c, bytes_of(rows[i].event)) == rows[i].want);
    }
    struct topic_class any = {.events = "*"};
    char longest[EVENT_MAX + 1];
    memset(longest, 'e', sizeof longest);
    assert_true(class_takes(&any, (struct bytes){longest, EVENT_MAX}));
    assert_false(class_takes(&any, (struct bytes){longest, EVENT_MAX + 1}));
}

#define PATTERN ":1: topic: pattern must be a topic with names in braces, like channel:{id}"
#define TAKEN ":1: topic: pattern is taken: the topics \"phoenix\" and user:... are Belfry's own"
#define WORDS " is not one of nobody, anyone, authenticated, owner, member, token, hook"
#define EVENTS                                                                                     \
    ":1: topic: events must be * or names with commas between, each of 1 to 64 bytes without "     \
    "spaces and *, and none that begins with phx_ or presence"
#define CHANNEL "topic\n    pattern = channel:{id}\n    history = 9\n"
#define RULE CHANNEL "rule\n    event = e\n    topic = channel:{id}\n    title = t\n"
#define LOST(topic) "no class with history has topics like \"" topic "\": its events are not kept"

static void what_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *text, *want;
    } rows[] = {
        {"topic\n", PATTERN},
        {"topic\n    pattern = channel:{id\n", PATTERN},
        {"topic\n    pattern = {a}{b}\n", PATTERN},
        {"topic\n    pattern = phoenix\n", TAKEN},
        {"topic\n    pattern = user:{id}:notifications\n", TAKEN},
        {"topic\n    pattern = user:ann\n", TAKEN},
        {"\n# x\ntopic\n    pattern = a\n    join = friends\n",
         ":3: topic: join = \"friends\"" WORDS},
        {"topic\n    pattern = a\ntopic\n    pattern = b\n    publish = Owner\n",
         ":3: topic: publish = \"Owner\"" WORDS},
        {"topic\n    pattern = a\n    join = everybody.at.all\n",
         ":3: join = \"everybody.at.all\" is not allowed: text of 1 to 15 bytes"},
        {"topic\n    pattern = doc:{id}\n    join = owner\n",
         ":1: topic: owner needs {user} in the pattern"},
        {"topic\n    pattern = doc:{id}\n    publish = owner\n",
         ":1: topic: owner needs {user} in the pattern"},
        {"topic\n    pattern = a\n    events = \"edit,,move\"\n", EVENTS},
        {"topic\n    pattern = a\n    events = \"phx_join\"\n", EVENTS},
        {"topic\n    pattern = a\n    events = \"edit, presence_diff\"\n", EVENTS},
        {"topic\n    pattern = a\n    events = \"two words\"\n", EVENTS},
        {"topic\n    pattern = a\n    events = \"*, edit\"\n", EVENTS},
        {"topic\n    pattern = a\n    events = \"edit.*\"\n", EVENTS},
        {"topic\n    pattern = a\n    echo = 0\n    history = 5\n",
         ":1: topic: echo = 0 is for topics without history: what is numbered goes to everybody"},
        {"topic\n    pattern = a\n    history_h = 5\n",
         ":1: topic: history_h needs history: how many messages are kept at most"},
        {"topic\n    pattern = a\n    history = many\n",
         ":3: history = \"many\" is not allowed: a whole number from 0 to 1000000"},
        {"topic\n    pattern = a\n    patern = b\n",
         ":3: \"patern\" is not a setting; allowed: pattern join publish events history history_h "
         "presence presence_max echo"},
        {RULE, ""},
        {CHANNEL "rule\n    topic = channel:{id}\n    title = t\n",
         ":4: rule: event must be the name of one, like message.create"},
        {CHANNEL "rule\n    event = phx_join\n    topic = channel:{id}\n    title = t\n",
         ":4: rule: event must be the name of one, like message.create"},
        {CHANNEL "rule\n    event = e\n    topic = channel:{}\n    title = t\n",
         ":4: rule: topic must be a topic with names in braces, like channel:{id}"},
        {CHANNEL "rule\n    event = e\n    topic = channel:{id}\n",
         ":4: rule: title must be there"},
        {RULE "    type = toast\n",
         ":4: rule: type = \"toast\" is not one of activity, alert, system"},
        {RULE "    type = news\n",
         ":4: rule: type = \"news\" is not one of activity, alert, system"},
        {RULE "    body = \"in {room}\"\n",
         ":4: rule: body names {room}, which is neither in \"channel:{id}\" nor {from}"},
        {CHANNEL "rule\n    event = e\n    topic = channel:{c}\n    title = \"{from}: {c} {id}\"\n",
         ":4: rule: title names {id}, which is neither in \"channel:{c}\" nor {from}"},
        {RULE "    body = \"\xff\"\n", ":4: rule: body must be UTF-8 without control characters"},
        {RULE "    body = \"\x01\"\n", ":4: rule: body must be UTF-8 without control characters"},
        /* a rule of topics that are not kept */
        {"rule\n    event = e\n    topic = channel:{id}\n    title = t\n",
         ":1: rule: " LOST("channel:{id}")},
        {CHANNEL "rule\n    event = e\n    topic = chanel:{id}\n    title = t\n",
         ":4: rule: " LOST("chanel:{id}")},
        {"topic\n    pattern = channel:{id}\n" CHANNEL /* is never reached */
         "rule\n    event = e\n    topic = channel:{x}\n    title = t\n",
         ":6: rule: " LOST("channel:{x}")},
        {"topic\n    pattern = channel:general\n" CHANNEL
         "rule\n    event = e\n    topic = channel:{x}\n    title = t\n",
         ""},
        {"rule\n    event = e\n    topic = channel:general\n    title = t\n" CHANNEL,
         ""}, /* before */
        {"topic\n    pattern = channel:general\n    history = 1\n"
         "rule\n    event = e\n    topic = {kind}:{id}\n    title = t\n",
         ""},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const char *said = load(rows[i].text);
        if (strcmp(said, rows[i].want) != 0)
            fail_msg("%s\n got %s\nwant %s", rows[i].text, said, rows[i].want);
    }
}

static void as_many_as_there_may_be(void **state)
{
    (void)state;
    struct buf text;
    buf_init(&text, 1 << 16);
    for (unsigned i = 0; i < CLASSES_MAX; i++)
        buf_format(&text, "topic\n    pattern = room%u:{id}\n    history = 1\n", i);
    for (unsigned i = 0; i < RULES_MAX; i++)
        buf_format(&text, "rule\n    event = e%u\n    topic = room%u:{id}\n    title = t\n", i, i);
    size_t good = text.n;
    buf_byte(&text, '\0');
    assert_string_equal(load(text.p), "");
    assert_int_equal(settings.classes_n, CLASSES_MAX);
    assert_int_equal(settings.rules_n, RULES_MAX);
    assert_ptr_equal(class_named("room63:x"), &settings.classes[CLASSES_MAX - 1]);
    assert_string_equal(settings.rules[RULES_MAX - 1].event, "e63");
    buf_cut(&text, good);
    buf_text(&text, "rule\n");
    buf_byte(&text, '\0');
    assert_string_equal(load(text.p), ":449: there may be at most 64 of \"rule\"");
    buf_cut(&text, good);
    buf_text(&text, "topic\n    pattern = one-more\n");
    buf_byte(&text, '\0');
    assert_string_equal(load(text.p), ":449: there may be at most 64 of \"topic\"");
    buf_fini(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(everything_said),      cmocka_unit_test(every_word_of_access),
        cmocka_unit_test(the_first_match_wins), cmocka_unit_test(which_events_it_takes),
        cmocka_unit_test(what_is_refused),      cmocka_unit_test(as_many_as_there_may_be),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
