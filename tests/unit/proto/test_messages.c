/* SPDX-License-Identifier: Apache-2.0 */
/* messages: the exact bytes of each, and everything that is not one of them refused. */
#include "tests/unit/edge.h"

#include "tests/unit/proto/goldens.h"

#include <msgpack.h>
#include <signal.h>
#include <sys/wait.h>

enum { LONGEST = TEXT_MAX, ROOM = LONGEST + 4096 };

static struct buf text, again;
static struct edge edge;

static int make(void **state)
{
    (void)state;
    buf_init(&text, ROOM);
    buf_init(&again, ROOM);
    edge = edge_new(ROOM);
    return 0;
}

static int drop(void **state)
{
    (void)state;
    buf_fini(&text);
    buf_fini(&again);
    edge_free(&edge);
    return 0;
}

static struct bytes golden_bytes(const struct golden *g)
{
    buf_reset(&text);
    hex_read(&text, g->hex);
    return buf_all(&text);
}

static bool same_fields(const struct msg_shape *shape, const struct msg *a, const struct msg *b)
{
    const char *p = (const char *)&a->entry, *q = (const char *)&b->entry;
    for (uint32_t i = 0; i < shape->count; i++) {
        enum field_type type = shape->fields[i].type;
        const struct mp_list *l = (const void *)p, *m = (const void *)q;
        if (type == FIELD_u64
                ? *(const uint64_t *)(const void *)p != *(const uint64_t *)(const void *)q
                : !bytes_equal(l->raw, m->raw)) /* a list begins with its bytes */
            return false;
        if (type == FIELD_list && l->count != m->count)
            return false;
        p += field_size(type);
        q += field_size(type);
    }
    return true;
}

/* One message and nothing behind it. */
static bool reads(struct bytes bytes, struct msg *m)
{
    struct mp_in in = mp_over(edge_put(&edge, bytes));
    return msg_read(&in, m) && mp_end(&in);
}

static void every_message_has_its_golden_bytes(void **state)
{
    (void)state;
    for (size_t i = 0; i < msg_shape_count; i++) {
        const struct golden *g = goldens;
        while (g < goldens + GOLDENS && g->msg.id != msg_shapes[i].id)
            g++;
        CHECK(msg_shapes[i].name, g < goldens + GOLDENS);
    }
    for (const struct golden *g = goldens; g < goldens + GOLDENS; g++) {
        const char *name = msg_name(g->msg.id);
        struct msg m;
        buf_reset(&again);
        msg_write(&again, &g->msg);
        struct bytes want = golden_bytes(g);
        if (!bytes_equal(buf_all(&again), want)) {
            struct buf hex;
            buf_init(&hex, ROOM);
            hex_write(&hex, buf_all(&again));
            fail_msg("%s is written as %.*s", name, (int)hex.n, hex.p);
        }
        CHECK(name, reads(want, &m));
        CHECK(name, m.id == g->msg.id);
        CHECK(name, same_fields(shape_of_golden(g), &m, &g->msg));
        buf_reset(&again);
        msg_write(&again, &m);
        CHECK(name, bytes_equal(buf_all(&again), golden_bytes(g)));
    }
}

static void every_truncation_is_refused(void **state)
{
    (void)state;
    for (const struct golden *g = goldens; g < goldens + GOLDENS; g++) {
        struct bytes whole = golden_bytes(g);
        for (size_t n = 1; n < whole.n; n++) {
            struct msg m;
            struct mp_in in = mp_over(edge_put(&edge, (struct bytes){whole.p, n}));
            CHECK(msg_name(g->msg.id), !msg_read(&in, &m) && !in.ok);
        }
    }
    struct msg m;
    struct mp_in in = mp_over((struct bytes){0});
    assert_false(msg_read(&in, &m));
    assert_true(in.ok); /* the end, and nothing wrong */
}

/* The k-th field of a golden in some other form: what is put there, the test says. */
enum change { SHORTEST, LONGER, NIL, OVER_LIMIT, AT_LIMIT };

static void put_over(const struct msg_field *f, size_t n)
{
    static char zeros[LONGEST + 1]; /* a list's elements are the number 0 */
    struct bytes content = {zeros, n};
    if (f->type == FIELD_str)
        mp_put_str(&text, content);
    else if (f->type == FIELD_bin)
        mp_put_bin(&text, content);
    else if (f->type == FIELD_list) {
        mp_put_array(&text, (uint32_t)n);
        buf_bytes(&text, content);
    }
}

/* A form that is longer than it must be, of an empty one. */
static const char *longer(enum field_type type)
{
    switch (type) {
    case FIELD_u64:
        return "cc00";
    case FIELD_str:
        return "d900";
    case FIELD_bin:
        return "c50000";
    case FIELD_list:
        return "dc0000";
    }
    return "";
}

static struct bytes with_change(const struct msg_shape *shape, uint32_t k, enum change change)
{
    buf_reset(&text);
    mp_put_array(&text, shape->count + 1);
    mp_put_u64(&text, shape->id);
    for (uint32_t i = 0; i < shape->count; i++) {
        const struct msg_field *f = &shape->fields[i];
        enum change here = i == k ? change : SHORTEST;
        if (here == LONGER)
            hex_read(&text, longer(f->type));
        else if (here == NIL)
            buf_byte(&text, 0xc0);
        else if (f->type == FIELD_u64)
            mp_put_u64(&text, 0);
        else
            put_over(f, here == AT_LIMIT ? f->limit : here == OVER_LIMIT ? f->limit + 1 : 0);
    }
    return buf_all(&text);
}

static void every_field_has_its_limit(void **state)
{
    (void)state;
    for (const struct msg_shape *s = msg_shapes; s < msg_shapes + msg_shape_count; s++)
        for (uint32_t k = 0; k < s->count; k++) {
            struct msg m;
            char name[100];
            snprintf(name, sizeof name, "%s.%s", s->name, s->fields[k].name);
            CHECK(name, reads(with_change(s, k, SHORTEST), &m));
            CHECK(name, !reads(with_change(s, k, LONGER), &m));
            CHECK(name, !reads(with_change(s, k, NIL), &m));
            if (s->fields[k].type == FIELD_u64)
                continue;
            CHECK(name, s->fields[k].limit > 0); /* a field that must be empty is a slip */
            CHECK(name, reads(with_change(s, k, AT_LIMIT), &m));
            CHECK(name, !reads(with_change(s, k, OVER_LIMIT), &m));
        }
}

static void heads_of_other_forms_are_refused(void **state)
{
    (void)state;
    static const char *const table[] = {
        "93 7f 01 02",   /* no such id */
        "93 cc80 01 02", /* an id beyond the table */
        "93 cfffffffffffffffff 01 02",
        "93 cc20 01 02",   /* the id in a longer form */
        "dc0003 20 01 02", /* the array in a longer form */
        "92 20 01",        /* a field too few */
        "91 20",
        "90",
        "20",
        "c0",
        "a120",
        "83 20 01 02",
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct msg m;
        buf_reset(&text);
        hex_read(&text, table[i]);
        CHECK(table[i], !reads(buf_all(&text), &m));
    }
    struct msg m;
    buf_reset(&text);
    hex_read(&text, "93 20 01 02"); /* so it would be right */
    assert_true(reads(buf_all(&text), &m));
    assert_int_equal(m.followed.to, 1);
    assert_string_equal(msg_name(32), "followed");
    assert_string_equal(msg_name(0), "unknown");
    assert_string_equal(msg_name(127), "unknown");
    assert_string_equal(msg_name(UINT64_MAX), "unknown");
}

/* What a later version adds stands at the end, and is skipped. */
static void later_fields_are_skipped(void **state)
{
    (void)state;
    for (const struct golden *g = goldens; g < goldens + GOLDENS; g++) {
        const char *name = msg_name(g->msg.id);
        const struct msg_shape *shape = shape_of_golden(g);
        struct msg m;
        buf_reset(&again);
        buf_bytes(&again, golden_bytes(g));
        buf_reset(&text);
        mp_put_array(&text, shape->count + 1 + 4);
        size_t head = (uint8_t)again.p[0] == 0xdc ? 3 : 1; /* of 16 fields and more */
        buf_add(&text, again.p + head, again.n - head);
        mp_put_u64(&text, UINT64_MAX);
        mp_put_str(&text, BYTES("new"));
        mp_put_bin(&text, BYTES("new"));
        size_t before_last = text.n;
        mp_put_array(&text, 2);
        mp_put_array(&text, 0);
        mp_put_u64(&text, 1);
        CHECK(name, reads(buf_all(&text), &m));
        CHECK(name, same_fields(shape, &m, &g->msg));
        CHECK(name, !reads((struct bytes){text.p, before_last}, &m));
    }
}

static void a_part_carries_many(void **state)
{
    (void)state;
    struct msg m;
    buf_reset(&again);
    for (const struct golden *g = goldens; g < goldens + GOLDENS; g++)
        buf_bytes(&again, golden_bytes(g));
    struct mp_in in = mp_over(edge_put(&edge, buf_all(&again)));
    for (const struct golden *g = goldens; g < goldens + GOLDENS; g++) {
        assert_true(msg_read(&in, &m));
        assert_int_equal(m.id, g->msg.id);
    }
    assert_false(msg_read(&in, &m));
    assert_true(in.ok);
    buf_byte(&again, 0xc0);
    in = mp_over(edge_put(&edge, buf_all(&again)));
    for (size_t i = 0; i < GOLDENS; i++)
        assert_true(msg_read(&in, &m));
    assert_false(msg_read(&in, &m));
    assert_false(in.ok);
    assert_false(msg_read(&in, &m)); /* it stays so */
}

static void lists_of_messages_and_of_text(void **state)
{
    (void)state;
    struct buf elements;
    buf_init(&elements, ROOM);
    const struct msg heads[] = {{MSG_head, .head = {B("a"), 1}}, {MSG_head, .head = {B("b"), 2}}};
    msg_write(&elements, &heads[0]);
    msg_write(&elements, &heads[1]);
    struct msg m = {MSG_heads, .heads = {.to = 2, .topics = list_of(&elements, 2)}}, got, one;
    buf_reset(&again);
    msg_write(&again, &m);
    assert_true(reads(buf_all(&again), &got));
    assert_int_equal(got.heads.topics.count, 2);
    struct mp_in in = list_in(got.heads.topics);
    assert_true(msg_read(&in, &one));
    assert_true(bytes_is(one.head.topic, "a"));
    assert_true(msg_read(&in, &one));
    assert_int_equal(one.head.seq, 2);
    assert_false(msg_read(&in, &one));
    assert_true(in.ok);

    buf_reset(&elements);
    mp_put_str(&elements, BYTES("ann"));
    mp_put_str(&elements, BYTES("bob"));
    m = (struct msg){MSG_create, .create = {.users = list_of(&elements, 2)}};
    buf_reset(&again);
    msg_write(&again, &m);
    assert_true(reads(buf_all(&again), &got));
    in = list_in(got.create.users);
    assert_true(bytes_is(mp_str(&in), "ann"));
    assert_true(bytes_is(mp_str(&in), "bob"));
    assert_true(in.ok && mp_end(&in));
    buf_fini(&elements);
}

/* Of a message that does not fit nothing is written, however little is missing. */
static void what_does_not_fit_leaves_nothing(void **state)
{
    (void)state;
    for (const struct golden *g = goldens; g < goldens + GOLDENS; g++) {
        size_t size = golden_bytes(g).n;
        for (size_t max = 0; max <= size; max++) {
            struct buf out;
            buf_init(&out, 3 + max);
            buf_text(&out, "abc");
            msg_write(&out, &g->msg);
            CHECK(msg_name(g->msg.id), out.overflowed == (max < size));
            CHECK(msg_name(g->msg.id), out.n == 3 + (max < size ? 0 : size));
            buf_fini(&out);
        }
    }
}

/* Over a limit is our own bug when writing: the process ends. */
static void writing_over_a_limit_ends_the_process(void **state)
{
    (void)state;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        char name[TOPIC_MAX + 1] = {0};
        struct msg m = {MSG_head, .head = {{name, sizeof name}, 1}};
        fclose(stderr);
        signal(SIGABRT, SIG_DFL);
        msg_write(&text, &m);
        _exit(0);
    }
    int status;
    waitpid(child, &status, 0);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
}

static void check_object(const char *name, const struct msg_field *f, const char *at,
                         const msgpack_object *o)
{
    const struct mp_list *list = (const void *)at; /* begins like a struct bytes */
    switch (f->type) {
    case FIELD_u64:
        CHECK(name, o->type == MSGPACK_OBJECT_POSITIVE_INTEGER);
        CHECK(name, o->via.u64 == *(const uint64_t *)(const void *)at);
        break;
    case FIELD_str:
        CHECK(name, o->type == MSGPACK_OBJECT_STR);
        CHECK(name, bytes_equal((struct bytes){o->via.str.ptr, o->via.str.size}, list->raw));
        break;
    case FIELD_bin:
        CHECK(name, o->type == MSGPACK_OBJECT_BIN);
        CHECK(name, bytes_equal((struct bytes){o->via.bin.ptr, o->via.bin.size}, list->raw));
        break;
    case FIELD_list:
        CHECK(name, o->type == MSGPACK_OBJECT_ARRAY);
        CHECK(name, o->via.array.size == list->count);
        break;
    }
}

static void msgpack_c_reads_the_same(void **state)
{
    (void)state;
    for (const struct golden *g = goldens; g < goldens + GOLDENS; g++) {
        const struct msg_shape *shape = shape_of_golden(g);
        struct bytes bytes = golden_bytes(g);
        msgpack_unpacked oracle;
        msgpack_unpacked_init(&oracle);
        size_t at = 0;
        CHECK(shape->name,
              msgpack_unpack_next(&oracle, bytes.p, bytes.n, &at) == MSGPACK_UNPACK_SUCCESS);
        CHECK(shape->name, at == bytes.n && oracle.data.type == MSGPACK_OBJECT_ARRAY);
        CHECK(shape->name, oracle.data.via.array.size == shape->count + 1);
        const msgpack_object *o = oracle.data.via.array.ptr;
        CHECK(shape->name, o->via.u64 == g->msg.id);
        const char *member = (const char *)&g->msg.entry;
        for (uint32_t k = 0; k < shape->count; k++) {
            check_object(shape->name, &shape->fields[k], member, o + 1 + k);
            member += field_size(shape->fields[k].type);
        }
        msgpack_unpacked_destroy(&oracle);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_message_has_its_golden_bytes),
        cmocka_unit_test(every_truncation_is_refused),
        cmocka_unit_test(every_field_has_its_limit),
        cmocka_unit_test(heads_of_other_forms_are_refused),
        cmocka_unit_test(later_fields_are_skipped),
        cmocka_unit_test(a_part_carries_many),
        cmocka_unit_test(lists_of_messages_and_of_text),
        cmocka_unit_test(what_does_not_fit_leaves_nothing),
        cmocka_unit_test(writing_over_a_limit_ends_the_process),
        cmocka_unit_test(msgpack_c_reads_the_same),
    };
    return cmocka_run_group_tests(tests, make, drop);
}
