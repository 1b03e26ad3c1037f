/* SPDX-License-Identifier: Apache-2.0 */
#include "store/audit.h"

#include "lib/ensure.h"
#include "lib/log.h"
#include "proto/messages.h"
#include "store/counts.h"

enum { LOGGED = 20 }; /* of a page */

void audit_init(struct audit *a)
{
    check_job_init(&a->job);
    buf_init(&a->after, TOPIC_MAX);
    buf_init(&a->repairs, FRAME_MAX);
}

void audit_fini(struct audit *a)
{
    check_job_fini(&a->job);
    buf_fini(&a->after);
    buf_fini(&a->repairs);
}

uint64_t audit_due_ms(const struct audit *a)
{
    return a->every_ms == 0 || a->job.busy ? UINT64_MAX : a->due_ms;
}

struct check_job *audit_next(struct audit *a, uint64_t now_ms)
{
    if (now_ms < audit_due_ms(a))
        return NULL;
    if (a->after.n == 0)
        a->round_ms = now_ms;
    struct msg m = {.id = MSG_check, .check = {.after = buf_all(&a->after), .limit = AUDIT_PAGE}};
    buf_reset(&a->job.request);
    msg_write(&a->job.request, &m);
    a->job.busy = true;
    return &a->job;
}

/* The next page, or the first of a new round. */
static void move(struct audit *a, const struct msg_checked *page, uint64_t now_ms)
{
    uint64_t pages = (page->items + page->inboxes) / AUDIT_PAGE;
    uint64_t round_ms = a->round_ms + AUDIT_ROUND * a->every_ms;
    a->due_ms = now_ms + (pages > 1 ? pages : 1) * a->every_ms;
    buf_reset(&a->after);
    buf_bytes(&a->after, page->next);
    if (page->next.n == 0 && a->due_ms < round_ms)
        a->due_ms = round_ms;
}

static void say(const struct msg_drift *d)
{
    log_line("store.drift topic=%s what=\"%.*s\" is=%llu should=%llu", log_safe(d->topic),
             (int)d->what.n, d->what.p, (unsigned long long)d->kept, (unsigned long long)d->found);
}

static void add_repair(struct audit *a, const uint8_t *from, const uint8_t *to, uint32_t drifts)
{
    struct msg m = {.id = MSG_repair,
                    .repair = {.drifts = {{(const char *)from, (size_t)(to - from)}, drifts}}};
    if (drifts > 0)
        msg_write(&a->repairs, &m);
}

/* Neighbours of one topic are one repair. */
static void look(struct audit *a, struct mp_list drifts)
{
    struct mp_in in = list_in(drifts);
    struct bytes topic = {0};
    struct msg m;
    const uint8_t *from = in.p;
    uint32_t n = 0, logged = 0;
    for (const uint8_t *at = in.p; msg_read(&in, &m); at = in.p, n++) {
        if (logged++ < LOGGED)
            say(&m.drift);
        if (bytes_equal(topic, m.drift.topic))
            continue;
        add_repair(a, from, at, n);
        from = at;
        n = 0;
        topic = m.drift.topic;
    }
    add_repair(a, from, in.p, n);
    if (logged > LOGGED)
        log_line("store.drift more=%u", logged - LOGGED);
}

void audit_read(struct audit *a, struct counter *counts, uint64_t now_ms)
{
    struct mp_in in = mp_over(buf_all(&a->job.answer));
    struct msg m;
    ENSURE(msg_read(&in, &m) && m.id == MSG_checked);
    buf_reset(&a->repairs);
    if (m.checked.status != ERR_OK) {
        a->due_ms = now_ms + a->every_ms; /* the same page again */
        return;
    }
    counts[COUNT_audited].value += m.checked.inboxes;
    counts[COUNT_count_mismatch].value += m.checked.drifts.count;
    look(a, m.checked.drifts);
    move(a, &m.checked, now_ms);
}
