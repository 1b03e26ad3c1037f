/* SPDX-License-Identifier: Apache-2.0 */
/* world.c -- the clock, and the processes: whose turn is next, kill -9, SIGSTOP, the supervisor. */
#include "lib/clock.h"
#include "lib/ensure.h"
#include "lib/log.h"
#include "lib/loop.h"
#include "lib/secret.h"
#include "tests/sim/sim.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

enum { BACK_LEAST_MS = 150, BACK_MOST_MS = 900 }; /* as belfry serve starts who died */

struct process {
    const struct program *program;
    bool there;
    uint64_t life;      /* the how manieth in this place */
    uint64_t wake_us;   /* something asks for a turn then */
    uint64_t turned_us; /* the last turn */
    uint64_t frozen_us; /* stopped until then */
    uint64_t back_us;   /* dead: until then */
};

static struct process all[PLACES];
static struct dice chance, secrets;
static jmp_buf leaving; /* the process at work exits, or broke an ENSURE */

static unsigned index_of(unsigned place)
{
    return place < AT_session ? 0 : place - AT_session;
}

const char *place_name(unsigned place)
{
    static const char *const names[] = {"store",     "broker",    "notifier", "session.0",
                                        "session.1", "session.2", "session.3"};
    return names[place];
}

bool world_there(unsigned place)
{
    return all[place].there;
}

bool world_alive(unsigned place)
{
    return all[place].there && all[place].frozen_us <= sim.now_us;
}

uint64_t world_life(unsigned place)
{
    return all[place].life;
}

void world_wake(unsigned place, uint64_t at_us)
{
    if (at_us < all[place].wake_us)
        all[place].wake_us = at_us;
}

uint64_t wall_ms(void)
{
    return (uint64_t)((int64_t)(WALL_START + sim.now_us / MS) + sim.wall_step_ms);
}

uint64_t wall_most_ms(void)
{
    return wall_ms() > sim.wall_most_ms ? wall_ms() : sim.wall_most_ms;
}

bool world_enter(unsigned place, bool (*run)(unsigned index))
{
    sim.self = place;
    bool stays = setjmp(leaving) == 0 && run(index_of(place));
    sim.self = PLACES;
    return stays;
}

/* ---- dying and coming back */

static void end(unsigned place)
{
    struct process *p = &all[place];
    p->there = false;
    network_died(place);
    front_died(place);
    world_enter(place, p->program->end);
}

void world_kill(unsigned place, uint64_t back_us)
{
    struct process *p = &all[place];
    if (!p->there)
        return;
    if (place == AT_store)
        disk_crash(&chance);
    end(place);
    p->frozen_us = 0;
    p->back_us = back_us;
}

void world_freeze(unsigned place, uint64_t until_us)
{
    if (all[place].there)
        all[place].frozen_us = until_us;
}

/* It left by itself: the supervisor starts it again. */
static void exited(unsigned place, const char *how)
{
    uint64_t back_us = sim.now_us + roll_between(&chance, BACK_LEAST_MS, BACK_MOST_MS) * MS;
    tell("world", "%s %s", place_name(place), how);
    world_kill(place, back_us);
    if (sim.fault_us < back_us)
        sim.fault_us = back_us;
}

void world_drain(unsigned place)
{
    if (!all[place].there || place < AT_session)
        return;
    world_enter(place, session_term);
    world_wake(place, sim.now_us);
}

static void start(unsigned place)
{
    struct process *p = &all[place];
    p->there = true;
    p->life++;
    p->back_us = NEVER;
    p->wake_us = sim.now_us;
    tell("world", "%s starts", place_name(place));
    if (!world_enter(place, p->program->start) && !verdict.wrong)
        exited(place, "exits");
}

static uint64_t next_turn_us(unsigned place)
{
    const struct process *p = &all[place];
    if (!p->there)
        return p->back_us;
    uint64_t due_us = p->wake_us, least_us = p->turned_us + TURN_US;
    if (due_us < least_us)
        due_us = least_us;
    return due_us < p->frozen_us ? p->frozen_us : due_us;
}

static void plan_wake(unsigned place)
{
    struct process *p = &all[place];
    uint64_t deadline_ms = p->program->deadline_ms(index_of(place));
    p->wake_us = deadline_ms > sim.now_us / MS ? deadline_ms : sim.now_us / MS;
    p->wake_us = deadline_ms >= NEVER / MS ? NEVER : p->wake_us * MS;
    world_wake(place, network_arrival_us(place));
    if (place >= AT_session)
        world_wake(place, front_arrival_us(place));
}

static void turn(unsigned place)
{
    struct process *p = &all[place];
    if (!p->there) {
        start(place);
        return;
    }
    p->turned_us = sim.now_us;
    p->wake_us = NEVER;
    if (!world_enter(place, p->program->turn) && !verdict.wrong)
        exited(place, "leaves");
    else if (p->there)
        plan_wake(place);
}

/* ---- the loop */

void world_open(void)
{
    static const struct program *const programs[] = {&store_program, &broker_program,
                                                     &notifier_program};
    memset(all, 0, sizeof all);
    chance = dice_of(1, 1);
    secrets = dice_of(2, 2);
    for (unsigned i = 0; i < PLACES; i++)
        all[i] = (struct process){.program = i < AT_session ? programs[i] : &session_program,
                                  .back_us = roll(&chance, 50 * MS),
                                  .wake_us = NEVER};
}

void world_close(void)
{
    for (unsigned i = 0; i < PLACES; i++)
        if (all[i].there)
            end(i);
}

static uint64_t sooner(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

void world_run(uint64_t until_us)
{
    while (!verdict.wrong) {
        uint64_t network = network_due_us(), front = front_due_us(), commits = disk_due_us();
        uint64_t clients = clients_due_us(), producers = producers_due_us(), first = NEVER;
        unsigned who = 0;
        for (unsigned i = 0; i < PLACES; i++)
            if (next_turn_us(i) < first) {
                first = next_turn_us(i);
                who = i;
            }
        uint64_t other = sooner(sooner(sooner(network, front), sooner(commits, clients)),
                                producers);
        uint64_t next = sooner(first, other);
        if (next >= until_us)
            break;
        if (next > sim.now_us)
            sim.now_us = next;
        if (other > first)
            turn(who);
        else if (network == other)
            network_run();
        else if (front == other)
            front_run();
        else if (commits == other)
            disk_run();
        else if (clients == other)
            clients_run();
        else
            producers_run();
    }
    if (!verdict.wrong)
        sim.now_us = until_us;
}

/* ---- what the processes call: the linker gives them these (Makefile: --wrap) */

/* NOLINTBEGIN(bugprone-reserved-identifier): the linker makes these names */
uint64_t __wrap_clock_ms(void);
uint64_t __wrap_clock_wall_ms(void);
void __wrap_secret_random(void *out, size_t n);
void __wrap_log_line(const char *format, ...);
_Noreturn void __wrap_try_again(const char *format, ...);
_Noreturn void __wrap_refuse(const char *format, ...);
_Noreturn void __wrap_ensure_failed(const char *what, const char *file, int line);
_Noreturn void __real_ensure_failed(const char *what, const char *file, int line);
/* NOLINTEND(bugprone-reserved-identifier) */

uint64_t __wrap_clock_ms(void)
{
    return sim.now_us / MS;
}

uint64_t __wrap_clock_wall_ms(void)
{
    return wall_ms();
}

void __wrap_secret_random(void *out, size_t n)
{
    for (size_t i = 0; i < n; i++)
        ((uint8_t *)out)[i] = (uint8_t)roll(&secrets, 256);
}

void __wrap_log_line(const char *format, ...)
{
    char line[400];
    va_list args;
    if (!telling || sim.self == PLACES || !world_there(sim.self))
        return;
    va_start(args, format);
    vsnprintf(line, sizeof line, format, args);
    va_end(args);
    tell(place_name(sim.self), "logs %s", line);
}

static _Noreturn void leave(const char *format, va_list args)
{
    char line[400];
    vsnprintf(line, sizeof line, format, args);
    tell(place_name(sim.self), "exits: %s", line);
    longjmp(leaving, 1);
}

void __wrap_try_again(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    leave(format, args);
}

void __wrap_refuse(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    if (sim.self < PLACES)
        wrong("refuses to start", "%s says %s", place_name(sim.self), format);
    leave(format, args);
}

void __wrap_ensure_failed(const char *what, const char *file, int line)
{
    if (sim.self >= PLACES)
        __real_ensure_failed(what, file, line); /* ours */
    if (world_there(sim.self))
        wrong("ensure", "%s breaks ENSURE(%s) at %s:%d", place_name(sim.self), what, file, line);
    longjmp(leaving, 2);
}
