/* SPDX-License-Identifier: Apache-2.0 */
#include "hook/asking.h"

#include "lib/ensure.h"
#include "lib/log.h"
#include "lib/loop.h"

#include <stdio.h>
#include <stdlib.h>

enum { BUDGET = 256 }; /* messages a turn */

static void tell(void *to, const struct asker *who, const struct verdict *v)
{
    struct asking *a = to;
    struct msg m = verdict_msg(v, who->req);
    msg_write(hub_out(a->hub, &who->peer), &m);
}

void asking_open(struct asking *a, struct hub *hub)
{
    const struct settings *s = a->settings;
    struct desk_rules rules = {.wait_ms = s->hook_ms,
                               .queue = s->hook_queue,
                               .parallel = s->hook_parallel,
                               .cache_ms = s->hook_cache_s * 1000};
    a->hub = hub;
    a->desk = desk_new(&rules, a->counts, tell, a);
}

void asking_close(struct asking *a)
{
    desk_free(&a->desk);
}

/* A question under way. */
struct about {
    struct asking *a;
    struct question *q;
};

static void none(struct asking *a, struct verdict *v, unsigned counter, const char *why)
{
    a->counts[counter].value++;
    verdict_none(v, counter == COUNT_hook_late ? ERR_LATER : ERR_WORLD, why);
}

static void judge(struct asking *a, const struct question *q, const struct call_end *end,
                  struct verdict *v)
{
    const char *why = NULL;
    bool answered = end->status == 200;
    arena_reset(a->scratch);
    if (answered)
        why = verdict_read(v, question_kind(q), end->body, a->scratch);
    if (answered && !why)
        return;
    if (end->late)
        none(a, v, COUNT_hook_late, "the application did not answer in time");
    else if (end->status == 0)
        none(a, v, COUNT_hook_unreached, "the application cannot be reached");
    else
        none(a, v, COUNT_hook_bad, "the application did not answer as it should");
    const char *said = end->status ? "the status must be 200" : end->why;
    log_line("hook.failed hook=%s status=%ld error=\"%s\"",
             question_kind(q) == HOOK_connect ? "connect" : "join", end->status, why ? why : said);
}

static void came(void *about, const struct call_end *end)
{
    struct about *b = about;
    struct verdict v;
    judge(b->a, b->q, end, &v);
    desk_answer(b->a->desk, b->q, &v, b->a->now_ms);
    free(b);
}

static void ask_application(struct asking *a, struct question *q)
{
    struct about *b = malloc(sizeof *b);
    ENSURE(b != NULL);
    *b = (struct about){a, q};
    uint64_t end_ms = question_deadline_ms(q);
    bool connect = question_kind(q) == HOOK_connect;
    struct call call = {.url = connect ? a->settings->hook_connect : a->settings->hook_join,
                        .key = a->key,
                        .etag = "",
                        .json = question_text(q),
                        .body_max = VERDICT_BODY_MAX,
                        .within_ms = end_ms > a->now_ms ? end_ms - a->now_ms : 1,
                        .done = came,
                        .about = b};
    a->counts[COUNT_hook_requests].value++;
    client_begin(a->client, &call);
}

static bool read_questions(struct asking *a)
{
    struct asker who;
    zmq_msg_t part;
    int n = 0;
    zmq_msg_init(&part);
    for (; n < BUDGET && hub_read(a->hub, &who.peer, &part); n++) {
        struct mp_in in = mp_over(sock_bytes(&part));
        struct msg m;
        while (msg_read(&in, &m)) {
            if (m.id != MSG_hook)
                continue;
            who.req = m.hook.req;
            desk_ask(a->desk, &m.hook, &who, a->now_ms);
        }
        if (!in.ok)
            log_line("hook.questions error=\"a message that is none of ours\"");
    }
    zmq_msg_close(&part);
    return n == BUDGET;
}

bool asking_turn(struct asking *a, uint64_t now_ms)
{
    a->now_ms = now_ms;
    client_turn(a->client, now_ms); /* answers first: they make room */
    bool more = read_questions(a);
    desk_tick(a->desk, now_ms);
    for (struct question *q; (q = desk_next(a->desk));)
        ask_application(a, q);
    hub_flush(a->hub);
    return more;
}

uint64_t asking_deadline_ms(const struct asking *a)
{
    uint64_t desk_ms = desk_deadline_ms(a->desk), client_ms = client_deadline_ms(a->client);
    return desk_ms < client_ms ? desk_ms : client_ms;
}
