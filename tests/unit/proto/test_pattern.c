/* SPDX-License-Identifier: Apache-2.0 */
/* patterns: which are valid, what they match and capture, whether two have a topic in common; and
 * the texts made from captures. Matching and overlapping are also compared with what is slow and
 * plain. */
#include "tests/unit/edge.h"

#include "proto/pattern.h"

static void which_are_valid(void **state)
{
    (void)state;
    static const struct {
        const char *pattern;
        bool want;
    } rows[] = {
        {"channel:{id}", true},
        {"lobby", true},
        {"{all}", true},
        {"{a}:{b}:{c}:{d}:{e}:{f}:{g}:{h}", true},
        {"{a}:{b}:{c}:{d}:{e}:{f}:{g}:{h}:{i}", false}, /* one more than CAPTURES_MAX */
        {"v{major}.{minor}-x", true},
        {"caf\xc3\xa9:{id}", true},
        {"room:{gr\xc3\xb6\xc3\x9f"
         "e}",
         true},
        {"", false},
        {"channel:{}", false},
        {"channel:{id", false},
        {"channel:id}", false},
        {"channel:{id}}", false},
        {"channel:{{id}}", false},
        {"channel:{a}{b}", false}, /* where does one end? */
        {"channel:{id}:{id}", false},
        {"channel {id}", false},
        {"channel,{id}", false},
        {"channel:\"{id}\"", false},
        {"channel\\{id}", false},
        {"channel:\x01", false},
        {"channel:\xff{id}", false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        CHECK(rows[i].pattern, pattern_valid(rows[i].pattern) == rows[i].want);
    char longest[TOPIC_MAX + 2];
    memset(longest, 'x', sizeof longest);
    longest[TOPIC_MAX] = '\0';
    assert_true(pattern_valid(longest));
    longest[TOPIC_MAX] = 'x', longest[TOPIC_MAX + 1] = '\0';
    assert_false(pattern_valid(longest));
}

/* "name=value name=value", or "-" for no match. */
static const char *captured(const char *pattern, struct bytes topic)
{
    static char said[1000];
    struct capture captures[CAPTURES_MAX];
    size_t n = 99;
    struct buf out;
    if (!pattern_match(pattern, topic, captures, &n)) {
        assert_false(pattern_match(pattern, topic, NULL, NULL));
        return "-";
    }
    assert_true(pattern_match(pattern, topic, NULL, NULL));
    buf_init(&out, sizeof said - 1);
    for (size_t i = 0; i < n; i++)
        buf_format(&out, "%s%.*s=%.*s", i ? " " : "", (int)captures[i].name.n, captures[i].name.p,
                   (int)captures[i].value.n, captures[i].value.p);
    snprintf(said, sizeof said, "%.*s", (int)out.n, out.p ? out.p : "");
    buf_fini(&out);
    return said;
}

static void what_they_match(void **state)
{
    (void)state;
    static const struct {
        const char *pattern, *topic, *want;
    } rows[] = {
        {"lobby", "lobby", ""},
        {"lobby", "lobby2", "-"},
        {"lobby", "lobb", "-"},
        {"lobby", "2lobby", "-"},
        {"lobby", "", "-"},
        {"lobby", "Lobby", "-"},
        {"channel:{id}", "channel:7", "id=7"},
        {"channel:{id}", "channel:general", "id=general"},
        {"channel:{id}", "channel:", "-"}, /* nothing captured */
        {"channel:{id}", "channel", "-"},
        {"channel:{id}", "channel:7:8", "-"}, /* never over a colon */
        {"channel:{id}", "channel::", "-"},
        {"channel:{id}", "xchannel:7", "-"},
        {"channel:{id}", "channels:7", "-"},
        {"channel:{id}", "channel:{id}", "id={id}"},
        {"channel:{id}:typing", "channel:7:typing", "id=7"},
        {"channel:{id}:typing", "channel:7:typings", "-"},
        {"channel:{id}:typing", "channel:7", "-"},
        {"channel:{id}:typing", "channel::typing", "-"},
        {"user:{user}:cursor", "user:ann:cursor", "user=ann"},
        {"{user}", "ann", "user=ann"},
        {"{user}", "ann:b", "-"},
        {"{user}", "", "-"},
        {"{kind}:{id}", "channel:7", "kind=channel id=7"},
        {"{kind}:{id}", "channel:", "-"},
        {"{kind}:{id}", ":7", "-"},
        {"{kind}:{id}", "a:b:c", "-"},
        {"v{major}.{minor}", "v1.2", "major=1 minor=2"},
        {"v{major}.{minor}", "v1.2.3", "major=1 minor=2.3"}, /* the shortest from the left */
        {"v{major}.{minor}", "v1.", "-"},
        {"v{major}.{minor}", "v.1", "-"},
        {"v{major}.{minor}", "v..1", "major=. minor=1"},
        {"room-{id}-log", "room-a-log", "id=a"},
        {"room-{id}-log", "room-a-b-log", "id=a-b"},
        {"room-{id}-log", "room-a-log-log", "id=a-log"},
        {"room-{id}-log", "room-a-logs", "-"},
        {"room-{id}-log", "room--log", "-"},
        {"{a}ab{b}", "aababab", "a=a b=abab"},
        {"{a}b:{c}", "cbb:x", "a=cb c=x"},
        {"{a}b:{c}", "b:x", "-"},
        {"{a}x{b}y", "1x2:3x4y", "-"},
        {"{a}-{b}:{c}-{d}", "1-2-3:4-5-6", "a=1 b=2-3 c=4 d=5-6"},
        {"caf\xc3\xa9:{id}", "caf\xc3\xa9:\xe2\x98\x95", "id=\xe2\x98\x95"},
        {"caf\xc3\xa9:{id}", "cafe:x", "-"},
        {"{gr\xc3\xb6\xc3\x9f"
         "e}:x",
         "\xe5\xa4\xa7:x",
         "gr\xc3\xb6\xc3\x9f"
         "e=\xe5\xa4\xa7"},
    };
    struct edge edge = edge_new(4096);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const char *got = captured(rows[i].pattern, edge_put(&edge, bytes_of(rows[i].topic)));
        if (strcmp(got, rows[i].want) != 0)
            fail_msg("%s on %s: got \"%s\", want \"%s\"", rows[i].pattern, rows[i].topic, got,
                     rows[i].want);
    }
    edge_free(&edge);
}

/* The definition, word for word: tries everything. */
static bool plainly(const char *pattern, const char *topic)
{
    if (!*pattern)
        return !*topic;
    if (*pattern != '{')
        return *pattern == *topic && plainly(pattern + 1, topic + 1);
    const char *behind = strchr(pattern, '}') + 1;
    for (const char *p = topic; *p && *p != ':'; p++)
        if (plainly(behind, p + 1))
            return true;
    return false;
}

/* Of few letters, so that much matches. */
static void random_pattern(uint64_t *seed, char *out)
{
    do {
        char *to = out, name = '0';
        for (size_t parts = 1 + dice_below(seed, 6); parts > 0; parts--) {
            size_t what = dice_below(seed, 5);
            if (what < 2 && (to == out || to[-1] != '}'))
                to += sprintf(to, "{%c}", name++);
            else
                *to++ = what == 2 ? ':' : (char)('a' + dice_below(seed, 2));
        }
        *to = '\0';
    } while (!pattern_valid(out));
}

static void next_topic(char *topic, size_t most)
{
    static const char letters[] = "ab:";
    for (size_t i = 0; i < most; i++) {
        const char *at = topic[i] ? strchr(letters, topic[i]) + 1 : letters;
        topic[i] = *at ? *at : letters[0];
        if (*at)
            return;
    }
}

static void against_the_definition(void **state)
{
    (void)state;
    enum { PATTERNS = 60, LONGEST = 7 };
    uint64_t seed = dice_seed();
    char patterns[PATTERNS][64];
    static bool together[PATTERNS][PATTERNS];
    unsigned matches = 0, overlaps = 0;
    for (size_t i = 0; i < PATTERNS; i++)
        random_pattern(&seed, patterns[i]);
    char topic[LONGEST + 2] = "";
    for (next_topic(topic, LONGEST + 1); !topic[LONGEST]; next_topic(topic, LONGEST + 1)) {
        bool match[PATTERNS];
        for (size_t i = 0; i < PATTERNS; i++) {
            match[i] = pattern_match(patterns[i], bytes_of(topic), NULL, NULL);
            if (match[i] != plainly(patterns[i], topic))
                fail_msg("%s on %s: %d", patterns[i], topic, match[i]);
            matches += match[i];
            for (size_t k = 0; match[i] && k <= i; k++)
                together[i][k] = together[i][k] || match[k];
        }
    }
    for (size_t i = 0; i < PATTERNS; i++)
        for (size_t k = 0; k <= i; k++) {
            bool overlap = pattern_overlap(patterns[i], patterns[k]);
            assert_int_equal(overlap, pattern_overlap(patterns[k], patterns[i]));
            overlaps += overlap && i != k;
            /* a common topic may be longer than those tried */
            if (together[i][k] && !overlap)
                fail_msg("%s and %s have a topic in common", patterns[i], patterns[k]);
        }
    assert_true(matches > 1000 && overlaps > 100 && overlaps < PATTERNS * (PATTERNS - 1) / 2);
}

static void which_overlap(void **state)
{
    (void)state;
    static const struct {
        const char *a, *b;
        bool want, same;
    } rows[] = {
        {"channel:{id}", "channel:{other}", true, true},
        {"channel:{id}", "channel:general", true, false},
        {"channel:{id}", "{kind}:{id}", true, false},
        {"channel:{id}", "project:{id}", false, false},
        {"channel:{id}", "channel:{id}:typing", false, false},
        {"channel:{id}", "channel", false, false},
        {"{a}", "{b}", true, true},
        {"{a}", "x:y", false, false},
        {"a{x}", "{x}b", true, false},
        {"a{x}", "b{x}", false, false},
        {"{x}a", "{x}b", false, false},
        {"aa", "a{x}a", false, false},
        {"aaa", "a{x}a", true, false},
        {"a{x}c{y}", "{x}b{y}c{z}", true, false},
        {"lobby", "lobby", true, true},
        {"lobby", "lobbies", false, false},
        {"{a}:{b}:{c}:{d}:{e}:{f}:{g}:{h}", "{h}:{g}:{f}:{e}:{d}:{c}:{b}:{a}", true, true},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        CHECK(rows[i].a, pattern_overlap(rows[i].a, rows[i].b) == rows[i].want);
        CHECK(rows[i].a, pattern_overlap(rows[i].b, rows[i].a) == rows[i].want);
        CHECK(rows[i].a, pattern_same(rows[i].a, rows[i].b) == rows[i].same);
    }
    char longest[TOPIC_MAX + 1];
    memset(longest, 'x', TOPIC_MAX);
    longest[TOPIC_MAX] = '\0';
    assert_true(pattern_overlap(longest, "{x}"));
    assert_true(pattern_overlap(longest, longest));
}

static void templates(void **state)
{
    (void)state;
    static const struct {
        const char *text, *want;
    } rows[] = {
        {"New message in #{id}", "New message in #general"},
        {"{from} in {id}, {id}!", "ann in general, general!"},
        {"{id}", "general"},
        {"", ""},
        {"nothing", "nothing"},
        {"{ID} {} {i} {{id}} {id", "{ID} {} {i} {general} {id"},
        {"} {id} {", "} general {"},
        {"caf\xc3\xa9 {id}", "caf\xc3\xa9 general"},
    };
    const struct capture captures[] = {{BYTES("id"), BYTES("general")},
                                       {BYTES("from"), BYTES("ann")}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct buf out;
        buf_init(&out, 1000);
        template_write(&out, rows[i].text, captures, 2);
        assert_bytes(rows[i].text, buf_all(&out), bytes_of(rows[i].want));
        buf_fini(&out);
    }
    assert_int_equal(template_unknown("{id} {from} {", "channel:{id}", "from").n, 0);
    assert_bytes("unknown", template_unknown("in {room}, {id}", "channel:{id}", "from"),
                 BYTES("room"));
    assert_bytes("in braces", template_unknown("{{id}}", "channel:{id}", "from"), BYTES("{id"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(which_are_valid),
        cmocka_unit_test(what_they_match),
        cmocka_unit_test(against_the_definition),
        cmocka_unit_test(which_overlap),
        cmocka_unit_test(templates),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
