/* SPDX-License-Identifier: Apache-2.0 */
/* holes.c -- where nothing was lost, nothing is missed. A view that is live has every broadcast of its
 * topic, in order, from its snapshot on: its subscription held before the snapshot was asked for. So
 * as long as no wire broke and no process died it never has to read a hole from the log, however slow
 * all is. Heads and the log heal a view that began wrongly, within what is promised: only this shows. */
#include "session/view.h"
#include "tests/sim/model.h"

enum { HEALED_S = 8 }; /* what was lost is found by then, with slow wires too */

/* NOLINTBEGIN(bugprone-reserved-identifier): the linker makes these names */
void __real_view_step(struct view *v, const struct view_event *ev, struct view_effects *fx);
void __wrap_view_step(struct view *v, const struct view_event *ev, struct view_effects *fx);
/* NOLINTEND(bugprone-reserved-identifier) */

void __wrap_view_step(struct view *v, const struct view_event *ev, struct view_effects *fx)
{
    bool live = v->state == VIEW_live;
    uint64_t seq = v->seq;
    __real_view_step(v, ev, fx);
    bool hole = live && v->state == VIEW_healing &&
                (ev->kind == EV_broadcast || ev->kind == EV_head);
    if (hole && !model_silent(seq, ev->seq) &&
        (sim.lost_us == 0 || sim.now_us > sim.lost_us + HEALED_S * SECOND))
        wrong("hole",
              "%s has a view up to seq %llu that missed what came before %llu, and nothing "
              "was lost",
              place_name(sim.self), (unsigned long long)seq, (unsigned long long)ev->seq);
}
