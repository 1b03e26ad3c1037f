/* SPDX-License-Identifier: Apache-2.0 */
/* asking.h -- between session processes that ask (hub.h), the desk that decides, and the application. */
#pragma once

#include "hook/client.h"
#include "hook/desk.h"
#include "hook/hook.h"

struct asking {
    const struct settings *settings;
    struct counter *counts;
    struct client *client;
    struct hub *hub;
    struct desk *desk;
    struct arena *scratch;
    const char *key; /* what the application knows us by */
    uint64_t now_ms;
};

void asking_open(struct asking *a, struct hub *hub);
void asking_close(struct asking *a);

/* One turn: take in what came, and ask what may be asked. True: there is more to be read. */
bool asking_turn(struct asking *a, uint64_t now_ms);
uint64_t asking_deadline_ms(const struct asking *a);
