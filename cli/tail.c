/* SPDX-License-Identifier: Apache-2.0 */
/* belfry tail -- a topic's events as they come, as a session hears them: subscribed first, then what is
 * kept is read from the store, then what the broker brings; a hole is read from the store.
 *
 * What is kept is paged: back to --since, remembering where each page began, and then forward,
 * printing. So is a hole that is longer than one answer of the log. */
#include "cli/commands.h"
#include "lib/base64.h"
#include "lib/clock.h"
#include "lib/ensure.h"
#include "lib/json.h"
#include "lib/link.h"
#include "lib/loop.h"
#include "lib/secret.h"
#include "proto/event.h"
#include "proto/topic.h"

#include <stdio.h>
#include <stdlib.h>

enum { THERE_MS = 3000, ANSWER_MS = 5000, AGAIN_MS = 50, HIGH_WATER = 100000 };
enum { SIGNALS, BUS, STORE, ON = STORE + LINK_POLL };

enum state {
    SUBSCRIBING, /* until the broker confirms it */
    LOOKING,     /* for the topic's head */
    BACK,        /* paging to `since` */
    FORWARD,     /* the same pages, printed */
    LIVE
};

static struct tail {
    enum state state;
    bool json, inbox, answered, ended;
    uint64_t left; /* to print */
    struct bytes topic;
    struct link store;
    void *sub;
    char confirm[32]; /* the key, then the name */
    uint64_t since, have, heard, heads_to;
    uint64_t req;
    bool asking;
    bool suspect;      /* something may have been missed */
    uint64_t again_ms; /* while asking: lost then; else not before */
    uint64_t *pages;   /* where each began */
    size_t pages_n, pages_room;
    uint64_t before; /* of the page that is asked for */
    struct buf payload, line;
} t;

/* -- printing --------------------------------------------------------------------------------- */

static void print(uint64_t seq, struct bytes event, struct bytes payload)
{
    if (t.ended)
        return;
    buf_reset(&t.line);
    if (t.json) {
        buf_text(&t.line, "{\"event\":");
        json_write_string(&t.line, event);
        buf_text(&t.line, ",\"payload\":");
    } else {
        if (seq)
            buf_u64(&t.line, seq);
        else
            buf_byte(&t.line, '-');
        buf_format(&t.line, " %.*s ", (int)event.n, event.p);
    }
    json_write_compact(&t.line, payload); /* else it may be of several lines */
    buf_text(&t.line, t.json ? "}\n" : "\n");
    fwrite(t.line.p, 1, t.line.n, stdout);
    t.ended = --t.left == 0;
}

static void print_entry(const struct msg_entry *e)
{
    if (e->seq <= t.have)
        return;
    if (e->prev > t.have)
        fprintf(stderr, "belfry tail: of %llu to %llu nothing is kept any more\n",
                (unsigned long long)t.have + 1, (unsigned long long)e->prev);
    buf_reset(&t.payload);
    struct bytes event = event_write(&t.payload, e);
    print(e->seq, event, buf_all(&t.payload));
    t.have = e->seq;
}

static void print_broadcast(const struct msg_broadcast *b)
{
    if (!b->binary) {
        print(b->seq, b->event, b->payload);
        return;
    }
    buf_reset(&t.payload);
    buf_byte(&t.payload, '"');
    base64url_write(&t.payload, b->data);
    buf_byte(&t.payload, '"');
    print(b->seq, b->event, buf_all(&t.payload));
}

/* -- the store -------------------------------------------------------------------------------- */

/* What the state wants to know; live: what is missing, if anything is. */
static void ask(void)
{
    struct msg m = {.id = MSG_since,
                    .since = {.req = ++t.req, .ttl_ms = ANSWER_MS, .topic = t.topic}};
    uint64_t now_ms = clock_ms();
    if (t.state == SUBSCRIBING || !t.store.up || now_ms < t.again_ms ||
        (t.state == LIVE && t.heard <= t.have && !t.suspect))
        return;
    if (t.state == BACK || t.state == FORWARD) {
        m.id = MSG_history;
        m.history = (struct msg_history){.req = t.req,
                                         .ttl_ms = ANSWER_MS,
                                         .topic = t.topic,
                                         .before = t.before,
                                         .limit = PAGE_MAX};
    } else {
        m.since.since = t.state == LOOKING ? UINT64_MAX : t.have;
    }
    msg_write(link_out(&t.store), &m);
    t.asking = true;
    t.suspect = false; /* what is missed from here on is another question */
    t.again_ms = now_ms + ANSWER_MS;
}

static void go_back_to(uint64_t since)
{
    t.state = BACK;
    t.since = since;
    t.before = 0;
    t.pages_n = 0;
}

static void remember_page(void)
{
    if (t.pages_n == t.pages_room) {
        t.pages_room = t.pages_room ? 2 * t.pages_room : 64;
        t.pages = realloc(t.pages, t.pages_room * sizeof *t.pages);
        ENSURE(t.pages != NULL);
    }
    t.pages[t.pages_n++] = t.before;
}

/* Newest first. */
static uint32_t read_page(struct mp_list list, struct msg_entry entries[PAGE_MAX])
{
    struct mp_in in = list_in(list);
    struct msg m;
    uint32_t n = 0;
    while (n < PAGE_MAX && msg_read(&in, &m) && m.id == MSG_entry)
        entries[n++] = m.entry;
    return n;
}

static void page(const struct msg_page *p)
{
    static struct msg_entry entries[PAGE_MAX];
    uint32_t n = read_page(p->entries, entries);
    if (t.state == BACK) {
        remember_page();
        if (p->next && n && entries[n - 1].seq > t.since + 1) {
            t.before = p->next;
            return;
        }
        t.state = FORWARD;
        t.have = t.since;
    } else {
        while (n-- > 0)
            print_entry(&entries[n]);
        t.pages_n--;
    }
    if (t.pages_n > 0) {
        t.before = t.pages[t.pages_n - 1];
        return;
    }
    t.state = LIVE;
    if (t.heard <= t.have) /* whatever came meanwhile */
        t.heard = p->seq;
}

static void changes(const struct msg_changes *c)
{
    struct mp_in in = list_in(c->entries);
    struct msg m;
    if (t.state == LOOKING) {
        t.state = LIVE;
        t.have = c->head;
        return;
    }
    if (c->status == ERR_TOO_OLD && !t.inbox) {
        go_back_to(t.have);
        return;
    }
    if (c->status == ERR_TOO_OLD)
        fprintf(stderr, "belfry tail: the log does not reach back to %llu\n",
                (unsigned long long)t.have);
    while (msg_read(&in, &m) && m.id == MSG_entry)
        print_entry(&m.entry);
    t.have = c->head;
    t.heard = t.heard > c->head && c->status == ERR_OK ? t.heard : c->head;
}

static void answer(const struct msg *m)
{
    bool is_page = m->id == MSG_page;
    uint64_t status = is_page ? m->page.status : m->changes.status;
    if ((!is_page && m->id != MSG_changes) || m->page.req != t.req || !t.asking)
        return;
    t.answered = true;
    t.asking = false;
    t.again_ms = 0;
    if (is_page && status == ERR_OK)
        page(&m->page);
    else if (!is_page && (status == ERR_OK || status == ERR_TOO_OLD))
        changes(&m->changes);
    else if (status == ERR_LATER)
        t.suspect = true, t.again_ms = clock_ms() + AGAIN_MS;
    else
        try_again("belfry tail: the store says: %s",
                  status < ERR_COUNT ? err_text((enum err)status) : "no");
}

/* -- the broker ------------------------------------------------------------------------------- */

static void broadcast(const struct msg_broadcast *b)
{
    if (!bytes_equal(b->topic, t.topic) || t.state == SUBSCRIBING)
        return;
    if (b->seq == 0) {
        print_broadcast(b);
        return;
    }
    bool next = t.state == LIVE && !t.asking && b->prev == t.have && b->seq > t.have;
    if (next) {
        print_broadcast(b);
        t.have = b->seq;
    }
    t.heard = b->seq > t.heard ? b->seq : t.heard;
}

/* A head beyond ours is of what we missed; so may be what heads say that do not meet the last, or what
 * was before the first. */
static void heads(const struct msg_heads *h)
{
    struct mp_in in = list_in(h->topics);
    struct msg m;
    while (msg_read(&in, &m))
        if (m.id == MSG_head && bytes_equal(m.head.topic, t.topic) && m.head.seq > t.heard)
            t.heard = m.head.seq;
    t.suspect = t.suspect || h->from > t.heads_to;
    t.heads_to = h->to;
}

static void heard(struct bytes part)
{
    size_t key = part.p[0] == BUS_TOPIC ? BUS_KEY : part.p[0] == BUS_HEADS ? 1 : strlen(t.confirm);
    struct mp_in in = mp_over((struct bytes){part.p + key, part.n - key});
    struct msg m;
    while (msg_read(&in, &m)) {
        if (m.id == MSG_broadcast)
            broadcast(&m.broadcast);
        else if (m.id == MSG_heads)
            heads(&m.heads);
        else if (m.id == MSG_confirmed && t.state == SUBSCRIBING)
            t.state = LOOKING;
    }
}

static void subscribe(void *ctx, const struct paths *paths)
{
    char key[BUS_KEY], chance[8];
    secret_random(chance, sizeof chance);
    snprintf(t.confirm, sizeof t.confirm, "%ctail-", BUS_CONFIRM);
    for (size_t i = 0; i < sizeof chance; i++)
        snprintf(t.confirm + 6 + 2 * i, 3, "%02x", (unsigned char)chance[i]);
    bus_key(topic_bucket(t.topic), key);
    t.sub = sock_new(ctx, ZMQ_SUB, HIGH_WATER);
    ENSURE(zmq_setsockopt(t.sub, ZMQ_SUBSCRIBE, key, sizeof key) == 0);
    ENSURE(zmq_setsockopt(t.sub, ZMQ_SUBSCRIBE, "H", 1) == 0);
    ENSURE(zmq_setsockopt(t.sub, ZMQ_SUBSCRIBE, t.confirm, strlen(t.confirm)) == 0);
    sock_connect(t.sub, paths->broker_out);
}

/* -- the command ------------------------------------------------------------------------------ */

static void turn(zmq_pollitem_t on[ON], uint64_t until_ms)
{
    zmq_msg_t part;
    struct msg m;
    zmq_msg_init(&part);
    ask();
    link_flush(&t.store);
    loop_wait(on, ON, until_ms, clock_ms());
    while (link_change(&t.store) != LINK_same) {
        t.suspect = t.suspect || t.asking; /* what was asked is lost */
        t.asking = false;
        t.again_ms = 0;
    }
    while (link_read(&t.store, &part)) {
        struct mp_in in = mp_over(sock_bytes(&part));
        while (msg_read(&in, &m))
            answer(&m);
    }
    while (!t.ended && sock_read(t.sub, &part))
        heard(sock_bytes(&part));
    if (t.state == LOOKING && t.since != UINT64_MAX) { /* no need to look */
        if (t.inbox)
            t.state = LIVE, t.have = t.since, t.suspect = true;
        else
            go_back_to(t.since);
    }
    zmq_msg_close(&part);
    t.ended = t.ended || fflush(stdout) != 0;
}

static int run(const struct settings *s, zmq_pollitem_t on[ON])
{
    uint64_t there_ms = clock_ms() + THERE_MS;
    while (!t.ended && !on[SIGNALS].revents) {
        uint64_t now_ms = clock_ms();
        if (!t.answered && now_ms >= there_ms) {
            fprintf(stderr, "belfry tail: the %s of %s does not answer: is it running?\n",
                    t.state == SUBSCRIBING ? "broker" : "store", s->data);
            return EXIT_not_running;
        }
        uint64_t until_ms = t.answered ? LOOP_NEVER : there_ms;
        if (t.asking || t.again_ms > now_ms)
            until_ms = t.again_ms < until_ms ? t.again_ms : until_ms;
        turn(on, until_ms);
    }
    return 0;
}

int tail_command(const struct args *a)
{
    struct settings s = args_settings(a);
    struct paths paths = paths_of(&s);
    struct bytes user;
    t = (struct tail){.topic = bytes_of(a->words[0]), .json = args_get(a, "--json") != NULL};
    t.inbox = topic_user(t.topic, &user);
    t.since = args_number(a, "--since", 0, UINT64_MAX - 1, UINT64_MAX);
    t.left = args_number(a, "--count", 1, UINT64_MAX, UINT64_MAX);
    /* A configuration that is not ours to read may still have a class for it. */
    bool ours = topic_valid(t.topic) && class_of(s.classes, s.classes_n, t.topic);
    int code = t.inbox || ours ? 0 : topic_known(a);
    if (code != 0)
        return code;
    zmq_pollitem_t on[ON] = {[SIGNALS] = {.fd = signals_take(), .events = ZMQ_POLLIN}};
    bus_key_load(&s);
    void *ctx = zmq_ctx_new();
    ENSURE(ctx != NULL);
    buf_init(&t.payload, TEXT_MAX);
    buf_init(&t.line, TEXT_MAX);
    link_open(&t.store, ctx, paths.store, BATCH_MAX);
    subscribe(ctx, &paths);
    on[BUS] = (zmq_pollitem_t){.socket = t.sub, .events = ZMQ_POLLIN};
    link_poll(&t.store, &on[STORE]);
    code = run(&s, on);
    zmq_close(t.sub);
    link_close(&t.store);
    zmq_ctx_term(ctx);
    buf_fini(&t.payload);
    buf_fini(&t.line);
    free(t.pages);
    return code;
}
