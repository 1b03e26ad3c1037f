/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/inboxes/costs.h"

#include "bench/inboxes/asking.h"
#include "bench/load/server.h"
#include "lib/ensure.h"
#include "proto/topic.h"

#include <stdio.h>

enum { CREATES = 50000, WAITING = 256, FILLED = 500000, FEW = 1000 };

static uint64_t inboxes, items; /* of this round: so many inboxes, with so many items each */

static struct bytes full_name(char room[NAME], uint64_t number)
{
    int n = snprintf(room, NAME, "%llu-%llu", (unsigned long long)items,
                     (unsigned long long)(number % inboxes));
    return (struct bytes){room, (size_t)n};
}

static struct bytes any_name(char room[NAME], uint64_t number)
{
    uint64_t mixed = (number + 1) * UINT64_C(0x9e3779b97f4a7c15);
    return user_name(room, (mixed ^ mixed >> 32) % inboxes);
}

/* One user each. */
static void create_each(name_of *name, uint64_t n)
{
    char room[NAME], list[NAME + 8];
    for (uint64_t i = 0; i < n + WAITING; i++) {
        if (i >= WAITING)
            receive();
        if (i >= n)
            continue;
        struct buf user = {.p = list, .cap = sizeof list, .max = sizeof list};
        mp_put_str(&user, name(room, i));
        struct msg m = create_for(list_of(&user, 1));
        send_one(&m);
    }
}

static void measure(struct report *r, const char *data, name_of *name, const char *what, uint64_t n)
{
    struct server server = {.data = data};
    struct usage before, after;
    usage_read(&before, &server);
    create_each(name, CREATES);
    usage_read(&after, &server);
    usage_same(&before, &after);
    for (size_t i = 0; i < after.count; i++)
        if (strcmp(after.of[i].role, "store") == 0)
            report_add(r, (after.of[i].cpu_s - before.of[i].cpu_s) * 1e6 / CREATES, 2, "%llu_%s_us",
                       (unsigned long long)n, what);
}

void costs_run(struct report *r, const char *data, uint64_t most)
{
    for (inboxes = FEW; inboxes <= most; inboxes *= 10) { /* first: the store is small */
        create_all(user_name, inboxes, 1);
        measure(r, data, any_name, "inboxes", inboxes);
    }
    for (items = 1; items <= most; items *= 10) {
        inboxes = FILLED / items < 1 ? 1 : FILLED / items < CREATES ? FILLED / items : CREATES;
        create_all(full_name, inboxes, items);
        measure(r, data, full_name, "items", items);
    }
}
