/* SPDX-License-Identifier: Apache-2.0 */
#include "session/socket/conn.h"

#include "lib/ensure.h"
#include "lib/log.h"
#include "proto/event.h"
#include "session/socket/addresses.h"
#include "session/bus.h"
#include "session/auth/joins.h"
#include "session/auth/refresh.h"
#include "session/live/live.h"
#include "session/socket/longpoll.h"
#include "session/socket/output.h"
#include "session/socket/phoenix.h"
#include "session/socket/websocket.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum { SHUT_MS = 2000 }; /* a client has so long to end its side */

#define AS_CODE(name, code, doc) {code, #name, COUNT_close_##name},
static const struct {
    uint16_t code;
    const char *name;
    unsigned counter;
} reasons[] = {CLOSE_REASONS(AS_CODE)};

static void *array(size_t n, size_t size)
{
    void *p = calloc(n, size);
    ENSURE(p != NULL);
    return p;
}

struct conns *conns_new(struct session *s, uint32_t max)
{
    struct conns *all = array(1, sizeof *all);
    all->max = max;
    all->slots = array(max, sizeof *all->slots); /* untouched pages cost nothing */
    all->free_ids = array(max, sizeof *all->free_ids);
    all->dirty_ids = array(2 * (size_t)max, sizeof *all->dirty_ids);
    s->conns = all;
    return all;
}

void conns_free(struct conns **slot)
{
    struct conns *all = *slot;
    *slot = NULL;
    if (!all)
        return;
    ENSURE(all->used == 0);
    free(all->spare);
    free(all->dirty_ids);
    free(all->free_ids);
    free(all->slots);
    free(all);
}

static char *claim(struct bytes text)
{
    if (text.n == 0)
        return NULL;
    char *copy = strndup(text.p, text.n);
    ENSURE(copy != NULL);
    return copy;
}

static void claims_drop(struct conn *c)
{
    free(c->topics);
    free(c->publish);
    c->topics = c->publish = NULL;
}

void conn_token(struct conn *c, const struct hello *hello)
{
    claims_drop(c);
    c->topics = claim(hello->topics);
    c->publish = claim(hello->publish);
    c->token_exp_s = hello->token_exp_s;
    c->token_iat_s = hello->token_iat_s;
    c->token_name = hello->token_name;
    c->warned = false;
}

struct conn *conn_new(struct session *s, enum conn_kind kind, int fd, const struct hello *hello)
{
    struct conns *all = s->conns;
    struct address *from = hello->from;
    if (all->used == all->max) {
        address_leave(s, &from);
        return NULL;
    }
    uint32_t id = all->free_n > 0 ? all->free_ids[--all->free_n] : all->fresh++;
    struct conn *c = &all->slots[id];
    *c = (struct conn){.id = id,
                       .generation = c->generation + 1,
                       .kind = (uint8_t)kind,
                       .vsn = hello->vsn,
                       .fd = fd,
                       .from = from,
                       .heard_ms = s->now_ms};
    memcpy(c->ip, hello->ip, sizeof c->ip);
    conn_token(c, hello);
    user_enter(s, c, hello->user);
    all->used++;
    count_one(s, COUNT_connections);
    count_one(s, kind == CONN_websocket ? COUNT_websockets : COUNT_longpolls);
    return c;
}

struct conn *conn_at(struct session *s, uint32_t id)
{
    bool taken = id < s->conns->fresh && s->conns->slots[id].kind != CONN_free;
    return taken ? &s->conns->slots[id] : NULL;
}

uint32_t conns_end(const struct session *s)
{
    return s->conns->fresh;
}

struct conn *conn_find(struct session *s, uint32_t id, uint32_t generation)
{
    struct conn *c = conn_at(s, id);
    return c && ((c->generation ^ generation) & 0xfffffff) == 0 ? c : NULL;
}

struct bytes conn_name(const struct session *s, const struct conn *c, char out[CONN_NAME])
{
    int n = snprintf(out, CONN_NAME, "%s.%u.%u", bus_name(s), c->id, c->generation);
    ENSURE(n > 0 && n < CONN_NAME);
    return (struct bytes){out, (size_t)n};
}

bool conns_full(const struct session *s)
{
    return s->conns->used + s->conns->kept >= s->conns->max;
}

void conns_keep(struct session *s)
{
    s->conns->kept++;
}

void conns_unkeep(struct session *s)
{
    ENSURE(s->conns->kept > 0);
    s->conns->kept--;
}

uint32_t conns_count(const struct session *s)
{
    return s->conns->used;
}

struct frame *conn_goodbye(enum close_reason reason, uint16_t code)
{
    char room[32];
    int n = snprintf(room, sizeof room, "%c%c%s", code >> 8, code & 0xff, reasons[reason].name);
    return ws_control(8, (struct bytes){room, (size_t)n});
}

void conn_close_with(struct session *s, struct conn *c, enum close_reason reason,
                     struct frame *last)
{
    if (!conn_open(c)) {
        frame_unref(&last);
        return;
    }
    count_one(s, reasons[reason].counter);
    log_line("session.close id=%u reason=%s user=%s waiting=%u", c->id, reasons[reason].name,
             log_safe(user_name(c->user)), c->out_bytes);
    joins_forget(s, c);
    refresh_forget(s, c);
    live_leave_all(s, c);
    if (reason == CLOSE_slow_reader)
        output_forget_unsent(s, c);
    output_append(s, c, last);
    c->closing = true;
    c->heard_ms = s->now_ms; /* from here on: when it must be over */
}

void conn_close(struct session *s, struct conn *c, enum close_reason reason)
{
    if (c->kind == CONN_longpoll)
        conn_drop(s, c, reason); /* its next poll finds nothing, and the client comes anew */
    else
        conn_close_with(s, c, reason, conn_goodbye(reason, reasons[reason].code));
}

void conn_drop(struct session *s, struct conn *c, enum close_reason reason)
{
    ENSURE(c->kind != CONN_free);
    if (!c->closing) {
        count_one(s, reasons[reason].counter);
        joins_forget(s, c);
        refresh_forget(s, c);
        live_leave_all(s, c);
    }
    bool websocket = c->kind == CONN_websocket;
    if (websocket)
        websocket_forget(s, c);
    else
        longpoll_forget(s, c);
    if (c->fd >= 0)
        close(c->fd);
    conn_forget(s, c, conn_waiting(c));
    user_leave(s, c);
    address_leave(s, &c->from);
    claims_drop(c);
    c->fd = -1;
    c->kind = CONN_free;
    s->conns->used--;
    if (!c->dirty) /* else the flush that finds it frees the slot */
        s->conns->free_ids[s->conns->free_n++] = c->id;
    gauge_down(s, COUNT_connections);
    gauge_down(s, websocket ? COUNT_websockets : COUNT_longpolls);
}

static bool overdue(uint64_t now_ms, uint64_t since_ms, uint64_t limit_ms)
{
    return now_ms > since_ms && now_ms - since_ms > limit_ms;
}

/* On topic `phoenix`, as the heartbeat: phoenix.js hands it to socket.onMessage(). */
static void warn(struct session *s, struct conn *c)
{
    char room[100];
    struct buf out = {.p = room, .cap = sizeof room, .max = sizeof room};
    buf_text(&out, "{\"expires_at\":");
    time_write(&out, c->token_exp_s * 1000);
    buf_byte(&out, '}');
    c->warned = true;
    conn_send(s, c,
              phx_frame((enum phx_vsn)c->vsn, PHX_NULL, PHX_NULL, BYTES("phoenix"),
                        BYTES("token_expiring"), buf_all(&out)));
}

static void sweep_token(struct session *s, struct conn *c)
{
    uint64_t now_s = s->wall_ms / 1000;
    if (!conn_open(c))
        return;
    if (c->token_exp_s <= now_s)
        conn_close(s, c, CLOSE_expired);
    else if (!c->warned && c->token_exp_s - now_s <= CONN_WARN_S)
        warn(s, c);
}

void conns_sweep(struct session *s)
{
    const struct settings *set = s->settings;
    for (uint32_t id = 0; id < s->conns->fresh; id++) {
        struct conn *c = &s->conns->slots[id];
        sweep_token(s, c);
        if (c->kind == CONN_longpoll)
            longpoll_sweep(s, c);
        if (c->kind != CONN_websocket)
            continue;
        if (c->closing && overdue(s->now_ms, c->heard_ms, SHUT_MS))
            conn_drop(s, c, CLOSE_gone);
        else if (c->closing)
            continue;
        else if (c->blocked_ms > 0 && overdue(s->now_ms, c->blocked_ms, set->stall_ms))
            conn_close(s, c, CLOSE_slow_reader);
        else if (overdue(s->now_ms, c->heard_ms, set->idle_ms))
            conn_close(s, c, CLOSE_idle);
    }
}

void conns_drain(struct session *s, uint32_t n)
{
    struct conns *all = s->conns;
    for (uint32_t looked = 0; n > 0 && looked < all->fresh; looked++) {
        struct conn *c = &all->slots[all->drain_at++ % all->fresh];
        if (!conn_open(c))
            continue;
        conn_close(s, c, CLOSE_drain);
        n--;
    }
}

void conns_drop_all(struct session *s)
{
    for (uint32_t id = 0; id < s->conns->fresh; id++)
        if (s->conns->slots[id].kind != CONN_free)
            conn_drop(s, &s->conns->slots[id], CLOSE_drain);
}
