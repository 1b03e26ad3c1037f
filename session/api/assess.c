/* SPDX-License-Identifier: Apache-2.0 */
#include "session/api/assess.h"

#include "lib/ensure.h"
#include "lib/json.h"
#include "proto/items.h"
#include "proto/topic.h"
#include "proto/types.h"
#include "session/api/api.h"
#include "session/asks.h"
#include "session/bus.h"

#include <stdlib.h>

/* Until the store has answered: what was asked about, as one message. */
struct assessing {
    struct request *r;
    size_t n;
    char create[];
};

/* A copy of it; the caller's to free. */
static struct assessing *assessing_new(struct request *r, const struct msg_create *create)
{
    struct buf copy;
    struct msg whole = {.id = MSG_create, .create = *create};
    buf_init(&copy, FRAME_MAX);
    msg_write(&copy, &whole);
    struct assessing *x = malloc(sizeof *x + copy.n);
    ENSURE(x != NULL);
    *x = (struct assessing){.r = r, .n = copy.n};
    memcpy(x->create, copy.p, copy.n);
    buf_fini(&copy);
    return x;
}

typedef void (*assess_fn)(struct ask_waiter w, const struct msg *answer, enum err e);

/* Who may be disturbed? */
static void assess(struct session *s, struct request *r, const struct msg_create *create,
                   assess_fn done)
{
    struct msg m = {
        .id = MSG_assess,
        .assess = {.users = create->users, .type = create->type, .category = create->category}};
    ask(s->store, &m, s->now_ms, s->settings->request_ms, true,
        (struct ask_waiter){done, s, assessing_new(r, create), 0});
}

/* What was asked about, borrowed. */
static struct msg_create about(const struct assessing *x)
{
    struct mp_in in = mp_over((struct bytes){x->create, x->n});
    struct msg whole;
    ENSURE(msg_read(&in, &whole));
    return whole.create;
}

/* Is there a byte for each user? Else the request is told. */
static bool assessed(struct ask_waiter w, const struct msg *answer, enum err e,
                     const struct msg_create *c)
{
    struct assessing *x = w.about;
    bool good = e == ERR_OK && answer->id == MSG_assessed &&
                answer->assessed.why_not.n == c->users.count;
    if (!good)
        api_error(w.s, x->r, e == ERR_OK ? ERR_PROTOCOL : e);
    return good;
}

/* ---- told ---- */

/* A byte for each user; empty: all are 0. */
static unsigned nth(struct bytes of_each, uint32_t i)
{
    return i < of_each.n ? (unsigned char)of_each.p[i] : 0;
}

/* What would become of it. */
static const char *fate(const struct type_row *type, unsigned why, const struct msg_tried *t,
                        uint32_t i)
{
    if (nth(t->taken, i) == TAKEN_deduped)
        return "deduped";
    if (why == WHY_none)
        return "shown";
    if (!type->stored)
        return "not_sent";
    if (why == WHY_quiet_hours)
        return "quiet";
    return t->muted_kept ? "muted" : "not_kept";
}

static void write_user(struct buf *out, const struct type_row *type, const struct msg_tried *t,
                       uint32_t i)
{
    unsigned why = nth(t->why_not, i), evicts = nth(t->evicts, i);
    buf_format(out, ",\"would_be\":\"%s\"", fate(type, why, t, i));
    if (why != WHY_none && why < WHY_COUNT)
        buf_format(out, ",\"because\":\"%s\"", why_not_names[why]);
    if (nth(t->taken, i) == TAKEN_collapsed)
        buf_text(out, ",\"collapsed\":true");
    if (evicts > 0)
        buf_format(out, ",\"evicts\":%u", evicts);
    buf_byte(out, '}');
}

static void write_users(struct buf *out, const struct msg_create *c, const struct msg_tried *t)
{
    struct mp_in in = list_in(c->users);
    buf_text(out, "\"users\":[");
    for (uint32_t i = 0; i < c->users.count; i++) {
        buf_text(out, i ? ",{\"user\":" : "{\"user\":");
        json_write_string(out, mp_str(&in));
        write_user(out, type_row(c->type), t, i);
    }
    buf_byte(out, ']');
}

static void tell(struct session *s, struct request *r, const struct msg_create *c,
                 const struct msg_tried *t)
{
    struct buf out;
    buf_init(&out, TEXT_MAX);
    buf_text(&out, "{\"dry_run\":true,");
    if (t->repeated)
        buf_text(&out, "\"repeated\":true");
    else if (c->all)
        buf_text(&out, "\"all\":true");
    else if (c->topic.n > 0)
        buf_format(&out, "\"members\":%llu", (unsigned long long)t->members);
    else
        write_users(&out, c, t);
    buf_byte(&out, '}');
    http_answer(s, r, 200, "application/json", buf_all(&out), NULL);
    buf_fini(&out);
}

static void tried(struct ask_waiter w, const struct msg *answer, enum err e)
{
    struct assessing *x = w.about;
    struct msg_create c = about(x);
    if (e == ERR_OK && answer->id == MSG_tried)
        tell(w.s, x->r, &c, &answer->tried);
    else
        api_create_refused(w.s, x->r, &c, e == ERR_OK ? ERR_PROTOCOL : e);
    free(x);
}

static void assessed_dry(struct ask_waiter w, const struct msg *answer, enum err e)
{
    struct assessing *x = w.about;
    struct msg_create c = about(x);
    if (assessed(w, answer, e, &c))
        tell(w.s, x->r, &c, &(struct msg_tried){.why_not = answer->assessed.why_not});
    free(x);
}

void assess_dry(struct session *s, struct request *r, const struct msg_create *create)
{
    if (!type_row(create->type)->stored) {
        assess(s, r, create, assessed_dry);
        return;
    }
    struct assessing *x = assessing_new(r, create);
    struct msg m = {.id = MSG_try, .try = {.create = {{x->create, x->n}, 1}}};
    ask(s->store, &m, s->now_ms, s->settings->request_ms, true,
        (struct ask_waiter){tried, s, x, 0});
}

/* ---- heeded ---- */

/* Neither stored nor numbered: to the broker, at most once. */
static void push(struct ask_waiter w, const struct msg *answer, enum err e)
{
    struct assessing *x = w.about;
    struct msg_create c = about(x);
    if (assessed(w, answer, e, &c)) {
        struct mp_in in = list_in(c.users);
        char topic[TOPIC_MAX + 1], room[80];
        struct buf out = {.p = room, .cap = sizeof room, .max = sizeof room};
        uint64_t sent = 0, kept_from = 0;
        for (uint32_t i = 0; i < c.users.count; i++) {
            size_t n = topic_of_user(mp_str(&in), topic);
            struct msg_broadcast b = {.topic = {topic, n},
                                      .event = bytes_of(type_row(c.type)->event),
                                      .payload = c.content};
            bool may = answer->assessed.why_not.p[i] == WHY_none;
            kept_from += !may;
            sent += may && bus_publish(w.s, &b);
        }
        buf_format(&out, "{\"sent\":%llu", (unsigned long long)sent);
        if (kept_from > 0)
            buf_format(&out, ",\"muted\":%llu", (unsigned long long)kept_from);
        buf_byte(&out, '}');
        http_answer(w.s, x->r, 202, "application/json", buf_all(&out), NULL);
    }
    free(x);
}

void assess_push(struct session *s, struct request *r, const struct msg_create *create)
{
    assess(s, r, create, push);
}
