/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/load/inbox.h"

#include "lib/json.h"

/* Take the state that a reply or a sync brings whole. */
static bool take_state(struct member *m, struct bytes state)
{
    return field_u64(state, "seq", &m->seq) && field_u64(state, "unread_count", &m->unread) &&
           field_u64(state, "epoch", &m->epoch);
}

/* One durable event: it must follow the one before it. */
static bool follows(struct member *m, struct bytes name, struct bytes payload)
{
    struct crowd *c = m->crowd;
    uint64_t seq, prev, unread;
    if (!field_u64(payload, "seq", &seq) || !field_u64(payload, "prev", &prev) ||
        !field_u64(payload, "unread_count", &unread))
        return true; /* toast, transient: not numbered */
    if (seq <= m->seq) {
        c->repeats++;
        return false;
    }
    if (prev != m->seq)
        c->holes++;
    else if (bytes_is(name, "notification:new") && unread != m->unread + 1)
        c->wrong_counts++;
    m->seq = seq;
    m->unread = unread;
    return true;
}

static void tell(struct member *m, struct bytes name, struct bytes payload)
{
    const struct crowd_plan *plan = &m->crowd->plan;
    if (plan->heard)
        plan->heard(m, &(struct phoenix){.event = name, .payload = payload}, plan->of);
}

void inbox_event(struct member *m, const struct phoenix *event)
{
    if (bytes_is(event->event, "notifications:sync")) {
        uint64_t before = m->seq;
        m->crowd->syncs++;
        if (take_state(m, event->payload))
            tell(m, event->event, event->payload);
        m->crowd->repeats += m->seq < before; /* gone back */
    } else if (follows(m, event->event, event->payload)) {
        tell(m, event->event, event->payload);
    }
}

/* {"event":..,"payload":..} of a resumed join. */
static void missed(struct member *m, struct bytes change)
{
    struct bytes name = field(change, "event"), payload = field(change, "payload");
    if (name.n < 2)
        return;
    name = (struct bytes){name.p + 1, name.n - 2};
    if (follows(m, name, payload))
        tell(m, name, payload);
}

bool inbox_joined(struct member *m, struct bytes response)
{
    struct bytes changes = field(response, "changes"), change;
    uint64_t before = m->seq;
    if (changes.n > 0) {
        struct json in = json_over(changes);
        json_enter(&in, '[');
        while (json_element(&in, &change))
            missed(m, change);
    } else if (m->was_lost) { /* a snapshot, as too much was missed: like a sync */
        m->crowd->syncs++;
        tell(m, BYTES("snapshot"), response);
    }
    bool ok = take_state(m, response);
    m->crowd->repeats += m->seq < before; /* gone back */
    return ok;
}
