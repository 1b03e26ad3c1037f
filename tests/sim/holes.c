/* SPDX-License-Identifier: Apache-2.0 */
/* holes.c -- what views send, looked at where they decide it.
 *
 * Holes       where nothing was lost, nothing is missed. A view that is live has every broadcast of its
 *             topic, in order, from its snapshot on: its subscription held before the snapshot was asked
 *             for. So as long as no wire broke and no process died it never has to read a hole from the
 *             log, however slow all is. Heads and the log heal a view that began wrongly, within what is
 *             promised: only this shows.
 * Everywhere  when it was said that a change of what was published is told everywhere (R19), no view sends
 *             an inbox from before it. */
#include "session/live/view.h"
#include "tests/sim/model.h"

enum { HEALED_S = 8 }; /* what was lost is found by then, with slow wires too */

/* NOLINTBEGIN(bugprone-reserved-identifier): the linker makes these names */
void __real_view_step(struct view *v, const struct view_event *ev, struct view_effects *fx);
void __wrap_view_step(struct view *v, const struct view_event *ev, struct view_effects *fx);
/* NOLINTEND(bugprone-reserved-identifier) */

static bool shows(const struct view_effects *fx)
{
    for (unsigned i = 0; i < fx->n; i++)
        switch (fx->list[i].kind) {
        case FX_send:
        case FX_send_changes:
        case FX_send_sync:
        case FX_reply_snapshot:
        case FX_reply_changes:
            return true;
        default:
            break;
        }
    return false;
}

static void told_everywhere(const struct view_event *ev)
{
    for (unsigned u = 0; ev->seq > 0 && u < USERS; u++)
        if (model_is(u, ev->seq) && ev->seq < model_told(u))
            wrong("told, yet sent", "%s sends %s up to seq %llu, and seq %llu was told everywhere",
                  place_name(sim.self), users[u], (unsigned long long)ev->seq,
                  (unsigned long long)model_told(u));
}

void __wrap_view_step(struct view *v, const struct view_event *ev, struct view_effects *fx)
{
    bool live = v->state == VIEW_live;
    uint64_t seq = v->seq;
    __real_view_step(v, ev, fx);
    if (world_there(sim.self) && shows(fx))
        told_everywhere(ev);
    bool hole = live && v->state == VIEW_healing &&
                (ev->kind == EV_broadcast || ev->kind == EV_head);
    if (hole && !model_silent(seq, ev->seq) &&
        (sim.lost_us == 0 || sim.now_us > sim.lost_us + HEALED_S * SECOND))
        wrong("hole",
              "%s has a view up to seq %llu that missed what came before %llu, and nothing "
              "was lost",
              place_name(sim.self), (unsigned long long)seq, (unsigned long long)ev->seq);
}
