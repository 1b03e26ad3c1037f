/* SPDX-License-Identifier: Apache-2.0 */
/* run.c -- one seed: it storms, as planned; then everything is healed, and must be right in time. */
#include "tests/sim/model.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* After the last fault: the bound of design section 8; until everybody is back, as they come by their
 * own timers. */
enum { RIGHT_S = 2, BACK_S = 16 };

struct sim sim;
struct verdict verdict;
uint64_t run_us;

void wrong(const char *check, const char *format, ...)
{
    va_list args;
    if (verdict.wrong)
        return;
    verdict.wrong = true;
    verdict.at_us = sim.now_us;
    snprintf(verdict.check, sizeof verdict.check, "%s", check);
    va_start(args, format);
    vsnprintf(verdict.what, sizeof verdict.what, format, args);
    va_end(args);
    tell("WRONG", "%s: %s", verdict.check, verdict.what);
}

static struct topic_class class(const char *pattern, unsigned history, bool presence)
{
    struct topic_class c = {.join_text = "authenticated",
                            .publish_text = "authenticated",
                            .events = "message.create",
                            .history = history,
                            .presence = presence,
                            .presence_max = 100,
                            .echo = 1};
    snprintf(c.pattern, sizeof c.pattern, "%s", pattern);
    return c;
}

/* In every fourth run inboxes are so small that what is old gives way. */
static uint64_t max_items(void)
{
    struct dice d = dice_of(50, 0);
    return roll(&d, 4) == 0 ? roll_between(&d, 3, 20) : 0;
}

static void settle(void)
{
    static struct settings standard;
    char room[300];
    struct buf why = {.p = room, .cap = sizeof room, .max = sizeof room};
    if (standard.sessions == 0) {
        standard = settings_load(NULL, "sim");
        standard.sessions = SESSIONS;
        standard.connections = 2 * CLIENTS;
        standard.output_bytes = 4096; /* so that a client that stalls falls behind */
        standard.poll_reap_ms = 6000; /* a long-poll that is given up leaves the room by then */
        standard.reserve_mb = 1;
        standard.classes[0] = class("channel:{id}", HISTORY, false);
        standard.classes[1] = class("room:{id}", 0, true);
        standard.classes_n = 2;
        standard.rules[0] = (struct topic_rule){.event = "message.create",
                                                .topic = "channel:{id}",
                                                .type = "activity",
                                                .title = "New in {id}"};
        standard.rules_n = 1;
        if (!class_check(&standard.classes[0], &why) || !class_check(&standard.classes[1], &why) ||
            !rule_check(&standard.rules[0], standard.classes, 2, &why)) {
            fprintf(stderr, "%.*s\n", (int)why.n, why.p);
            abort();
        }
    }
    sim.settings = standard;
    sim.settings.max_items = max_items();
    sim.paths = paths_of(&sim.settings);
}

static void storm(const struct plan *p)
{
    for (unsigned i = 0; i < p->n && !verdict.wrong; i++) {
        world_run(p->list[i].at_us);
        if (!verdict.wrong)
            step_run(&p->list[i]);
    }
    world_run(p->storm_end_us);
}

static void calm(void)
{
    memset(&disk, 0, sizeof disk);
    clients_online();
    if (sim.fault_us < sim.now_us)
        sim.fault_us = sim.now_us;
    world_run(sim.fault_us);
    network_heal();
    world_run(sim.fault_us + RIGHT_S * SECOND);
    if (!verdict.wrong)
        clients_check(false);
    world_run(sim.fault_us + (BACK_S - RIGHT_S) * SECOND);
    producers_look();
    world_run(sim.fault_us + BACK_S * SECOND);
    if (!verdict.wrong && !producers_idle())
        wrong("not answered", "a back end still waits for an answer");
    if (!verdict.wrong)
        model_quiet();
    if (!verdict.wrong)
        clients_check(true);
}

struct verdict run_plan(const struct plan *p, uint64_t seed, bool tell_it)
{
    sim = (struct sim){.seed = seed, .self = PLACES};
    verdict = (struct verdict){0};
    telling = tell_it;
    settle();
    network_open();
    front_open();
    disk_open();
    model_open();
    world_open();
    clients_open();
    producers_open();
    storm(p);
    if (!verdict.wrong)
        calm();
    run_us += sim.now_us;
    struct verdict found = verdict;
    world_close();
    clients_close();
    model_close();
    front_close();
    network_close();
    disk_close();
    telling = false;
    return found;
}
