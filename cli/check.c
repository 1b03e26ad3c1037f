/* SPDX-License-Identifier: Apache-2.0 */
/* belfry check -- has the store recount every inbox, page by page, and prints what does not agree.
 * The store goes on serving between pages. */
#include "cli/commands.h"
#include "lib/clock.h"
#include "lib/ensure.h"
#include "lib/link.h"
#include "lib/loop.h"
#include "proto/messages.h"

#include <stdio.h>

enum { PAGE_ITEMS = 10000, THERE_MS = 3000, ANSWER_MS = 60000, AGAIN_MS = 50 };

struct check {
    struct link link;
    char after[TOPIC_MAX + 1];
    uint64_t req;
    uint64_t until_ms; /* without any progress */
    uint64_t again_ms; /* ask again then; LOOP_NEVER while an answer is due */
    uint64_t inboxes, items, drifts;
};

static void ask(struct check *c)
{
    struct msg m = {.id = MSG_check,
                    .check = {.req = ++c->req,
                              .ttl_ms = ANSWER_MS,
                              .after = bytes_of(c->after),
                              .limit = PAGE_ITEMS}};
    msg_write(link_out(&c->link), &m);
    c->until_ms = clock_ms() + ANSWER_MS;
    c->again_ms = LOOP_NEVER;
}

static void print_drifts(struct check *c, struct mp_list drifts)
{
    struct mp_in in = list_in(drifts);
    struct msg m;
    while (msg_read(&in, &m)) {
        if (m.id != MSG_drift)
            continue;
        printf("drift %.*s %.*s: kept %llu, found %llu\n", (int)m.drift.topic.n, m.drift.topic.p,
               (int)m.drift.what.n, m.drift.what.p, (unsigned long long)m.drift.kept,
               (unsigned long long)m.drift.found);
        c->drifts++;
    }
}

/* True when that was the last page. */
static bool page(struct check *c, const struct msg_checked *m)
{
    if (m->req != c->req)
        return false; /* of a page that was asked for twice */
    if (m->status == ERR_LATER) {
        c->again_ms = clock_ms() + AGAIN_MS;
        return false;
    }
    if (m->status != ERR_OK)
        try_again("belfry check: the store says: %s",
                  m->status < ERR_COUNT ? err_text((enum err)m->status) : "no");
    c->inboxes += m->inboxes;
    c->items += m->items;
    print_drifts(c, m->drifts);
    snprintf(c->after, sizeof c->after, "%.*s", (int)m->next.n, m->next.p);
    if (m->next.n == 0)
        return true;
    ask(c);
    return false;
}

static bool read_answers(struct check *c)
{
    zmq_msg_t part;
    zmq_msg_init(&part);
    bool done = false;
    while (!done && link_read(&c->link, &part)) {
        struct mp_in in = mp_over(sock_bytes(&part));
        struct msg m;
        while (!done && msg_read(&in, &m))
            done = m.id == MSG_checked && page(c, &m.checked);
    }
    zmq_msg_close(&part);
    return done;
}

/* False: the store is not there. */
static bool all_pages(struct check *c)
{
    zmq_pollitem_t on[LINK_POLL];
    link_poll(&c->link, on);
    c->until_ms = clock_ms() + THERE_MS;
    c->again_ms = LOOP_NEVER;
    for (;;) {
        uint64_t now_ms = clock_ms();
        if (now_ms >= c->until_ms)
            return false;
        loop_wait(on, LINK_POLL, c->again_ms < c->until_ms ? c->again_ms : c->until_ms, now_ms);
        enum link_change change;
        while ((change = link_change(&c->link)) != LINK_same) {
            if (change == LINK_up) /* again after a restart of the store: the same page */
                ask(c);
            else
                c->until_ms = clock_ms() + THERE_MS;
        }
        if (read_answers(c))
            return true;
        if (c->link.up && clock_ms() >= c->again_ms)
            ask(c);
        link_flush(&c->link);
    }
}

int check_command(const struct args *a)
{
    struct settings s = args_settings(a);
    struct paths paths = paths_of(&s);
    bus_key_load(&s);
    static struct check c;
    void *ctx = zmq_ctx_new();
    ENSURE(ctx != NULL);
    link_open(&c.link, ctx, paths.store, FRAME_MAX);
    bool done = all_pages(&c);
    link_close(&c.link);
    zmq_ctx_term(ctx);
    if (!done) {
        fprintf(stderr, "belfry check: the store of %s does not answer: is it running?\n", s.data);
        return EXIT_not_running;
    }
    printf("checked %llu inboxes, %llu records: %llu drifts\n", (unsigned long long)c.inboxes,
           (unsigned long long)c.items, (unsigned long long)c.drifts);
    return c.drifts ? EXIT_no : 0;
}
