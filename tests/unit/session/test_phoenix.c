/* SPDX-License-Identifier: Apache-2.0 */
/* Phoenix on the wire: what is a message and what is none, and the exact bytes of what is sent. */
#include "tests/unit/edge.h"

#include "lib/json.h"
#include "session/socket/phoenix.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

struct fixture {
    struct arena scratch;
    struct edge edge;
    struct buf buf;
};

static int open_fixture(void **state)
{
    static struct fixture f;
    arena_init(&f.scratch, 1 << 16);
    f.edge = edge_new(1 << 14);
    buf_init(&f.buf, 1 << 20);
    *state = &f;
    return 0;
}

static int close_fixture(void **state)
{
    struct fixture *f = *state;
    arena_fini(&f->scratch);
    edge_free(&f->edge);
    buf_fini(&f->buf);
    return 0;
}

#define REF_62 "12345678901234567890123456789012345678901234567890123456789012"

/* refs and the topic as they are repeated, topic and event as they are compared. */
static const struct {
    const char *name;
    struct bytes text;
    struct bytes join_ref, ref, topic, topic_raw, event, payload;
} good_v2[] = {
    {"plain", BYTES("[\"1\",\"2\",\"room:1\",\"up\",{\"a\":1}]"), BYTES("\"1\""), BYTES("\"2\""),
     BYTES("room:1"), BYTES("room:1"), BYTES("up"), BYTES("{\"a\":1}")},
    {"heartbeat", BYTES("[null,\"7\",\"phoenix\",\"heartbeat\",{}]"), BYTES("null"), BYTES("\"7\""),
     BYTES("phoenix"), BYTES("phoenix"), BYTES("heartbeat"), BYTES("{}")},
    {"both refs null", BYTES("[null,null,\"t\",\"e\",null]"), BYTES("null"), BYTES("null"),
     BYTES("t"), BYTES("t"), BYTES("e"), BYTES("null")},
    {"white space between", BYTES(" [ \"1\" ,\n\"2\"\t, \"t\" , \"e\" ,\r\n { \"a\" : 1 } ] \n"),
     BYTES("\"1\""), BYTES("\"2\""), BYTES("t"), BYTES("t"), BYTES("e"), BYTES("{ \"a\" : 1 }")},
    {"more than five parts", BYTES("[\"1\",\"2\",\"t\",\"e\",{},6,[7]]"), BYTES("\"1\""),
     BYTES("\"2\""), BYTES("t"), BYTES("t"), BYTES("e"), BYTES("{}")},
    {"escapes stay in what is repeated",
     BYTES("[\"a\\\"\\u0041\",\"\\\\\",\"r\\u003a 1\",\"u\\u0070\",1]"), BYTES("\"a\\\"\\u0041\""),
     BYTES("\"\\\\\""), BYTES("r: 1"), BYTES("r\\u003a 1"), BYTES("up"), BYTES("1")},
    {"a topic that is one stands for itself", BYTES("[\"1\",\"2\",\"r\\u003a\\u00e9\",\"e\",1]"),
     BYTES("\"1\""), BYTES("\"2\""), BYTES("r:\xc3\xa9"), BYTES("r:\xc3\xa9"), BYTES("e"),
     BYTES("1")},
    {"UTF-8", BYTES("[\"\xc3\xa9\",\"2\",\"room:\xc3\xa9\",\"\xe2\x82\xac\",\"\xf0\x9f\x98\x80\"]"),
     BYTES("\"\xc3\xa9\""), BYTES("\"2\""), BYTES("room:\xc3\xa9"), BYTES("room:\xc3\xa9"),
     BYTES("\xe2\x82\xac"), BYTES("\"\xf0\x9f\x98\x80\"")},
    {"empty texts", BYTES("[\"\",\"\",\"\",\"\",\"\"]"), BYTES("\"\""), BYTES("\"\""), BYTES(""),
     BYTES(""), BYTES(""), BYTES("\"\"")},
    {"the longest refs", BYTES("[\"" REF_62 "\",\"" REF_62 "\",\"t\",\"e\",[]]"),
     BYTES("\"" REF_62 "\""), BYTES("\"" REF_62 "\""), BYTES("t"), BYTES("t"), BYTES("e"),
     BYTES("[]")},
    {"refs that are numbers", BYTES("[1,-2.50,\"t\",\"e\",{}]"), BYTES("1"), BYTES("-2.50"),
     BYTES("t"), BYTES("t"), BYTES("e"), BYTES("{}")},
    {"any payload", BYTES("[\"1\",\"2\",\"t\",\"e\",-1.5e3]"), BYTES("\"1\""), BYTES("\"2\""),
     BYTES("t"), BYTES("t"), BYTES("e"), BYTES("-1.5e3")},
};

static void v2_that_is_a_message(void **state)
{
    struct fixture *f = *state;
    for (size_t i = 0; i < COUNT(good_v2); i++) {
        struct phx_in in;
        const char *name = good_v2[i].name;
        arena_reset(&f->scratch);
        struct bytes at = edge_put(&f->edge, good_v2[i].text);
        const char *why = phx_read_text(&in, at, PHX_V2, &f->scratch);
        if (why)
            fail_msg("%s: %s", name, why);
        assert_bytes(name, in.join_ref, good_v2[i].join_ref);
        assert_bytes(name, in.ref, good_v2[i].ref);
        assert_bytes(name, in.topic, good_v2[i].topic);
        assert_bytes(name, in.topic_raw, good_v2[i].topic_raw);
        assert_bytes(name, in.event, good_v2[i].event);
        assert_bytes(name, in.payload, good_v2[i].payload);
        CHECK(name, !in.binary);
    }
}

static const struct {
    const char *name;
    struct bytes text;
} bad_v2[] = {
    {"nothing", BYTES("")},
    {"white space", BYTES("  ")},
    {"no JSON", BYTES("hello")},
    {"an object", BYTES("{\"topic\":\"t\",\"event\":\"e\",\"payload\":{},\"ref\":\"1\"}")},
    {"four parts", BYTES("[\"1\",\"2\",\"t\",\"e\"]")},
    {"no part", BYTES("[]")},
    {"not closed", BYTES("[\"1\",\"2\",\"t\",\"e\",{}")},
    {"more behind it", BYTES("[\"1\",\"2\",\"t\",\"e\",{}] x")},
    {"two of them", BYTES("[\"1\",\"2\",\"t\",\"e\",{}][\"1\",\"2\",\"t\",\"e\",{}]")},
    {"comma at the end", BYTES("[\"1\",\"2\",\"t\",\"e\",{},]")},
    {"payload is no JSON", BYTES("[\"1\",\"2\",\"t\",\"e\",{a:1}]")},
    {"a sixth part that is no JSON", BYTES("[\"1\",\"2\",\"t\",\"e\",{},nul]")},
    {"a number too long for a ref", BYTES("[\"1\",1" REF_62 "34,\"t\",\"e\",{}]")},
    {"ref is true", BYTES("[\"1\",true,\"t\",\"e\",{}]")},
    {"ref is an object", BYTES("[\"1\",{},\"t\",\"e\",{}]")},
    {"join_ref too long", BYTES("[\"" REF_62 "3\",\"2\",\"t\",\"e\",{}]")},
    {"ref too long", BYTES("[\"1\",\"" REF_62 "3\",\"t\",\"e\",{}]")},
    {"topic is null", BYTES("[\"1\",\"2\",null,\"e\",{}]")},
    {"topic is a list", BYTES("[\"1\",\"2\",[\"t\"],\"e\",{}]")},
    {"event is a number", BYTES("[\"1\",\"2\",\"t\",7,{}]")},
    {"a raw control character", BYTES("[\"1\",\"2\",\"t\n\",\"e\",{}]")},
    {"a raw NUL", BYTES("[\"1\",\"2\",\"t\0\",\"e\",{}]")},
    {"not UTF-8", BYTES("[\"1\",\"2\",\"t\xff\",\"e\",{}]")},
    {"a lone surrogate", BYTES("[\"1\",\"2\",\"\\ud800\",\"e\",{}]")},
    {"byte order mark", BYTES("\xef\xbb\xbf[\"1\",\"2\",\"t\",\"e\",{}]")},
};

static void v2_that_is_none(void **state)
{
    struct fixture *f = *state;
    for (size_t i = 0; i < COUNT(bad_v2); i++) {
        struct phx_in in;
        arena_reset(&f->scratch);
        struct bytes at = edge_put(&f->edge, bad_v2[i].text);
        CHECK(bad_v2[i].name, phx_read_text(&in, at, PHX_V2, &f->scratch) != NULL);
    }
}

/* Whatever is cut off, it is no message any more, and nothing behind the cut is read. */
static void v2_cut_anywhere(void **state)
{
    struct fixture *f = *state;
    struct bytes whole = good_v2[5].text;
    for (size_t n = 0; n < whole.n; n++) {
        struct phx_in in;
        arena_reset(&f->scratch);
        struct bytes at = edge_put(&f->edge, (struct bytes){whole.p, n});
        if (!phx_read_text(&in, at, PHX_V2, &f->scratch))
            fail_msg("cut at %zu: still a message", n);
    }
}

static void a_payload_may_be_nested_up_to_a_depth(void **state)
{
    struct fixture *f = *state;
    for (unsigned deep = 1; deep <= JSON_DEPTH + 1; deep++) {
        struct phx_in in;
        buf_reset(&f->buf);
        buf_text(&f->buf, "[\"1\",\"2\",\"t\",\"e\",");
        for (unsigned i = 0; i < deep; i++)
            buf_byte(&f->buf, '[');
        for (unsigned i = 0; i < deep; i++)
            buf_byte(&f->buf, ']');
        buf_byte(&f->buf, ']');
        arena_reset(&f->scratch);
        const char *why = phx_read_text(&in, buf_all(&f->buf), PHX_V2, &f->scratch);
        if ((why == NULL) != (deep <= JSON_DEPTH))
            fail_msg("%u deep: %s", deep, why ? why : "is a message");
    }
}

static const struct {
    const char *name;
    struct bytes text;
    bool good;
    struct bytes join_ref, ref, topic;
} v1[] = {
    {"plain", BYTES("{\"topic\":\"t\",\"event\":\"e\",\"payload\":{},\"ref\":\"1\"}"), true,
     BYTES("null"), BYTES("\"1\""), BYTES("t")},
    {"ref null", BYTES("{\"topic\":\"t\",\"event\":\"e\",\"payload\":{},\"ref\":null}"), true,
     BYTES("null"), BYTES("null"), BYTES("t")},
    {"with join_ref",
     BYTES("{\"join_ref\":\"3\",\"topic\":\"t\",\"event\":\"e\",\"payload\":{},"
           "\"ref\":\"1\"}"),
     true, BYTES("\"3\""), BYTES("\"1\""), BYTES("t")},
    {"other members",
     BYTES("{\"x\":[1],\"ref\":\"1\",\"payload\":{},\"event\":\"e\",\"topic\":"
           "\"t\"}"),
     true, BYTES("null"), BYTES("\"1\""), BYTES("t")},
    {"an escaped name",
     BYTES("{\"t\\u006fpic\":\"t\",\"event\":\"e\",\"payload\":{},\"ref\":"
           "\"1\"}"),
     true, BYTES("null"), BYTES("\"1\""), BYTES("t")},
    {"no topic", BYTES("{\"event\":\"e\",\"payload\":{},\"ref\":\"1\"}"), false, BYTES(""),
     BYTES(""), BYTES("")},
    {"no event", BYTES("{\"topic\":\"t\",\"payload\":{},\"ref\":\"1\"}"), false, BYTES(""),
     BYTES(""), BYTES("")},
    {"no payload", BYTES("{\"topic\":\"t\",\"event\":\"e\",\"ref\":\"1\"}"), false, BYTES(""),
     BYTES(""), BYTES("")},
    {"no ref", BYTES("{\"topic\":\"t\",\"event\":\"e\",\"payload\":{}}"), false, BYTES(""),
     BYTES(""), BYTES("")},
    {"refs that are numbers",
     BYTES("{\"topic\":\"t\",\"event\":\"e\",\"payload\":{},\"ref\":1,\"join_ref\":2}"), true,
     BYTES("2"), BYTES("1"), BYTES("t")},
    {"ref true", BYTES("{\"topic\":\"t\",\"event\":\"e\",\"payload\":{},\"ref\":true}"), false,
     BYTES(""), BYTES(""), BYTES("")},
    {"topic null", BYTES("{\"topic\":null,\"event\":\"e\",\"payload\":{},\"ref\":\"1\"}"), false,
     BYTES(""), BYTES(""), BYTES("")},
    {"a list", BYTES("[\"1\",\"2\",\"t\",\"e\",{}]"), false, BYTES(""), BYTES(""), BYTES("")},
    {"empty object", BYTES("{}"), false, BYTES(""), BYTES(""), BYTES("")},
    {"more behind it", BYTES("{\"topic\":\"t\",\"event\":\"e\",\"payload\":{},\"ref\":\"1\"}}"),
     false, BYTES(""), BYTES(""), BYTES("")},
    {"a topic twice",
     BYTES("{\"topic\":\"t\",\"event\":\"e\",\"payload\":{},\"ref\":\"1\",\"topic\":\"u\"}"), false,
     BYTES(""), BYTES(""), BYTES("")},
    {"nothing", BYTES(""), false, BYTES(""), BYTES(""), BYTES("")},
};

static void v1_messages(void **state)
{
    struct fixture *f = *state;
    for (size_t i = 0; i < COUNT(v1); i++) {
        struct phx_in in;
        arena_reset(&f->scratch);
        struct bytes at = edge_put(&f->edge, v1[i].text);
        const char *why = phx_read_text(&in, at, PHX_V1, &f->scratch);
        CHECK(v1[i].name, (why == NULL) == v1[i].good);
        if (!v1[i].good)
            continue;
        assert_bytes(v1[i].name, in.join_ref, v1[i].join_ref);
        assert_bytes(v1[i].name, in.ref, v1[i].ref);
        assert_bytes(v1[i].name, in.topic, v1[i].topic);
        assert_bytes(v1[i].name, in.event, BYTES("e"));
        assert_bytes(v1[i].name, in.payload, BYTES("{}"));
    }
}

/* The push of the reference's section 3, byte for byte as the client wrote it. */
static void a_binary_push(void **state)
{
    struct fixture *f = *state;
    struct phx_in in;
    buf_reset(&f->buf);
    hex_read(&f->buf, "00 01 01 07 02 33 34 72 6f 6f 6d 3a c3 a9 75 70 de ad be ef");
    struct bytes at = edge_put(&f->edge, buf_all(&f->buf));
    assert_null(phx_read_binary(&in, at, &f->scratch));
    assert_true(in.binary);
    assert_bytes("join_ref", in.join_ref, BYTES("\"3\""));
    assert_bytes("ref", in.ref, BYTES("\"4\""));
    assert_bytes("topic", in.topic, BYTES("room:\xc3\xa9"));
    assert_bytes("topic_raw", in.topic_raw, BYTES("room:\xc3\xa9"));
    assert_bytes("event", in.event, BYTES("up"));
    assert_bytes("payload", in.payload, BYTES("\xde\xad\xbe\xef"));
    for (size_t n = 0; n < 16; n++) { /* cut within its header or its four texts */
        arena_reset(&f->scratch);
        struct bytes cut = {f->buf.p, n};
        if (!phx_read_binary(&in, edge_put(&f->edge, cut), &f->scratch))
            fail_msg("cut at %zu: still a push", n);
    }
    at = edge_put(&f->edge, (struct bytes){f->buf.p, 16});
    assert_null(phx_read_binary(&in, at, &f->scratch));
    assert_int_equal(in.payload.n, 0);
}

#define SIXTY_TWO                                                                                  \
    "31323334353637383930313233343536373839303132333435363738393031323334353637383930313233343536" \
    "37383930313233343536373839303132"

static const struct {
    const char *name, *hex;
    bool good;
    struct bytes join_ref, ref, topic_raw;
} binary[] = {
    {"no refs", "00 00 00 01 01 74 65", true, BYTES("null"), BYTES("null"), BYTES("t")},
    {"all empty", "00 00 00 00 00", true, BYTES("null"), BYTES("null"), BYTES("?")},
    {"a topic in Latin-1 is not an error, and is not repeated", "00 01 01 02 01 31 32 3a e9 65",
     true, BYTES("\"1\""), BYTES("\"2\""), BYTES("?")},
    {"a topic with a quote is not repeated", "00 01 01 01 01 31 32 22 65", true, BYTES("\"1\""),
     BYTES("\"2\""), BYTES("?")},
    {"the longest ref", "00 3e 00 01 01" SIXTY_TWO "74 65", true, BYTES("\"" REF_62 "\""),
     BYTES("null"), BYTES("t")},
    {"a ref too long", "00 3f 00 01 01" SIXTY_TWO "33 74 65", false, BYTES(""), BYTES(""),
     BYTES("")},
    {"a quote in a ref", "00 01 00 01 01 22 74 65", false, BYTES(""), BYTES(""), BYTES("")},
    {"a backslash in a ref", "00 00 01 01 01 5c 74 65", false, BYTES(""), BYTES(""), BYTES("")},
    {"a newline in a ref", "00 00 01 01 01 0a 74 65", false, BYTES(""), BYTES(""), BYTES("")},
    {"a NUL in a ref", "00 01 00 01 01 00 74 65", false, BYTES(""), BYTES(""), BYTES("")},
    {"a ref that is not UTF-8", "00 01 00 01 01 ff 74 65", false, BYTES(""), BYTES(""), BYTES("")},
    {"kind 1", "01 01 01 01 01 31 32 74 65", false, BYTES(""), BYTES(""), BYTES("")},
    {"kind 2", "02 01 01 74 65", false, BYTES(""), BYTES(""), BYTES("")},
    {"kind 255", "ff 00 00 00 00", false, BYTES(""), BYTES(""), BYTES("")},
    {"nothing", "", false, BYTES(""), BYTES(""), BYTES("")},
    {"sizes beyond the end", "00 ff ff ff ff 31 32", false, BYTES(""), BYTES(""), BYTES("")},
    {"the event beyond the end", "00 01 01 01 02 31 32 74 65", false, BYTES(""), BYTES(""),
     BYTES("")},
};

static void binary_messages(void **state)
{
    struct fixture *f = *state;
    for (size_t i = 0; i < COUNT(binary); i++) {
        struct phx_in in;
        arena_reset(&f->scratch);
        buf_reset(&f->buf);
        hex_read(&f->buf, binary[i].hex);
        struct bytes at = edge_put(&f->edge, buf_all(&f->buf));
        const char *why = phx_read_binary(&in, at, &f->scratch);
        CHECK(binary[i].name, (why == NULL) == binary[i].good);
        if (!binary[i].good)
            continue;
        assert_bytes(binary[i].name, in.join_ref, binary[i].join_ref);
        assert_bytes(binary[i].name, in.ref, binary[i].ref);
        assert_bytes(binary[i].name, in.topic_raw, binary[i].topic_raw);
    }
}

/* Whatever bytes come: no crash, and what is repeated makes a frame that is JSON. */
static void whatever_comes_is_answered_in_json(void **state)
{
    struct fixture *f = *state;
    uint64_t seed = dice_seed();
    char noise[80];
    unsigned good = 0;
    for (int round = 0; round < 20000; round++) {
        struct phx_in in;
        arena_reset(&f->scratch);
        size_t n = 5 + dice_below(&seed, sizeof noise - 5);
        for (size_t i = 0; i < n; i++)
            noise[i] = (char)(i == 0 ? 0 : i < 5 ? (char)dice_below(&seed, 8) : (char)dice(&seed));
        struct bytes at = edge_put(&f->edge, (struct bytes){noise, n});
        if (phx_read_binary(&in, at, &f->scratch))
            continue;
        good++;
        struct frame *out = phx_reply(PHX_V2, in.join_ref, in.ref, in.topic_raw, "ok", BYTES("{}"));
        if (!json_valid(phx_text(out)))
            fail_msg("round %d: %.*s", round, (int)phx_text(out).n, phx_text(out).p);
        frame_unref(&out);
    }
    assert_true(good > 100);
}

static void assert_frame(const char *name, struct frame *f, const char *want)
{
    assert_bytes(name, phx_text(f), bytes_of(want));
    frame_unref(&f);
}

static void frames_are_compact_with_the_payload_last(void **state)
{
    (void)state;
    struct bytes ref = BYTES("\"4\""), join_ref = BYTES("\"3\""), topic = BYTES("user:a:n");
    assert_frame("v2 push",
                 phx_frame(PHX_V2, join_ref, PHX_NULL, topic, BYTES("e"), BYTES("{\"a\":[1,2]}")),
                 "[\"3\",null,\"user:a:n\",\"e\",{\"a\":[1,2]}]");
    assert_frame("v2 broadcast",
                 phx_frame(PHX_V2, PHX_NULL, PHX_NULL, topic, BYTES("e"), BYTES("{}")),
                 "[null,null,\"user:a:n\",\"e\",{}]");
    assert_frame("v2 close",
                 phx_frame(PHX_V2, join_ref, join_ref, topic, BYTES("phx_close"), BYTES("{}")),
                 "[\"3\",\"3\",\"user:a:n\",\"phx_close\",{}]");
    assert_frame(
        "v2 ok", phx_reply(PHX_V2, join_ref, ref, topic, "ok", BYTES("{\"n\":1}")),
        "[\"3\",\"4\",\"user:a:n\",\"phx_reply\",{\"status\":\"ok\",\"response\":{\"n\":1}}]");
    assert_frame("v2 error", phx_reply(PHX_V2, PHX_NULL, ref, topic, "error", BYTES("{}")),
                 "[null,\"4\",\"user:a:n\",\"phx_reply\",{\"status\":\"error\",\"response\":{}}]");
    assert_frame("v1 push",
                 phx_frame(PHX_V1, join_ref, PHX_NULL, topic, BYTES("e"), BYTES("{\"a\":1}")),
                 "{\"topic\":\"user:a:n\",\"event\":\"e\",\"ref\":null,\"payload\":{\"a\":1}}");
    assert_frame("v1 ok", phx_reply(PHX_V1, join_ref, ref, topic, "ok", BYTES("{}")),
                 "{\"topic\":\"user:a:n\",\"event\":\"phx_reply\",\"ref\":\"4\",\"payload\":"
                 "{\"status\":\"ok\",\"response\":{}}}");
}

/* RFC 6455, section 5.2: the shortest length that holds it, and no mask. */
static void the_header_says_the_length(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        size_t n;
        const char *header;
    } table[] = {
        {"125", 125, "817d"},
        {"126", 126, "817e007e"},
        {"127", 127, "817e007f"},
        {"65535", 65535, "817effff"},
        {"65536", 65536, "817f0000000000010000"},
        {"70000", 70000, "817f0000000000011170"},
    };
    size_t around = strlen("[null,null,\"t\",\"e\",]");
    for (size_t i = 0; i < COUNT(table); i++) {
        size_t n = table[i].n - around;
        char *payload = malloc(n), hex[64];
        struct buf header = {.p = hex, .cap = sizeof hex, .max = sizeof hex};
        assert_non_null(payload);
        memset(payload, '1', n);
        struct frame *out = phx_frame(PHX_V2, PHX_NULL, PHX_NULL, BYTES("t"), BYTES("e"),
                                      (struct bytes){payload, n});
        struct bytes text = phx_text(out);
        CHECK(table[i].name, text.n == table[i].n);
        hex_write(&header, (struct bytes){out->p, out->n - text.n});
        assert_bytes(table[i].name, buf_all(&header), bytes_of(table[i].header));
        CHECK(table[i].name, text.p[0] == '[' && text.p[text.n - 1] == ']');
        frame_unref(&out);
        free(payload);
    }
}

static void assert_control(uint8_t opcode, struct bytes payload, const char *want)
{
    char hex[300];
    struct buf got = {.p = hex, .cap = sizeof hex, .max = sizeof hex};
    struct frame *f = ws_control(opcode, payload);
    hex_write(&got, (struct bytes){f->p, f->n});
    assert_bytes(want, buf_all(&got), bytes_of(want));
    frame_unref(&f);
}

static void control_frames(void **state)
{
    (void)state;
    char full[125];
    memset(full, 'p', sizeof full);
    assert_control(8, BYTES("\x03\xf4"), "880203f4");
    assert_control(10, BYTES(""), "8a00");
    assert_control(10, BYTES("hi"), "8a026869");
    struct frame *f = ws_control(10, (struct bytes){full, sizeof full});
    assert_int_equal(f->n, 127);
    assert_int_equal((uint8_t)f->p[1], 125);
    frame_unref(&f);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_fixture, close_fixture)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(v2_that_is_a_message),
        TEST(v2_that_is_none),
        TEST(v2_cut_anywhere),
        TEST(a_payload_may_be_nested_up_to_a_depth),
        TEST(v1_messages),
        TEST(a_binary_push),
        TEST(binary_messages),
        TEST(whatever_comes_is_answered_in_json),
        TEST(frames_are_compact_with_the_payload_last),
        TEST(the_header_says_the_length),
        TEST(control_frames),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
