/* SPDX-License-Identifier: Apache-2.0 */
/* presence: --users join one topic with presence, --opening at a time. How long until each of them
 * knows of all, and what was sent to them meanwhile?
 *
 * A list says who is there, a diff who came and went, and above the topic's presence_max only the
 * count is told: each member keeps its count from these, and must end at --users. */
#include "bench/load/crowd.h"

#include "lib/ensure.h"
#include "lib/json.h"

#include <stdlib.h>

#define SECOND UINT64_C(1000000000)
enum { TOLD = 64 };

/* Most of what is told goes to many: it is read once. */
struct told {
    struct buf text;
    int64_t count;
    bool absolute;
};

struct presence {
    struct bench *bench;
    struct told told[TOLD];
    unsigned told_at;
    uint64_t knowing, messages, bytes;
};

static int64_t keys_of(struct bytes object)
{
    struct json in = json_over(object);
    struct bytes key, value;
    int64_t n = 0;
    if (object.n == 0)
        return 0;
    json_enter(&in, '{');
    while (json_member(&in, &key, &value))
        n++;
    return n;
}

static bool read_told(struct told *t, struct bytes text)
{
    struct phoenix m;
    uint64_t count;
    if (!phoenix_read(text, &m))
        return false;
    t->absolute = true;
    if (bytes_is(m.event, "presence_count") && field_u64(m.payload, "count", &count))
        t->count = (int64_t)count;
    else if (bytes_is(m.event, "presence_state"))
        t->count = keys_of(m.payload);
    else
        t->absolute = false;
    if (!t->absolute && !bytes_is(m.event, "presence_diff"))
        return false;
    if (!t->absolute)
        t->count = keys_of(field(m.payload, "joins")) - keys_of(field(m.payload, "leaves"));
    buf_reset(&t->text);
    buf_bytes(&t->text, text);
    return true;
}

static const struct told *told_of(struct presence *p, struct bytes text)
{
    for (unsigned i = 0; i < TOLD; i++)
        if (bytes_equal(buf_all(&p->told[i].text), text))
            return &p->told[i];
    struct told *t = &p->told[p->told_at % TOLD];
    if (!read_told(t, text))
        return NULL;
    p->told_at++;
    return t;
}

static bool took(struct member *m, struct bytes text, void *of)
{
    struct presence *p = of;
    const struct told *t = told_of(p, text);
    if (!t)
        return false;
    bool knew = m->unread == p->bench->opt.users;
    p->messages++;
    p->bytes += text.n;
    m->unread = t->absolute ? (uint64_t)t->count : m->unread + (uint64_t)t->count;
    bool knows = m->unread == p->bench->opt.users;
    p->knowing += (uint64_t)knows - (uint64_t)knew;
    return true;
}

void presence_run(struct bench *b)
{
    struct presence *p = calloc(1, sizeof *p);
    ENSURE(p != NULL);
    p->bench = b;
    for (unsigned i = 0; i < TOLD; i++)
        buf_init(&p->told[i].text, 1 << 20);
    struct usage before, after;
    usage_read(&before, &b->server);
    uint64_t from = clock_ns(), joined, until;
    struct crowd *c = crowd_open(
        b, &(struct crowd_plan){
               .count = (uint32_t)b->opt.users, .topic = "bench-presence", .took = took, .of = p});
    joined = clock_ns();
    for (until = joined + 10 * SECOND; p->knowing < c->count && clock_ns() < until;)
        poller_turn(b->poller, until);
    uint64_t known = clock_ns();
    usage_read(&after, &b->server);
    usage_same(&before, &after);
    if (p->knowing < c->count)
        bench_failed(b, "%llu of %u know of all", (unsigned long long)p->knowing, c->count);

    report_add(&b->report, (double)c->count * 1e9 / (double)(joined - from), 0, "joins_per_s");
    report_times(&b->report, "join", &c->join_times);
    report_add(&b->report, (double)(known - joined) / 1e6, 1, "all_know_after_ms");
    report_add(&b->report, (double)p->messages / c->count, 1, "messages_each");
    report_add(&b->report, (double)p->bytes / c->count, 0, "bytes_each");
    crowd_report(c);
    usage_report_cpu(&b->report, &before, &after, c->count);
    crowd_free(&c);
    for (unsigned i = 0; i < TOLD; i++)
        buf_fini(&p->told[i].text);
    free(p);
}
